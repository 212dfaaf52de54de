/** The audio device, and what became of the samples that carrier.js hands on to it: where the listener is, what he missed. */

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
    const { port1, port2 } = new MessageChannel();
    this.port = port1; // for carrier.js
    node.port.onmessage = ({ data }) => this.#hear(data);
    node.port.postMessage({ do: "listen", port: port2 }, [port2]);
  }

  /** To be called while the person touches the page. */
  wake() {
    return this.context.state === "running" ? undefined : this.context.resume();
  }

  /**
   * Another utterance: what still sounds dies away.
   * @param {(what: string, said: object) => void} tell started, silence, resumed, over
   */
  begin(tell) {
    this.utterance += 1;
    this.tell = tell;
    this.allowedMs = this.startedMs = undefined;
    this.written = this.played = this.missing = this.silences = 0;
    this.playedFrame = 0;
    this.sounding = false;
  }

  /** So many samples are on their way to the audio thread, and playback may begin at `allowedMs`. */
  expect(samples, allowedMs) {
    this.written += samples;
    if (this.startedMs === undefined) this.allowedMs = allowedMs;
  }

  /** Barge-in: the sound dies away within the next blocks. */
  stop() {
    const position = this.position();
    this.node.port.postMessage({ do: "stop", utterance: this.utterance });
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
}
