/** What the page chooses where nobody has chosen, by its address. */

import { ENCODINGS } from "./decoding.js";

const isHere = (hostname) => /^(localhost|.*\.localhost|127\.[0-9.]+|\[::1\])$/.test(hostname);

/** What `?encoding=` names; otherwise Opus, but PCM on the service's own machine, where bits cost nothing. */
export function encoding({ hostname, search }) {
  const named = new URLSearchParams(search).get("encoding");
  return ENCODINGS.includes(named) ? named : isHere(hostname) ? "pcm_s16le" : "opus";
}

/** When playback may begin, of the RULES of start.js: across a network it waits for that too. */
export const rule = ({ hostname }) => (isHere(hostname) ? "hint" : "adaptive");
