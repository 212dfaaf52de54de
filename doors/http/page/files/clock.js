/** The page's clock: milliseconds since the unix epoch as seen when the page was loaded, advancing steadily. */
export const nowMs = () => performance.timeOrigin + performance.now();

/** What a clock of `performance.now()` shows, on the page's clock. */
export const ofPerformance = (ms) => performance.timeOrigin + ms;

/** Notices when this thread's event loop stood still: a timer that knows when it should have fired. */
export class LoopMonitor {
  static TICK_MS = 50;
  static LATE_MS = 25;

  #due = 0;
  #timer;

  /** @param {(block: [number, number]) => void} tell from when until when */
  constructor(tell) {
    this.tell = tell;
  }

  start() {
    this.#due = nowMs() + LoopMonitor.TICK_MS;
    this.#timer ??= setInterval(() => this.#tick(), LoopMonitor.TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick() {
    const now = nowMs();
    if (now - this.#due > LoopMonitor.LATE_MS) this.tell([this.#due, now]);
    this.#due = now + LoopMonitor.TICK_MS;
  }
}
