/** One utterance's chunks -> their samples, in order, to the audio thread (worklet.js), and when it may begin. */

import { nowMs } from "./clock.js";
import { decoder } from "./decoding.js";

export class Feed {
  /**
   * @param {number} number of the utterance
   * @param {number} rate of its samples, Hz
   * @param {MessagePort} port to the audio thread
   * @param {{begin(): void, prebufferMs(chunk: object): number}} rule of start.js
   * @param {object} told
   * @param {(put: {samples: number, allowedMs: number}) => void} told.put so many samples are on their way, and playback
   *   may begin then
   * @param {(error: Error) => void} told.failed the audio cannot be read here
   */
  constructor(number, rate, port, rule, told) {
    Object.assign(this, { number, rate, port, rule, told });
    this.rule.begin();
    this.#order({ do: "begin" });
  }

  /** @param {object} started the message: how the service sends */
  begin(started) {
    const fail = (error) => {
      this.told.failed(error);
      this.end();
    };
    this.decoder = decoder(started, (chunk, samples) => this.#put(chunk, samples), fail);
  }

  /** @param {{head: object, payload: Uint8Array, receivedMs: number}} chunk */
  take(chunk) {
    if (!this.over) this.decoder.decode(chunk);
  }

  /** No more audio will come: what has come is heard. */
  async end() {
    if (this.over) return;
    this.over = true;
    await this.decoder?.end();
    this.decoder?.close();
    if (this.allowedMs !== undefined) this.allowedMs = Math.min(this.allowedMs, nowMs());
    this.#order({ do: "end" });
    this.told.put({ samples: 0, allowedMs: this.allowedMs });
  }

  #put({ head, receivedMs }, samples) {
    this.firstMs ??= receivedMs;
    const { write_start_ms: sentMs } = head.timings;
    const hintMs = head.prebuffer_hint_ms;
    const audioMs = (1e3 * samples.length) / this.rate;
    this.allowedMs = this.firstMs + this.rule.prebufferMs({ receivedMs, sentMs, hintMs, audioMs });
    const told = { samples: samples.length, allowedMs: this.allowedMs };
    this.#order({ do: "put", samples }, [samples.buffer]);
    this.#order({ do: "start", inFrames: Math.round(((this.allowedMs - nowMs()) * this.rate) / 1e3) });
    this.told.put(told);
  }

  #order(order, transfer = []) {
    this.port.postMessage({ ...order, utterance: this.number }, transfer);
  }
}
