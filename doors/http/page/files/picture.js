/** Lanes of bars -> a canvas that fits its width, in the page's colours. */

import { LANES } from "./timeline.js";
import { inWords } from "./words.js";

const TRACK = 22; // CSS pixels, as all below
const BAR = 17;
const GAP = 6;
const AXIS = 24;
const NAMES = 206; // width of the names beside the lanes
const CAPTIONS = 70; // where what they mean begins
const NARROW = 620; // a narrower picture has them above
const NAME_ABOVE = 17;
const LEAST = 2; // width of a bar that can be seen
const TICKS = [1, 2, 5, 10];
const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif';

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.hits = []; // what is where, for a pointer
  }

  /** Of a canvas of the width that it has on the page. */
  get height() {
    const lane = TRACK + GAP + (this.#narrow ? NAME_ABOVE : 0);
    return LANES.length * lane + AXIS;
  }

  get #narrow() {
    return this.canvas.clientWidth < NARROW;
  }

  /**
   * @param {Record<string, import("./timeline.js").Bar[]>} lanes
   * @param {number} endMs the right edge
   * @param {number} [cursorMs] a line there
   */
  draw(lanes, endMs, cursorMs) {
    const { context: pen } = this;
    const shown = this.#signature(lanes, endMs, cursorMs);
    if (shown === this.shown) return;
    this.shown = shown;
    this.#fit();
    this.hits = [];
    const left = this.#narrow ? 0 : NAMES;
    const width = this.canvas.clientWidth - left;
    this.scale = (ms) => left + (ms / endMs) * width;
    const step = TRACK + GAP + (this.#narrow ? NAME_ABOVE : 0);
    pen.clearRect(0, 0, this.canvas.clientWidth, this.height);
    LANES.forEach((lane, index) => {
      const top = index * step + (this.#narrow ? NAME_ABOVE : 0);
      this.#name(lane, top);
      this.#box(left, top, width, TRACK, this.#colour("--track"), 4);
      this.#grid(endMs, top, TRACK);
      for (const bar of lanes[lane.key]) this.#bar(bar, top, this.#colour(lane.hue), left + width);
      if (cursorMs < endMs) this.#cursor(cursorMs, top);
    });
    this.#axis(endMs, LANES.length * step - GAP, left, width);
  }

  /** What is under a pointer: its words, or "". */
  at(x, y) {
    const isThere = (hit) => x >= hit.x - 2 && x <= hit.x + hit.width + 2 && y >= hit.y && y <= hit.y + TRACK;
    return this.hits.findLast(isThere)?.tip ?? "";
  }

  /** Forgets the colours, because the page got others. */
  recolour() {
    this.colours = new Map();
    this.shown = undefined;
  }

  colours = new Map();

  /** The same for two drawings that look the same. */
  #signature(lanes, endMs, cursorMs) {
    const inside = Object.values(lanes).flatMap((bars) => bars.filter(({ from }) => from < endMs));
    const looks = inside.map(({ tip, kind, until }) => [tip, kind, Math.min(until, endMs)]);
    const cursor = cursorMs < endMs ? cursorMs : null;
    return JSON.stringify([this.canvas.clientWidth, devicePixelRatio, endMs, cursor, looks]);
  }

  #colour(name) {
    if (!this.colours.has(name)) {
      this.colours.set(name, getComputedStyle(this.canvas).getPropertyValue(name).trim());
    }
    return this.colours.get(name);
  }

  #fit() {
    const { clientWidth } = this.canvas;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.canvas.style.height = `${this.height}px`;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #name({ name, caption }, top) {
    const { context: pen } = this;
    const y = this.#narrow ? top - 5 : top + TRACK / 2 + 4;
    pen.textAlign = "left";
    pen.fillStyle = this.#colour("--ink");
    pen.font = `600 13px ${FONT}`;
    pen.fillText(name, 0, y);
    const x = this.#narrow ? pen.measureText(name).width + 7 : CAPTIONS;
    pen.fillStyle = this.#colour("--soft");
    pen.font = `11.5px ${FONT}`;
    pen.fillText(caption, x, y);
  }

  #grid(endMs, top, height) {
    for (const ms of marks(endMs, this.#most)) this.#box(this.scale(ms), top, 1, height, this.#colour("--grid"));
  }

  /** One line through all lanes, but not through the names that stand above them. */
  #cursor(ms, top) {
    const [from, height] = this.#narrow ? [top, TRACK] : [top - (top ? GAP : 0), TRACK + (top ? GAP : 0)];
    this.#box(this.scale(ms) - 1, from, 2, height, this.#colour("--ink"));
  }

  #axis(endMs, top, left, width) {
    const { context: pen } = this;
    pen.fillStyle = this.#colour("--soft");
    pen.font = `11.5px ${FONT}`;
    for (const ms of marks(endMs, this.#most)) {
      const label = endMs >= 3000 ? `${ms / 1e3} s` : `${ms} ms`;
      const half = pen.measureText(label).width / 2;
      const x = Math.min(Math.max(this.scale(ms), left + half), left + width - half); // none is cut off
      pen.textAlign = "center";
      pen.fillText(label, x, top + 17);
    }
  }

  get #most() {
    return this.canvas.clientWidth < NARROW ? 5 : 9;
  }

  #bar(bar, top, hue, edge) {
    const x = this.scale(bar.from);
    const width = Math.max(this.scale(bar.until) - x - 1, LEAST);
    if (x > edge) return;
    const gap = bar.kind === "gap";
    const high = BAR / bar.rows;
    const [y, height] = gap ? [top, TRACK] : [top + (TRACK - BAR) / 2 + bar.row * high, Math.max(high - 1, 2)];
    const shown = Math.min(width, edge - x);
    this.context.globalAlpha = bar.kind === "ahead" ? Number(this.#colour("--ahead")) : 1;
    this.#box(x, y, shown, height, gap ? this.#colour("--alarm") : hue, gap ? 0 : 2);
    this.context.globalAlpha = 1;
    if (bar.kind === "work" && bar.chunk % 2 === 1 && width > 5) this.#box(x, y, shown, height, "#0003", 2);
    if (bar.kind === "guess") this.#box(x, y, shown, height, "#fff4", 2);
    if (bar.rows === 1) this.#label(bar, x, top, shown);
    this.hits.push({ x, y: top, width, tip: bar.tip });
  }

  #label(bar, x, top, width) {
    const numbers = { gap: inWords(bar.until - bar.from), ahead: "" };
    const label = numbers[bar.kind] ?? `${bar.chunk ?? ""}`;
    if (!label || width < 7 * label.length + 6) return;
    const { context: pen } = this;
    pen.fillStyle = "#fff";
    pen.font = `${bar.kind === "gap" ? "600 " : ""}11px ${FONT}`;
    pen.textAlign = "center";
    pen.fillText(label, x + width / 2, top + TRACK / 2 + 4);
  }

  #box(x, y, width, height, colour, radius = 0) {
    const { context: pen } = this;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(x, y, width, height, Math.min(radius, width / 2));
    pen.fill();
  }
}

/** Round instants from 0 to `endMs`, at most so many. */
export function marks(endMs, most) {
  let magnitude = 1;
  while (magnitude * 10 * most <= endMs) magnitude *= 10;
  const step = magnitude * (TICKS.find((factor) => factor * magnitude * most >= endMs) ?? 10);
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, index) => index * step);
}
