/** The page's clock: milliseconds since the unix epoch as seen when the page was loaded, advancing steadily. */
export const nowMs = () => performance.timeOrigin + performance.now();

/** What a clock of `performance.now()` shows, on the page's clock. */
export const ofPerformance = (ms) => performance.timeOrigin + ms;

/** Notes when the page's event loop stood still: a timer that knows when it should have fired. */
export class LoopMonitor {
  static TICK_MS = 50;
  static LATE_MS = 25;

  blocks = []; // [from, until]

  start() {
    this.blocks = [];
    this.#due = nowMs() + LoopMonitor.TICK_MS;
    this.#timer ??= setInterval(() => this.#tick(), LoopMonitor.TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #due = 0;
  #timer;

  #tick() {
    const now = nowMs();
    // A page out of sight gets its timers late on purpose.
    if (!document.hidden && now - this.#due > LoopMonitor.LATE_MS) this.blocks.push([this.#due, now]);
    this.#due = now + LoopMonitor.TICK_MS;
  }
}
