/**
 * The audio thread: plays the samples of one utterance in order, as client/playback/buffer.py does.
 *
 * It copies and counts. Without a gap samples come out as they went in. Nobody knows that a sample is the last one
 * before a gap until the next one is missing: so the last 5 ms are played once more, backwards, and die away, and what
 * follows the gap is faded in. The edges of a barge-in are the same.
 *
 * In:  begin, put {samples}, start {inFrames}, end through the port that `listen` brings; stop. All with the utterance
 *      they belong to.
 * Out: started, silence, resumed, position, over; all with the utterance, the context's frame, and what was played.
 */

const FADE_S = 0.005;
const POSITION_EVERY = 4; // blocks of 128 samples

class Fade {
  constructor(rate) {
    this.length = Math.max(1, Math.round(FADE_S * rate));
    this.down = Float32Array.from({ length: this.length }, (_, at) => {
      return 0.5 + 0.5 * Math.cos((Math.PI * (at + 1)) / (this.length + 1));
    });
    this.before = new Float32Array(this.length); // what was played last
    this.echo = new Float32Array(this.length); // what is played at the beginning of a gap
    this.fadingOut = 0; // samples of the echo that are still to be played
    this.fadingIn = 0; // samples that are still to be faded in
  }

  /** Remembers what was played. */
  note(samples) {
    const count = Math.min(samples.length, this.length);
    this.before.copyWithin(0, count);
    this.before.set(samples.subarray(samples.length - count), this.length - count);
  }

  /** No sample follows, for now. */
  breakOff() {
    for (let at = 0; at < this.length; at += 1) this.echo[at] = this.before[this.length - 1 - at] * this.down[at];
    this.before.fill(0);
    this.fadingOut = this.length;
    this.fadingIn = 0;
  }

  resume() {
    this.fadingIn = this.length;
  }

  /** Fills the beginning of `out` with what is left of a sound that broke off; how many samples that were. */
  fadeOut(out) {
    const count = Math.min(this.fadingOut, out.length);
    const at = this.length - this.fadingOut;
    out.set(this.echo.subarray(at, at + count));
    this.fadingOut -= count;
    return count;
  }

  fadeIn(out) {
    for (let at = 0; at < out.length && this.fadingIn > 0; at += 1, this.fadingIn -= 1) {
      out[at] *= this.down[this.fadingIn - 1];
    }
  }
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.fade = new Fade(sampleRate);
    this.frame = 0;
    this.silenced = 0; // the last utterance that was stopped: it may be before its `begin` comes
    this.over = true;
    this.#begin(0);
    this.over = true;
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #begin(utterance) {
    if (!this.over && this.started && !this.silent) this.fade.breakOff(); // another one still sounded
    this.fade.before.fill(0);
    this.utterance = utterance;
    this.pieces = []; // Float32Array, in order
    this.at = 0; // in the first piece
    this.played = 0;
    this.missing = 0;
    this.stopped = utterance <= this.silenced;
    this.startFrame = this.stopped ? 0 : Infinity;
    this.started = this.silent = this.ended = this.over = false;
    this.blocks = 0;
  }

  #take(order) {
    if (order.do === "listen") return void (order.port.onmessage = ({ data }) => this.#take(data));
    if (order.do === "begin") return this.#begin(order.utterance);
    if (order.do === "stop") this.silenced = order.utterance;
    if (order.utterance !== this.utterance) return undefined;
    if (order.do === "put" && !this.stopped) this.pieces.push(order.samples);
    if (order.do === "start") this.startFrame = this.frame + order.inFrames;
    if (order.do === "end") this.ended = true;
    if (order.do === "stop") {
      this.stopped = true;
      this.pieces = [];
    }
    if (order.do === "end" || order.do === "stop") this.startFrame = 0;
    return undefined;
  }

  process(_, [[out]]) {
    // `currentFrame` stays as it was in a block during which the page's main thread holds the graph.
    this.frame = Math.max(currentFrame, this.frame + out.length);
    let filled = this.fade.fadeOut(out);
    if (this.over || !(this.started || this.#begins())) return true;
    if (this.silent) this.missing += filled;
    filled += this.#fill(out.subarray(filled));
    if (filled < out.length) this.#doWithout(out.subarray(filled));
    this.blocks += 1;
    if (this.blocks % POSITION_EVERY === 0) this.#say("position");
    return true;
  }

  #begins() {
    if (!(this.pieces.length || this.ended || this.stopped) || this.frame < this.startFrame) return false;
    this.started = true;
    if (this.pieces.length) this.#say("started");
    return true;
  }

  #fill(out) {
    let filled = 0;
    while (filled < out.length && this.pieces.length) {
      const [piece] = this.pieces;
      const count = Math.min(piece.length - this.at, out.length - filled);
      out.set(piece.subarray(this.at, this.at + count), filled);
      filled += count;
      this.at += count;
      if (this.at === piece.length) {
        this.pieces.shift();
        this.at = 0;
      }
    }
    if (filled) this.#sound(out.subarray(0, filled));
    return filled;
  }

  #sound(samples) {
    if (this.silent) {
      this.silent = false;
      this.fade.resume();
      this.#say("resumed");
    }
    this.played += samples.length;
    this.fade.fadeIn(samples);
    this.fade.note(samples);
  }

  #doWithout(out) {
    const begins = !this.silent;
    this.silent = true;
    const over = this.stopped || this.ended;
    if (begins && (this.stopped || !over)) {
      this.fade.breakOff();
      this.fade.fadeOut(out);
    }
    if (over) {
      this.over = true;
      this.#say("over");
      return;
    }
    if (begins) this.#say("silence");
    this.missing += out.length;
  }

  #say(what) {
    const { utterance, played, missing, frame } = this;
    this.port.postMessage({ said: what, utterance, played, missing, frame });
  }
}

registerProcessor("gapless-player", Player);
