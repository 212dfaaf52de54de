/** An utterance -> what the page shows of it: the text, the pictures, the figures, the verdict. */

import { nowMs } from "./clock.js";
import { Picture } from "./picture.js";
import { Reading, count, place } from "./reading.js";
import { bars, breaks, end, firstSoundMs, workMs, writingMs } from "./timeline.js";
import { inWords, together } from "./words.js";

const LEAST_MS = { beginning: 150, whole: 3000 }; // that a picture shows
const AFTER_FIRST = 1.3; // the beginning is shown until so long after the first sound
const LONG_WAIT_MS = 300; // that is worth a word
const EASE = 0.5; // share of the way that the picture's edge moves from one drawing to the next
const DRAW_MS = 80; // between two drawings: who speaks and who listens may share a processor

// What helps where the client that stood still is this page.
const HERE = "close what else keeps this browser or its machine busy";
const ADVICE = { client_reader: HERE, client_loop: HERE };

const byId = (id) => document.getElementById(id);
const say = (id, text) => byId(id).textContent !== text && (byId(id).textContent = text);

export class View {
  constructor() {
    this.reading = new Reading(byId("reading"));
    this.pictures = { beginning: new Picture(byId("beginning")), whole: new Picture(byId("whole")) };
    this.edges = { ...LEAST_MS };
    this.drawnMs = 0;
    for (const picture of Object.values(this.pictures)) this.#tips(picture);
  }

  begin() {
    this.edges = { ...LEAST_MS };
    byId("verdict").hidden = true;
    byId("now").textContent = "";
    byId("reading").classList.remove("stopped");
    this.writing(false);
  }

  /** Whether the text can be edited. */
  writing(on) {
    byId("text").hidden = !on;
    byId("reading").hidden = on;
  }

  /** @param {number} heard samples that are audible by now; of an utterance that is over all that were */
  show(utterance, heard) {
    const now = nowMs();
    if (now - this.drawnMs > DRAW_MS || !utterance || utterance.over) {
      this.drawnMs = now;
      this.#pictures(utterance, now);
      this.#figures(utterance);
    }
    if (!utterance) return;
    say("now", waiting(utterance, now));
    this.reading.show(utterance.text, this.#place(utterance, heard));
    if (utterance.over && (utterance.verdict || utterance.error || utterance.over.stopped)) this.#verdict(utterance);
  }

  recolour() {
    for (const picture of Object.values(this.pictures)) picture.recolour();
  }

  #place(utterance, heard) {
    if (!utterance.started || utterance.startedMs === undefined) return { begin: 0, end: 0 };
    if (!utterance.over || utterance.over.stopped) return place(utterance, heard);
    const all = [...utterance.text].length;
    return { begin: all, end: all };
  }

