/**
 * What happened in one utterance and when: the material of the timeline, the words and the verdict.
 *
 * Instants are milliseconds on the page's clock, but for those in `timings`: these are the service's.
 */

import { nowMs } from "./clock.js";

export class Utterance {
  text = "";
  sent = []; // {atMs, characters, end: of all text so far}; 0 characters: a flush, or the end of input
  started = null; // the message
  chunks = []; // the heads, with receivedMs
  words = []; // {word, start_sample, end_sample, text_begin, text_end}
  silences = []; // {position, atMs, untilMs, missing}: the sound broke off
  blocks = []; // [from, until]: the worker that has the socket stood still
  allowedMs = undefined; // playback might begin
  startedMs = undefined; // the first sample sounded
  finished = null; // the message
  over = null; // {played, atMs, stopped}: all has sounded, or the listener stopped it
  verdict = null; // the message
  error = null;

  constructor() {
    this.openedMs = nowMs();
  }

  get rate() {
    return this.started?.sample_rate ?? 0;
  }

  get samples() {
    return this.chunks.reduce((sum, chunk) => sum + chunk.num_samples, 0);
  }

  /** When the first text was sent: the picture begins there. */
  get originMs() {
    return this.sent[0]?.atMs ?? this.openedMs;
  }

  noteText(text, atMs) {
    this.text += text;
    this.#note(atMs, [...text].length);
  }

  noteSent(atMs) {
    this.#note(atMs, 0);
  }

  #note(atMs, characters) {
    this.sent.push({ atMs, characters, end: (this.sent.at(-1)?.end ?? 0) + characters });
  }

  noteChunk(head, receivedMs) {
    this.chunks.push({ ...head, receivedMs });
    const { write_start_ms: sentMs, text_received_ms: textMs } = head.timings;
    if (sentMs) this.leastMs = Math.max(this.leastMs ?? -Infinity, sentMs - receivedMs);
    // What it speaks was complete when its last character had arrived, not before.
    const last = this.sent.find(({ end }) => end >= head.text_end) ?? this.sent[0];
    if (textMs) this.mostMs = Math.min(this.mostMs ?? Infinity, textMs - last.atMs);
  }

  /** The service's clock less the page's: nothing arrives before it was sent, there and back. */
  get offsetMs() {
    const least = this.leastMs ?? 0;
    return this.mostMs === undefined ? least : (least + Math.max(this.mostMs, least)) / 2;
  }

  /** An instant of the service's on the page's clock. */
  here(serviceMs) {
    return serviceMs - this.offsetMs;
  }

  noteSilence(position, atMs) {
    this.silences.push({ position, atMs, untilMs: undefined, missing: 0 });
  }

  /** @param {number} missing samples, in all silences so far */
  noteResumed(missing) {
    const silence = this.silences.at(-1);
    if (!silence) return;
    silence.missing = missing - this.silences.reduce((sum, one) => sum + one.missing, 0);
    silence.untilMs = silence.atMs + (1e3 * silence.missing) / this.rate;
  }

  /** When a sample sounds, or should: silences before it count. */
  soundsMs(sample) {
    const before = this.silences.filter((one) => one.position <= sample);
    const late = before.reduce((sum, one) => sum + this.#silentMs(one), 0);
    return this.startedMs + (1e3 * sample) / this.rate + late;
  }

  #silentMs(silence) {
    return (silence.untilMs ?? Math.max(silence.atMs, nowMs())) - silence.atMs;
  }

  /** What the door is told, for its verdict. */
  heard(latencyMs) {
    return {
      opened_ms: this.openedMs,
      sent_ms: this.sent.map((one) => one.atMs),
      received_ms: this.chunks.map((chunk) => chunk.receivedMs),
      allowed_ms: this.allowedMs ?? 0,
      started_ms: this.startedMs ?? 0,
      output_latency_ms: latencyMs,
      silences: this.silences
        .filter((one) => one.missing)
        .map(({ position, atMs, missing }) => ({ position, at_ms: atMs, missing_samples: missing })),
      blocks_ms: this.blocks,
    };
  }
}
