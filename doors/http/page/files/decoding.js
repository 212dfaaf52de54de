/**
 * The payload of a chunk -> its samples, in order: PCM at once, packets of Opus by the browser's own decoder.
 *
 * A decoder gives `put(chunk, samples)` for every chunk; `end` resolves when it was given for all of them.
 */

const SCALE = 1 / 32768;
const PACKET_US = 20_000;
// Browsers decode Opus at 48 kHz, whatever it was made of. Of sound that has nothing above half of a lower rate every
// n-th sample is that rate's; libopus decodes to lower rates in the same way.
const OPUS = { codec: "opus", sampleRate: 48_000, numberOfChannels: 1 };

export const ENCODINGS = ["pcm_s16le", "opus"];

/** Whether this browser decodes Opus. */
export async function decodesOpus() {
  if (!("AudioDecoder" in globalThis)) return false;
  return (await AudioDecoder.isConfigSupported(OPUS)).supported;
}

/**
 * @param {{encoding: string, sample_rate: number, pre_skip_samples: number}} started the message
 * @param {(chunk: {head: object, payload: Uint8Array}, samples: Float32Array) => void} put
 * @param {(error: Error) => void} fail
 */
export function decoder(started, put, fail) {
  return started.encoding === "opus" ? new OpusDecoder(started, put, fail) : new PcmDecoder(put);
}

class PcmDecoder {
  constructor(put) {
    this.put = put;
  }

  /** 16 bits, little endian. */
  decode(chunk) {
    const { buffer, byteOffset, byteLength } = chunk.payload;
    this.put(chunk, Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2), (one) => one * SCALE));
  }

  async end() {}

  close() {}
}

class OpusDecoder {
  constructor({ sample_rate: rate, pre_skip_samples: preSkip }, put, fail) {
    this.rate = rate;
    this.preSkip = this.toSkip = preSkip; // samples that come out before a segment's first
    this.put = put;
    this.fail = fail;
    this.waiting = []; // {chunk, missing: packets that are not decoded yet, samples: number[]}
    this.packets = 0;
    this.decoder = new AudioDecoder({ output: (data) => this.#take(data), error: fail });
    this.decoder.configure(OPUS);
  }

  decode(chunk) {
    const lengths = chunk.head.packet_bytes ?? [];
    this.waiting.push({ chunk, missing: lengths.length, samples: [] });
    let at = 0;
    for (const length of lengths) {
      const data = chunk.payload.subarray(at, at + length);
      this.decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: this.packets * PACKET_US, data }));
      this.packets += 1;
      at += length;
    }
    this.#deliver();
  }

  async end() {
    if (this.decoder.state === "configured") await this.decoder.flush().catch(() => {}); // it was closed meanwhile
  }

  close() {
    if (this.decoder.state !== "closed") this.decoder.close();
  }

  /** A packet was decoded. */
  #take(data) {
    const decoded = new Float32Array(data.numberOfFrames);
    data.copyTo(decoded, { planeIndex: 0, format: "f32-planar" });
    const step = data.sampleRate / this.rate;
    data.close();
    const first = this.waiting.find(({ missing }) => missing);
    for (let at = 0; at < decoded.length; at += step) first.samples.push(decoded[at]);
    first.missing -= 1;
    this.#deliver();
  }

  #deliver() {
    while (this.waiting[0]?.missing === 0) {
      const { chunk, samples } = this.waiting.shift();
      const { num_samples: count, end_of_segment: isLast } = chunk.head;
      const wanted = Float32Array.from(samples.slice(this.toSkip, this.toSkip + count));
      if (wanted.length !== count) return this.fail(new Error(`the browser decoded ${wanted.length} of ${count} samples`));
      this.put(chunk, wanted);
      this.toSkip = isLast ? this.preSkip : 0;
    }
    return undefined;
  }
}
