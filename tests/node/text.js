// SynthesizeText from another language: the whole text in one message. Prints one JSON line about the audio.
//
//   node text.js ADDRESS SEED TEXT...
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../proto", import.meta.url));
const PROTO = "gapless/tts/v1/tts.proto";

const [address, seed, ...words] = process.argv.slice(2);
const definition = protoLoader.loadSync(PROTO, { includeDirs: [PROTO_ROOT], longs: String, enums: String });
const { TextToSpeechService } = grpc.loadPackageDefinition(definition).gapless.tts.v1;
const client = new TextToSpeechService(address, grpc.credentials.createInsecure());

const hash = createHash("sha256");
const result = { samples: 0, textEnd: 0, reason: "" };
const request = { config: { sampling: { seed } }, text: words.join(" ") };
for await (const { audio, finished } of client.SynthesizeText(request, { deadline: Date.now() + 60_000 })) {
  if (audio) {
    hash.update(audio.data);
    result.samples += audio.numSamples;
    result.textEnd = audio.textEnd;
  }
  if (finished) result.reason = finished.reason;
}
console.log(JSON.stringify({ ...result, sha256: hash.digest("hex") }));
client.close();
