// The page's modules that need no browser. `node --test` runs them; test_modules.py does it with the other tests.

import assert from "node:assert/strict";
import { test } from "node:test";

const FILES = new URL("../../../../doors/http/page/files/", import.meta.url);
const { Utterance } = await import(new URL("utterance.js", FILES));
const { bars, breaks, firstSoundMs, workMs, writingMs } = await import(new URL("timeline.js", FILES));
const { place, count } = await import(new URL("reading.js", FILES));
const { decodesOpus } = await import(new URL("decoding.js", FILES));
const { encoding, rule } = await import(new URL("defaults.js", FILES));
const { inWords, together } = await import(new URL("words.js", FILES));
const { tokens, ANSWERS } = await import(new URL("writer.js", FILES));

const AHEAD = 5_000_000; // ms that the service's clock is ahead of the page's
const RATE = 24_000;

/** Two chunks of 400 ms; the second comes so late that 200 ms are missing. */
function utterance() {
  const made = new Utterance();
  made.openedMs = 900;
  made.started = { sample_rate: RATE };
  made.noteText("Two 🦊 words. ", 1000);
  made.noteSent(1001);
  for (const [seq, at] of [
    [0, 1100],
    [1, 1800],
  ]) {
    const timings = {
      text_received_ms: AHEAD + 1002,
      t3_start_ms: AHEAD + 1002,
      t3_last_token_ms: AHEAD + at - 40,
      t3_busy_ms: 30,
      flow_start_ms: AHEAD + at - 40,
      flow_end_ms: AHEAD + at - 20,
      vocoder_end_ms: AHEAD + at - 10,
      write_start_ms: AHEAD + at - 2,
      window_tokens: 10,
    };
    const head = { seq, first_sample: seq * 9600, num_samples: 9600, text_begin: 0, text_end: 13, timings };
    made.noteChunk(head, at);
  }
  made.allowedMs = 1100;
  made.startedMs = 1200;
  made.noteSilence(9600, 1600);
  made.noteResumed(4800);
  made.words.push({ word: "Two", start_sample: 0, end_sample: 4800, text_begin: 0, text_end: 3 });
  made.words.push({ word: "words.", start_sample: 9600, end_sample: 19200, text_begin: 6, text_end: 12 });
  return made;
}

test("the service's clock is related to the page's by what was sent and received", () => {
  assert.equal(utterance().offsetMs, AHEAD); // 2 ms there, 2 ms back
});

test("so they are while a language model writes, however long its first sentence takes", () => {
  const made = new Utterance();
  for (let piece = 0; piece < 10; piece += 1) made.noteText("0123456789", 1000 + 30 * piece);
  const timings = { text_received_ms: AHEAD + 1272, write_start_ms: AHEAD + 1398 };
  made.noteChunk({ seq: 0, first_sample: 0, num_samples: 9600, text_begin: 0, text_end: 95, timings }, 1400);
  assert.equal(made.offsetMs, AHEAD);
  assert.equal(writingMs(made), 272);
  assert.equal(writingMs(utterance()), 0); // it came at once
});

test("a number and its unit stay on one line", () => {
  assert.deepEqual([12.4, 999.4, 999.6].map(inWords), ["12\u00a0ms", "999\u00a0ms", "1.00\u00a0s"]);
  assert.equal(together("It broke off for 1.62 s, by 20 ms (chunk 2)."), "It broke off for 1.62\u00a0s, by 20\u00a0ms (chunk 2).");
});

test("every stage has a bar for every chunk, after the text was sent", () => {
  const lanes = bars(utterance(), 3000);
  for (const lane of ["t3", "flow", "vocoder", "send", "receive"]) {
    assert.deepEqual(lanes[lane].map(({ chunk }) => chunk), [0, 1], lane);
  }
  assert.deepEqual([lanes.flow[0].from, lanes.flow[0].until], [60, 80]);
  assert.deepEqual([lanes.t3[1].from, lanes.t3[1].until], [730, 760]);
  assert.equal(lanes.text.length, 1);
});

