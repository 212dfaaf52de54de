/** Durations and sentences as they are shown. */

const NO_BREAK = "\u00a0";

/** A number and its unit stay on one line. */
export const inWords = (ms) =>
  ms >= 999.5 ? `${(ms / 1e3).toFixed(2)}${NO_BREAK}s` : `${Math.round(ms)}${NO_BREAK}ms`;

/** The same for those in a sentence that came from elsewhere. */
export const together = (sentence) => sentence.replace(/(\d) (ms|s)\b/gu, `$1${NO_BREAK}$2`);
