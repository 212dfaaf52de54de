/** Speaks one utterance after the other: text to the door, its audio through a decoder to the player, what happened to `Utterance`. */

import { LoopMonitor, nowMs } from "./clock.js";
import { Connection } from "./connection.js";
import { decoder } from "./decoding.js";
import { Player } from "./player.js";
import { RULES } from "./start.js";
import { Utterance } from "./utterance.js";

const REPORT_MS = 200; // between reports of where the listener is
const PIECE = 8192; // characters of a pasted text in one message

export class Speaker {
  utterance = null; // the one under way, or the last
  #writing = new AbortController();
  #loop = new LoopMonitor();

  /** @param {(what: "state" | "changed" | "over", detail?: object) => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.connection = new Connection({
      state: (state, detail) => this.#onState(state, detail),
      message: (message) => this.#onMessage(message),
      audio: (chunk) => this.#onAudio(chunk),
    });
  }

  /** An utterance is under way: it is made, or it sounds. */
  get speaks() {
    return Boolean(this.utterance && !this.utterance.over);
  }

  /** Opens the device, so that the first utterance does not have to. While the person touches the page. */
  wake() {
    if (!this.ready) return undefined;
    this.opening ??= Player.open(this.ready.native_sample_rate).catch((error) => {
      this.opening = undefined; // another touch tries again
      throw error;
    });
    return this.opening.then((player) => {
      this.player = player;
      return player.wake();
    });
  }

  /**
   * @param {(signal: AbortSignal) => AsyncIterable<string> | Iterable<string>} write gives the text in pieces
   * @param {object} options of the message `start`
   * @param {keyof RULES} rule when playback may begin
   */
  async speak(write, options, rule) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    await this.wake();
    if (turn !== this.turn) return; // another one was asked for meanwhile
    this.stop();
    const utterance = (this.utterance = new Utterance());
    this.decoder = undefined; // until the service has told how it sends
    const { signal } = (this.#writing = new AbortController());
    this.rules ??= Object.fromEntries(Object.entries(RULES).map(([name, Rule]) => [name, new Rule()]));
    this.player.begin(this.rules[rule], (what, said) => this.#onPlayer(utterance, what, said));
    this.#loop.start();
    this.connection.start({ ...options, words: true, sample_rate: this.player.rate });
    clearInterval(this.reports);
    this.reports = setInterval(() => this.#report(), REPORT_MS);
    this.tell("changed");
    for await (const written of write(signal)) {
      for (const text of pieces(written)) {
        if (signal.aborted) return;
        utterance.noteText(text, this.connection.send("text", { text }));
        this.tell("changed");
      }
    }
    if (!signal.aborted) utterance.noteSent(this.connection.send("end"));
  }

  /** Barge-in: the sound dies away at once, and the service is told how much was heard. */
  stop() {
    if (!this.speaks) return;
    this.#writing.abort();
    const position = this.player.stop();
    if (!this.utterance.finished && !this.utterance.error) this.connection.send("cancel", position);
    this.utterance.over = { played: position.played_samples, atMs: nowMs(), stopped: true };
    this.#close();
  }

  #onState(state, detail) {
    if (state === "ready") this.ready = detail;
    if (state !== "ready" && this.speaks && !this.utterance.finished && !this.utterance.error) {
      this.#break({ message: "The connection to the service was lost." });
    }
    this.tell("state", { state, detail });
  }

  #onMessage(message) {
    const { utterance } = this;
    if (!utterance || (message.utterance ?? this.connection.utterance) !== this.connection.utterance) return;
    if (message.type === "started") this.#begin(message);
    if (message.type === "words") utterance.words.push(...message.words);
    if (message.type === "verdict") utterance.verdict = message;
    if (message.type === "error" && utterance.finished) utterance.verdict = null;
    else if (message.type === "error") this.#break(message.error);
    if (message.type === "finished") {
      utterance.finished = message;
      this.#end();
      this.#judge();
    }
    this.tell("changed");
  }

  #begin(started) {
    const { utterance } = this;
    utterance.started = started;
    const put = (chunk, samples) => utterance === this.utterance && this.#put(chunk, samples);
    this.decoder = decoder(started, put, (error) => utterance === this.utterance && this.#giveUp(error));
  }

  #onAudio(chunk) {
    if (chunk.head.utterance !== this.connection.utterance || this.utterance.over || this.utterance.error) return;
    this.utterance.noteChunk(chunk.head, chunk.receivedMs);
    this.decoder.decode(chunk);
    this.tell("changed");
  }

  #put({ head, receivedMs }, samples) {
    if (this.utterance.over) return;
    const { write_start_ms: sentMs } = head.timings;
    this.player.put({ samples, receivedMs, sentMs, hintMs: head.prebuffer_hint_ms });
    this.utterance.allowedMs = this.player.allowedMs;
  }

  /** The audio cannot be read here, so the service need not make more of it. */
  #giveUp(error) {
    if (!this.utterance.finished) this.connection.send("cancel", this.player.position());
    this.#break(error);
  }

  /** No more audio will come: what has come is heard. */
  async #end() {
    const { utterance } = this;
    await this.decoder?.end();
    if (utterance === this.utterance) this.player.end();
  }

  #onPlayer(utterance, what, { atMs, played, missing }) {
    if (utterance !== this.utterance) return;
    if (what === "started") utterance.startedMs = atMs;
    if (what === "silence") utterance.noteSilence(played, atMs);
    if (what === "resumed") utterance.noteResumed(missing);
    if (what === "over" && !utterance.over) {
      utterance.over = { played, atMs, stopped: false };
      this.#close();
    }
    this.tell("changed");
  }

  /** The utterance goes no further; what has come is heard. */
  #break(error) {
    this.#writing.abort();
    this.utterance.error = error;
    this.#end();
  }

  #close() {
    clearInterval(this.reports);
    this.decoder?.close();
    this.#loop.stop();
    this.#judge();
    this.tell("over");
  }

  /** When all has sounded and all is said, the door is asked for its verdict. */
  #judge() {
    const { utterance } = this;
    if (!utterance.over || !utterance.finished || utterance.error || !utterance.chunks.length) return;
    this.connection.send("judge", { heard: utterance.heard(this.#loop.blocks, this.player.latencyMs) });
  }

  #report() {
    if (!this.utterance.finished && !this.utterance.error) this.connection.send("playback", this.player.position());
  }
}

function* pieces(text) {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}