test("the way from an engine to a gateway and a move are drawn before the wait on the gateway", () => {
  const made = utterance();
  const { timings } = made.chunks[1];
  const ended = timings.vocoder_end_ms;
  Object.assign(timings, { engine_sent_ms: ended + 1, gateway_received_ms: ended + 4 });
  Object.assign(timings, { move_start_ms: ended - 200, move_end_ms: ended + 4 });
  const [, move, way, wait] = bars(made, 3000).send;
  assert.deepEqual([move.kind, move.until - move.from], ["gap", 204]);
  assert.deepEqual([way.until - way.from, wait.from], [3, way.until]);
});

test("a break stands where sound was missing, and what follows is later by it", () => {
  const lanes = bars(utterance(), 3000);
  const [first, second, gap] = lanes.play;
  assert.deepEqual([first.from, first.until], [200, 600]);
  assert.deepEqual([second.from, second.until], [800, 1200]);
  assert.deepEqual([gap.kind, gap.from, gap.until], ["gap", 600, 800]);
  assert.deepEqual(breaks(utterance()), { count: 1, ms: 200 });
  assert.equal(firstSoundMs(utterance()), 200);
  assert.equal(workMs(utterance()), 2 * (30 + 20 + 10));
});

test("bars that overlap lie in rows, others do not", () => {
  const made = utterance();
  made.chunks[1].timings.vocoder_end_ms = made.chunks[0].timings.vocoder_end_ms;
  const lanes = bars(made, 3000);
  assert.deepEqual(lanes.send.map(({ row, rows }) => [row, rows]), [[0, 2], [1, 2]]);
  assert.deepEqual(lanes.play.map(({ row, rows }) => [row, rows]), [[0, 1], [0, 1], [0, 1]]);
});

test("what has not sounded yet waits", () => {
  const lanes = bars(utterance(), 1300);
  assert.deepEqual(lanes.play.slice(0, 2).map(({ kind, from, until }) => [kind, from, until]), [
    ["work", 200, 300],
    ["ahead", 300, 600],
  ]);
});

test("after a barge-in nothing sounds beyond what was played", () => {
  const made = utterance();
  made.over = { played: 4800, atMs: 1400, stopped: true };
  const lanes = bars(made, 3000);
  assert.deepEqual(lanes.play.map(({ from, until }) => [from, until]), [[200, 400]]);
});

test("the word that sounds is found, and none between two words", () => {
  const made = utterance();
  assert.deepEqual(place(made, 100), { begin: 0, end: 3 });
  assert.deepEqual(place(made, 5000), { begin: 3, end: 3 });
  assert.deepEqual(place(made, 9600), { begin: 6, end: 12 });
  assert.deepEqual(count(made, 5000), { heard: 1, all: 3, last: "Two" });
  made.words = [];
  assert.deepEqual(place(made, 5000), { begin: 0, end: 13 });
});

test("the door is told of everything on the page's own clock", () => {
  const made = utterance();
  made.blocks.push([1500, 1600]);
  const heard = made.heard(20);
  assert.deepEqual(heard.sent_ms, [1000, 1001]);
  assert.deepEqual(heard.received_ms, [1100, 1800]);
  assert.deepEqual(heard.silences, [{ position: 9600, at_ms: 1600, missing_samples: 4800 }]);
  assert.deepEqual(heard.blocks_ms, [[1500, 1600]]);
});

test("the scripted model writes all of its answer, in short tokens", () => {
  for (const answer of Object.values(ANSWERS)) {
    assert.equal(tokens(answer).join(""), answer);
    assert.ok(tokens(answer).every((token) => token.length <= 6));
  }
});

test("audio from afar comes as Opus, and from this machine as PCM, unless the address says otherwise", () => {
  for (const hostname of ["localhost", "gapless.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    assert.equal(encoding({ hostname, search: "" }), "pcm_s16le", hostname);
    assert.equal(encoding({ hostname, search: "?encoding=opus" }), "opus", hostname);
    assert.equal(rule({ hostname }), "hint", hostname);
  }
  for (const hostname of ["speech.example.org", "192.168.1.20", "localhost.example.org"]) {
    assert.equal(encoding({ hostname, search: "" }), "opus", hostname);
    assert.equal(encoding({ hostname, search: "?encoding=mp3" }), "opus", hostname);
    assert.equal(encoding({ hostname, search: "?encoding=pcm_s16le" }), "pcm_s16le", hostname);
    assert.equal(rule({ hostname }), "adaptive", hostname);
  }
});

test("what has no WebCodecs decodes no Opus", async () => {
  assert.equal(await decodesOpus(), false);
});
