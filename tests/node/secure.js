// Who may come in, from another language: asks for the voices with the given credentials and prints what came of it.
//
//   node secure.js ADDRESS '{"ca": FILE, "cert": FILE, "key": FILE, "token": TEXT}'
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../proto", import.meta.url));

const [address, given] = process.argv.slice(2);
const { ca, cert, key, token } = JSON.parse(given);
const read = (file) => (file ? readFileSync(file) : null);
const credentials = ca ? grpc.credentials.createSsl(read(ca), read(key), read(cert)) : grpc.credentials.createInsecure();
const metadata = new grpc.Metadata();
if (token) metadata.set("authorization", `Bearer ${token}`);

const definition = protoLoader.loadSync("gapless/tts/v1/tts.proto", { includeDirs: [PROTO_ROOT] });
const { TextToSpeechService } = grpc.loadPackageDefinition(definition).gapless.tts.v1;
const client = new TextToSpeechService(address, credentials);

client.ListVoices({}, metadata, { deadline: Date.now() + 10_000 }, (error, answer) => {
  console.log(error ? `${grpc.status[error.code]}: ${error.details}` : answer.voices.map(({ name }) => name).join(" "));
  client.close();
});