  #pictures(utterance, now) {
    const lanes = utterance ? bars(utterance, now) : NOTHING;
    const ended = utterance ? end(utterance, now) : 0;
    const first = utterance && firstSoundMs(utterance);
    const wanted = {
      beginning: Math.max(LEAST_MS.beginning, first === undefined ? ended : first * AFTER_FIRST),
      whole: Math.max(LEAST_MS.whole, ended * 1.02),
    };
    for (const [name, picture] of Object.entries(this.pictures)) {
      const over = !utterance || utterance.over;
      const left = wanted[name] - this.edges[name];
      this.edges[name] += over || Math.abs(left) < 1 ? left : left * EASE;
      picture.draw(lanes, this.edges[name], over ? undefined : now - utterance.originMs);
    }
  }

  #figures(utterance) {
    const first = utterance && firstSoundMs(utterance);
    say("first", typeof first === "number" ? inWords(first) : "-");
    const broken = utterance && first !== undefined ? breaks(utterance) : undefined;
    const written = utterance && writingMs(utterance);
    say("writing", written ? `${inWords(written)} of it to write the first sentence` : "");
    say("breaks", broken ? (broken.count ? `${broken.count} (${inWords(broken.ms)})` : "0") : "-");
    byId("breaks").classList.toggle("poor", Boolean(broken?.count));
    const seconds = utterance?.rate ? utterance.samples / utterance.rate : 0;
    say("length", seconds ? `${seconds.toFixed(1)} s` : "-");
    say("work", seconds ? inWords(workMs(utterance) / seconds) : "-");
  }

  #verdict(utterance) {
    const [mood, headline, ...details] = words(utterance);
    const verdict = byId("verdict");
    const key = [mood, headline, ...details].join("\n");
    if (verdict.dataset.key === key && !verdict.hidden) return;
    verdict.dataset.key = key;
    verdict.className = `verdict ${mood}`;
    const strong = document.createElement("strong");
    strong.textContent = together(headline);
    const paragraphs = details.filter(Boolean).map((detail) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = together(detail);
      return paragraph;
    });
    verdict.replaceChildren(strong, ...paragraphs);
    verdict.hidden = false;
    byId("reading").classList.toggle("stopped", utterance.over.stopped);
    this.#describe(utterance);
  }

  #describe(utterance) {
    const first = firstSoundMs(utterance);
    const said =
      `Timeline of ${utterance.chunks.length} chunks. ` +
      (first === undefined ? "No sound was heard." : `The first sound came ${inWords(first)} after the text.`);
    for (const { canvas } of Object.values(this.pictures)) canvas.setAttribute("aria-label", said);
  }

  #tips(picture) {
    const tip = byId("tip");
    picture.canvas.addEventListener("pointermove", ({ offsetX, offsetY, clientX, clientY }) => {
      tip.textContent = picture.at(offsetX, offsetY);
      tip.hidden = !tip.textContent;
      const left = Math.max(8, Math.min(clientX + 12, innerWidth - tip.offsetWidth - 8));
      Object.assign(tip.style, { left: `${left}px`, top: `${clientY + 16}px` });
    });
    picture.canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  }
}

const NOTHING = bars({ sent: [], chunks: [], silences: [], originMs: 0 }, 0);

/** What an utterance waits for, if it does. */
function waiting(utterance, now) {
  if (utterance.over || utterance.error) return "";
  const leftMs = utterance.allowedMs - now;
  if (utterance.startedMs === undefined && leftMs > LONG_WAIT_MS) {
    return `It begins in ${(leftMs / 1e3).toFixed(1)} s, so that it does not break off.`;
  }
  const silent = utterance.silences.at(-1);
  return silent && silent.untilMs === undefined ? "The next sound has not come." : "";
}

/** Mood, headline and details of an utterance that is over. */
function words(utterance) {
  const { error, over, verdict } = utterance;
  if (error) {
    if (!utterance.chunks.length) return ["bad", `It was not spoken: ${error.message}`];
    return ["bad", `The speech broke off: ${error.message}`, "What had come by then was played."];
  }
  const { heard, all, last } = count(utterance, over.played);
  const where = `You stopped it after ${heard} of ${all} words${last ? `, with “${last}”` : ""}.`;
  const stopped = over.stopped && utterance.words.length ? where : "";
  if (!verdict) return ["good", stopped || "You stopped it.", ""];
  const { headline, hop, evidence } = verdict.verdict;
  const broken = breaks(utterance);
  const mood = hop === "clean" ? "good" : broken.count ? "bad" : "fair";
  const helps = ADVICE[hop] ?? verdict.advice;
  const advice = hop !== "clean" && helps ? `What helps: ${helps}.` : "";
  const first = firstSoundMs(utterance);
  const good = first === undefined ? "" : firstWords(first, writingMs(utterance));
  const meaning = hop === "clean" ? good : [verdict.meaning, evidence].filter(Boolean).join(" ");
  return [mood, [stopped, headline].filter(Boolean).join(" "), meaning, advice];
}

function firstWords(firstMs, writtenMs) {
  if (!writtenMs) return `The first sound came ${inWords(firstMs)} after the text was sent.`;
  return `The first sentence took ${inWords(writtenMs)} to be written, and sounded ${inWords(firstMs - writtenMs)} later.`;
}
