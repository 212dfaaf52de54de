/** An utterance -> what each stage did when: lanes of bars, as on the report page of client/report. Pure. */

export const LANES = [
  { key: "text", name: "text", caption: "as it is written", hue: "--text" },
  { key: "t3", name: "T3", caption: "text to speech tokens", hue: "--t3" },
  { key: "flow", name: "flow", caption: "tokens to spectrum", hue: "--flow" },
  { key: "vocoder", name: "vocoder", caption: "spectrum to sound", hue: "--vocoder" },
  { key: "send", name: "send", caption: "waits, and leaves", hue: "--send" },
  { key: "receive", name: "receive", caption: "on its way here", hue: "--receive" },
  { key: "play", name: "play", caption: "what you hear", hue: "--play" },
];
const TOUCHING_MS = 1; // bars that overlap by less only touch
const AT_ONCE_MS = 50; // text that is there within so long came at once
const AUDIBLE_MS = 5; // a shorter silence is not heard as a break

/**
 * @typedef {object} Bar
 * @property {number} from ms after the text was sent
 * @property {number} until
 * @property {"work" | "guess" | "ahead" | "gap"} kind
 * @property {number} [chunk]
 * @property {string} tip
 * @property {number} row and
 * @property {number} rows that share the lane's height there: bars that overlap lie one below the other
 */

/** @returns {Record<string, Bar[]>} by the keys of LANES, as far as one knows at `now` */
export function bars(utterance, now) {
  const lanes = Object.fromEntries(LANES.map(({ key }) => [key, []]));
  const origin = utterance.originMs;
  const put = (lane, fromMs, untilMs, more) => {
    if (!(untilMs >= fromMs)) return;
    const [from, until] = [fromMs - origin, untilMs - origin];
    lanes[lane].push({ kind: "work", row: 0, rows: 1, from, until, ...more, tip: `${more.tip}: ${span(from, until)}` });
  };
  for (const { atMs, characters } of utterance.sent) {
    if (characters) put("text", atMs, atMs, { tip: `${characters} characters sent` });
  }
  let tokensMs = 0;
  for (const chunk of utterance.chunks) {
    stages(utterance, chunk, tokensMs, put);
    tokensMs = chunk.timings.t3_last_token_ms ?? tokensMs;
    if (utterance.startedMs !== undefined) play(utterance, chunk, now, put);
  }
  for (const silence of utterance.silences) {
    const untilMs = silence.untilMs ?? now;
    if (untilMs - silence.atMs > AUDIBLE_MS && !utterance.over?.stopped) {
      put("play", silence.atMs, untilMs, { kind: "gap", tip: "the sound broke off" });
    }
  }
  for (const [name, lane] of Object.entries(lanes)) {
    if (name !== "play") stacked(lane); // what is heard does not overlap
  }
  return lanes;
}

/** Puts those that overlap into rows. */
function stacked(lane) {
  let together = [];
  let until = -Infinity;
  const close = () => {
    const rows = Math.max(1, ...together.map(({ row }) => row + 1));
    for (const bar of together) bar.rows = rows;
  };
  for (const bar of [...lane].sort((one, other) => one.from - other.from)) {
    if (bar.from >= until - TOUCHING_MS) {
      close();
      together = [];
    }
    const taken = together.filter((other) => other.until > bar.from + TOUCHING_MS).map(({ row }) => row);
    bar.row = [...together.keys(), together.length].find((row) => !taken.includes(row));
    together.push(bar);
    until = Math.max(until, bar.until);
  }
  close();
}

