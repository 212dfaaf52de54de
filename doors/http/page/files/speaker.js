/** Speaks one utterance after the other: its text goes to the door, what happened to `Utterance`. */

import { nowMs } from "./clock.js";
import { Connection } from "./connection.js";
import { Player } from "./player.js";
import { Utterance } from "./utterance.js";

const REPORT_MS = 200; // between reports of where the listener is
const PIECE = 8192; // characters of a pasted text in one message

export class Speaker {
  utterance = null; // the one under way, or the last
  #writing = new AbortController();

  /** @param {(what: "state" | "changed" | "over", detail?: object) => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.connection = new Connection((what, said) => this.#onConnection(what, said));
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
      if (!this.player) this.connection.plug(player.port);
      this.player = player;
      return player.wake();
    });
  }

  /**
   * @param {(signal: AbortSignal) => AsyncIterable<string> | Iterable<string>} write gives the text in pieces
   * @param {object} options of the message `start`
   * @param {string} rule when playback may begin, of the RULES of start.js
   */
  async speak(write, options, rule) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    await this.wake();
    if (turn !== this.turn) return; // another one was asked for meanwhile
    this.stop();
    const utterance = (this.utterance = new Utterance());
    const { signal } = (this.#writing = new AbortController());
    this.player.begin((what, said) => this.#onPlayer(utterance, what, said));
    const { rate } = this.player;
    this.connection.begin(this.player.utterance, rate, rule, { ...options, words: true, sample_rate: rate });
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

  #onConnection(what, said) {
    if (what === "state") return this.#onState(said);
    if (said.number !== this.player.utterance) return; // of one before
    if (what === "message") this.#onMessage(said.message);
    if (what === "chunk" && !this.utterance.over && !this.utterance.error) {
      this.utterance.noteChunk(said.head, said.receivedMs);
    }
    if (what === "put") {
      this.player.expect(said.samples, said.allowedMs);
      this.utterance.allowedMs = this.player.allowedMs;
    }
    if (what === "blocked") this.utterance.blocks.push(said.block);
    if (what === "failed") this.#giveUp(said.error);
    this.tell("changed");
  }

  #onState({ state, detail }) {
    if (state === "ready") this.ready = detail;
    if (state !== "ready" && this.speaks && !this.utterance.finished && !this.utterance.error) {
      this.#break({ message: "The connection to the service was lost." });
    }
    this.tell("state", { state, detail });
  }

  #onMessage(message) {
    const { utterance } = this;
    if (message.type === "started") utterance.started = message;
    if (message.type === "words") utterance.words.push(...message.words);
    if (message.type === "verdict") utterance.verdict = message;
    if (message.type === "error" && utterance.finished) utterance.verdict = null;
    else if (message.type === "error") this.#break(message.error);
    if (message.type === "finished") {
      utterance.finished = message;
      this.#judge();
    }
  }

  /** The audio cannot be read here, so the service need not make more of it. */
  #giveUp(error) {
    if (!this.utterance.finished) this.connection.send("cancel", this.player.position());
    this.#break(error);
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
  }

  #close() {
    clearInterval(this.reports);
    this.#judge();
    this.tell("over");
  }

  /** When all has sounded and all is said, the door is asked for its verdict. */
  #judge() {
    const { utterance } = this;
    if (!utterance.over || !utterance.finished || utterance.error || !utterance.chunks.length) return;
    this.connection.send("judge", { heard: utterance.heard(this.player.latencyMs) });
  }

  #report() {
    if (!this.utterance.finished && !this.utterance.error) this.connection.send("playback", this.player.position());
  }
}

function* pieces(text) {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}
