/** A scripted language model: it writes an answer token by token, 30 of them a second. */

const TOKENS_PER_S = 30;
const LONGEST = 6; // characters of a token

export const ANSWERS = {
  "Why is the sky blue?":
    "Sunlight looks white, but it holds every color. Air scatters blue light about five times as much as red, so " +
    "on its way to you the blue is thrown all over the sky. In the evening the light crosses far more air. Most " +
    "of the blue is gone by then, and what is left is red and gold.",
  "What is on today?":
    "Good morning! You have three meetings today. The first is at 9:30 with Maria, and it is about the budget for " +
    "2027: $12,500 are still open. At 11 a.m. Dr. Lee calls. The last one is at 4:15, and you might leave early, " +
    "because rain is expected from 5 p.m. on.",
  "Tell me a short story.":
    "Once there was a lighthouse that was afraid of the dark. Every evening it lit its lamp, not for the ships, " +
    "but to see that nothing stood behind it. One night the lamp went out. The lighthouse held its breath, and " +
    "then it heard a hundred ships, very softly, ringing their bells. They had come to keep it company until " +
    "morning.",
};

/** @returns {string[]} the text in tokens, as a language model writes it: short words whole, long ones in parts */
export function tokens(text) {
  const words = text.match(/\s*\S+/gu) ?? [];
  return words.flatMap((word) => word.match(new RegExp(`[^]{1,${LONGEST}}`, "gu")));
}

/**
 * Gives the tokens of a text when they are due, several at once if the page was late.
 * @param {AbortSignal} signal
 */
export async function* written(text, signal) {
  const waiting = tokens(text);
  const begunMs = performance.now();
  let given = 0;
  while (given < waiting.length && !signal.aborted) {
    const due = Math.min(waiting.length, 1 + Math.floor(((performance.now() - begunMs) * TOKENS_PER_S) / 1e3));
    if (due > given) yield waiting.slice(given, due).join("");
    given = Math.max(given, due);
    await new Promise((resolve) => setTimeout(resolve, 1e3 / TOKENS_PER_S));
  }
}
