/**
 * When playback may begin: so long after the first chunk that nothing will be missing later. Milliseconds.
 *
 * The rules of client/playback/start.py, with the same results (tests/doors/http/page/test_start.py):
 *   hint      as the service says, who knows how fast it makes sound and how much is to come
 *   adaptive  the hint, or what this utterance would have needed so far, and on top what the network was seen to add
 */

const REMEMBERED = 64; // chunks, of earlier utterances too
const UNKNOWN_JITTER_MS = 100; // while too few chunks came to tell

/**
 * @typedef {object} Arrived a chunk
 * @property {number} receivedMs
 * @property {number | undefined} sentMs on the service's clock
 * @property {number} audioMs
 * @property {number | null} hintMs pre-buffer, counted from the first chunk
 */

export class ByHint {
  begin() {
    this.hintMs = 0;
  }

  /** @param {Arrived} chunk with each chunk, in order */
  prebufferMs(chunk) {
    if (chunk.hintMs !== null) this.hintMs = chunk.hintMs;
    return this.hintMs;
  }
}

export class Adaptive {
  underWayMs = []; // and the clocks' offset, the same for all

  begin() {
    this.byHint = new ByHint();
    this.byHint.begin();
    this.firstMs = undefined;
    this.audioMs = 0; // before the chunk at hand
    this.neededMs = 0;
  }

  /** @param {Arrived} chunk with each chunk, in order */
  prebufferMs(chunk) {
    this.firstMs ??= chunk.receivedMs;
    if (chunk.sentMs) this.underWayMs = [...this.underWayMs, chunk.receivedMs - chunk.sentMs].slice(-REMEMBERED);
    const waitedMs = chunk.receivedMs - this.firstMs;
    this.neededMs = Math.max(this.neededMs, waitedMs - this.audioMs);
    this.audioMs += chunk.audioMs;
    return Math.max(this.byHint.prebufferMs(chunk), this.neededMs) + this.#jitterMs();
  }

  #jitterMs() {
    if (this.underWayMs.length < 2) return UNKNOWN_JITTER_MS;
    return Math.max(...this.underWayMs) - Math.min(...this.underWayMs);
  }
}

export const RULES = { hint: ByHint, adaptive: Adaptive };
