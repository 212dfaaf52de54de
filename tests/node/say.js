// A client of gapless.tts.v1 in another language: streams text in word by word and prints one JSON line about the audio.
//
//   node say.js ADDRESS SEED TEXT...
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../proto", import.meta.url));

const [address, seed, ...words] = process.argv.slice(2);
const definition = protoLoader.loadSync("gapless/tts/v1/tts.proto", { includeDirs: [PROTO_ROOT], longs: String, enums: String });
const { TextToSpeechService } = grpc.loadPackageDefinition(definition).gapless.tts.v1;
const client = new TextToSpeechService(address, grpc.credentials.createInsecure());
const call = client.Synthesize({ deadline: Date.now() + 60_000 });

const hash = createHash("sha256");
const result = { bytes: 0, samples: 0, chunks: 0, seed: "", reason: "" };

call.on("data", ({ started, audio, finished }) => {
  if (started) result.seed = started.seed;
  if (audio) {
    hash.update(audio.data);
    result.bytes += audio.data.length;
    result.samples += audio.numSamples;
    result.chunks += 1;
  }
  if (finished) result.reason = finished.reason;
});
call.on("error", (error) => {
  console.error(`${grpc.status[error.code]}: ${error.details}`);
  process.exitCode = 1;
  client.close();
});
call.on("status", ({ code }) => {
  if (code !== grpc.status.OK) return;
  console.log(JSON.stringify({ ...result, sha256: hash.digest("hex") }));
  client.close();
});

call.write({ config: { sampling: { seed } } });
for (const word of words.join(" ").split(" ")) {
  call.write({ text: { text: `${word} ` } });
  await new Promise((resume) => setTimeout(resume, 5));
}
call.write({ endOfInput: {} });
call.end();
