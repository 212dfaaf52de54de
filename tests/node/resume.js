// A client of gapless.tts.v1 in another language that goes on after a lost connection, as docs/contract.md says: streams
// text in word by word and prints one JSON line about the audio and the servers that gave it.
//
//   node resume.js ADDRESS,ADDRESS... SEED TEXT...
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../proto", import.meta.url));
const PATIENCE_MS = 10_000;

const [addresses, seed, ...words] = process.argv.slice(2);
const definition = protoLoader.loadSync("gapless/tts/v1/tts.proto", { includeDirs: [PROTO_ROOT], longs: String, enums: String });
const { TextToSpeechService } = grpc.loadPackageDefinition(definition).gapless.tts.v1;
const clients = addresses.split(",").map((address) => new TextToSpeechService(address, grpc.credentials.createInsecure()));

const config = { sampling: { seed }, streaming: { wantResumeTokens: true } };
const sent = []; // all that was said after the config
let token = Buffer.alloc(0), samples = 0, call; // what another call goes on from
const hash = createHash("sha256");
const result = { samples: 0, calls: [], seed: "", reason: "" };

// One call, from where the last one was lost. Resolves to the status that it ended with.
function speak(index) {
  call = clients[index].Synthesize({ deadline: Date.now() + 60_000 });
  result.calls.push(index);
  call.on("data", ({ started, audio, finished }) => {
    const news = (started ?? audio)?.resumeToken;
    if (news?.length) token = news;
    if (started) result.seed = started.seed;
    if (audio) {
      const first = Number(audio.firstSample ?? 0);
      if (first !== samples) throw new Error(`sample ${first} in place of ${samples}`);
      samples += audio.numSamples;
      hash.update(audio.data);
    }
    if (finished) result.reason = finished.reason;
  });
  call.on("error", () => {}); // the status says it
  const ended = new Promise((resolve) => call.on("status", resolve));
  call.write({ config: token.length ? { ...config, resume: { token, fromSample: String(samples) } } : config });
  const text = sent.map((message) => message.text?.text ?? "").join("");
  if (text) call.write({ text: { text } });
  if (sent.at(-1)?.endOfInput) call.write({ endOfInput: {} });
  return ended;
}

function isLost({ code, metadata }) {
  const unsaid = !metadata.get("grpc-status-details-bin").length; // something on the way ended it
  const { UNAVAILABLE, CANCELLED, INTERNAL, UNKNOWN } = grpc.status;
  return code === UNAVAILABLE || (unsaid && [CANCELLED, INTERNAL, UNKNOWN].includes(code));
}

async function listen() {
  let status = await speak(0), since = Date.now(), had = samples;
  for (let tries = 1; isLost(status) && Date.now() - since < PATIENCE_MS; tries += 1) {
    if (tries > 1) await sleep(Math.min(1_000, 50 * 2 ** tries) * (0.5 + Math.random()));
    status = await speak(tries % clients.length);
    if (samples > had) [since, had, tries] = [Date.now(), samples, 0];
  }
  return status;
}

const listening = listen();
for (const message of [...words.join(" ").split(" ").map((word) => ({ text: { text: `${word} ` } })), { endOfInput: {} }]) {
  sent.push(message);
  call.write(message);
  await sleep(5);
}
const { code, details } = await listening;
for (const client of clients) client.close();
if (code !== grpc.status.OK) {
  console.error(`${grpc.status[code]}: ${details}`);
  process.exit(1);
}
console.log(JSON.stringify({ ...result, samples, sha256: hash.digest("hex") }));