function stages(utterance, chunk, tokensMs, put) {
  const { timings, seq } = chunk;
  const here = (name) => (timings[name] ? utterance.here(timings[name]) : undefined);
  const begun = Math.max(timings.t3_start_ms ?? 0, tokensMs);
  const more = (words) => ({ chunk: seq, tip: `chunk ${seq}, ${words}` });
  if (timings.t3_last_token_ms) {
    // T3 draws without a break, unless it is far ahead; then the time that it worked tells.
    const busyMs = timings.t3_busy_ms ?? timings.t3_last_token_ms - begun;
    const from = Math.max(begun, timings.t3_last_token_ms - busyMs);
    put("t3", utterance.here(from), here("t3_last_token_ms"), more(`${timings.window_tokens} tokens`));
  }
  const guess = timings.speculative ? { kind: "guess" } : {};
  put("flow", here("flow_start_ms"), here("flow_end_ms"), { ...more("tokens to spectrum"), ...guess });
  put("vocoder", here("vocoder_start_ms") ?? here("flow_end_ms"), here("vocoder_end_ms"), more("spectrum to sound"));
  const arrived = here("gateway_received_ms"); // only where a gateway serves the call
  put("send", here("move_start_ms"), here("move_end_ms"), { ...more("moved to another engine"), kind: "gap" });
  put("send", here("engine_sent_ms"), arrived, more("on its way from the engine"));
  put("send", arrived ?? here("vocoder_end_ms"), here("write_start_ms"), more("waited on the service"));
  const sent = here("write_start_ms");
  if (sent) put("receive", Math.min(sent, chunk.receivedMs), chunk.receivedMs, more("on its way"));
}

function play(utterance, chunk, now, put) {
  const heardUntil = utterance.over?.played ?? Infinity;
  const first = chunk.first_sample;
  const last = Math.min(first + chunk.num_samples, heardUntil);
  if (last <= first) return;
  const from = utterance.soundsMs(first);
  const until = from + (1e3 * (last - first)) / utterance.rate;
  const more = { chunk: chunk.seq, tip: `chunk ${chunk.seq}` };
  if (now > from) put("play", from, Math.min(until, now), more);
  if (until > now) put("play", Math.max(from, now), until, { ...more, kind: "ahead" });
}

/** Where the picture ends: ms after the text was sent. */
export function end(utterance, now) {
  const received = utterance.chunks.at(-1)?.receivedMs ?? utterance.openedMs;
  if (utterance.over) return Math.max(utterance.over.atMs, received) - utterance.originMs;
  const played = utterance.startedMs === undefined ? now : utterance.soundsMs(utterance.samples);
  return Math.max(now, played) - utterance.originMs;
}

/** From the text to the first sound, in ms; undefined before that. */
export function firstSoundMs(utterance) {
  return utterance.startedMs === undefined ? undefined : utterance.startedMs - utterance.originMs;
}

/** How long the first sentence took to be written, in ms; 0 of text that came at once; undefined before it is known. */
export function writingMs(utterance) {
  const completeMs = utterance.chunks[0]?.timings.text_received_ms;
  if (!completeMs) return undefined;
  const writtenMs = utterance.here(completeMs) - utterance.originMs;
  return writtenMs > AT_ONCE_MS ? writtenMs : 0;
}

/** What the stages worked on it, one after the other, ms. They work at the same time, so it takes less. */
export function workMs(utterance) {
  return utterance.chunks.reduce((sum, { timings }) => {
    const flow = (timings.flow_end_ms ?? 0) - (timings.flow_start_ms ?? 0);
    const vocoder = (timings.vocoder_end_ms ?? 0) - (timings.vocoder_start_ms ?? timings.flow_end_ms ?? 0);
    return sum + (timings.t3_busy_ms ?? 0) + flow + vocoder;
  }, 0);
}

/** Times that the sound broke off, and for how long in all, ms. */
export function breaks(utterance) {
  const heard = utterance.silences
    .map((one) => (one.untilMs ?? one.atMs) - one.atMs)
    .filter((length) => length > AUDIBLE_MS);
  return { count: heard.length, ms: heard.reduce((sum, one) => sum + one, 0) };
}

function span(from, until) {
  return until > from ? `${from.toFixed(1)} to ${until.toFixed(1)} ms` : `at ${from.toFixed(1)} ms`;
}
