/** Chunks of audio -> the audio thread (worklet.js), and what became of them: where the listener is, what he missed. */

import { nowMs, ofPerformance } from "./clock.js";

export class Player {
  /** Opens the device at `rate`, in Hz. It sounds only after the person has touched the page. */
  static async open(rate) {
    const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    await context.audioWorklet.addModule("/page/worklet.js");
    const node = new AudioWorkletNode(context, "gapless-player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    node.connect(context.destination);
    return new Player(context, node);
  }

  constructor(context, node) {
    this.context = context;
    this.node = node;
    this.rate = context.sampleRate;
    this.utterance = 0;
    node.port.onmessage = ({ data }) => this.#hear(data);
  }

  /** To be called while the person touches the page. */
  wake() {
    return this.context.state === "running" ? undefined : this.context.resume();
  }

  /**
   * Another utterance: what still sounds dies away.
   * @param {{begin(): void, prebufferMs(chunk: object): number}} rule of start.js
   * @param {(what: string, said: object) => void} tell started, silence, resumed, over
   */
  begin(rule, tell) {
    this.utterance += 1;
    this.rule = rule;
    this.rule.begin();
    this.tell = tell;
    this.firstMs = this.allowedMs = this.startedMs = undefined;
    this.written = this.played = this.missing = this.silences = 0;
    this.playedFrame = 0;
    this.sounding = false;
    this.#order({ do: "begin" });
  }

  /** @param {{samples: Float32Array, receivedMs: number, sentMs?: number, hintMs: number | null}} chunk */
  put({ samples, receivedMs, sentMs, hintMs }) {
    this.firstMs ??= receivedMs;
    const waitMs = this.rule.prebufferMs({ receivedMs, sentMs, hintMs, audioMs: (1e3 * samples.length) / this.rate });
    if (this.startedMs === undefined) this.#allow(this.firstMs + waitMs);
    this.written += samples.length;
    this.#order({ do: "put", samples }, [samples.buffer]);
  }

  /** No more samples: `over` is told when the last one was given to the device. */
  end() {
    if (this.startedMs === undefined && this.allowedMs) this.allowedMs = Math.min(this.allowedMs, nowMs());
    this.#order({ do: "end" });
  }

  /** Barge-in: the sound dies away within the next blocks. */
  stop() {
    const position = this.position();
    this.#order({ do: "stop" });
    return position;
  }

  /** Where the listener is: samples that were given to the device. */
  position() {
    const since = this.sounding ? Math.max(0, this.context.currentTime * this.rate - this.playedFrame) : 0;
    const played = Math.min(this.written, Math.round(this.played + since));
    return {
      played_samples: played,
      buffered_samples: this.written - played,
      underruns: this.silences,
      underrun_ms: (1e3 * this.missing) / this.rate,
      output_latency_ms: this.latencyMs,
    };
  }

  /** What of it is audible by now: samples. */
  get heard() {
    return Math.max(0, this.position().played_samples - Math.round((this.latencyMs * this.rate) / 1e3));
  }

  get latencyMs() {
    return 1e3 * (this.context.outputLatency || this.context.baseLatency || 0);
  }

  #allow(atMs) {
    this.allowedMs = atMs;
    const inFrames = Math.round(((atMs - nowMs()) * this.rate) / 1e3);
    this.#order({ do: "start", frame: Math.round(this.context.currentTime * this.rate) + inFrames });
  }

  /** When a frame sounds, on the page's clock. */
  #soundsMs(frame) {
    const { contextTime, performanceTime } = this.context.getOutputTimestamp();
    if (!performanceTime) return nowMs() + 1e3 * (frame / this.rate - this.context.currentTime) + this.latencyMs;
    return ofPerformance(performanceTime + 1e3 * (frame / this.rate - contextTime));
  }

  #hear({ said, utterance, played, missing, frame }) {
    if (utterance !== this.utterance) return;
    Object.assign(this, { played, missing, playedFrame: frame });
    const atMs = this.#soundsMs(frame);
    if (said === "started") this.startedMs = atMs;
    if (said === "silence") this.silences += 1;
    this.sounding = said === "started" || said === "resumed" || (said === "position" && this.sounding);
    if (said !== "position") this.tell(said, { atMs, played, missing });
  }

  #order(order, transfer = []) {
    this.node.port.postMessage({ ...order, utterance: this.utterance }, transfer);
  }
}
