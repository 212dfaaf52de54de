// Voices from another language: creates one from a recording, lists it, deletes it, and prints one JSON line.
//
//   node voice.js ADDRESS NAME FILE
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../proto", import.meta.url));
const PIECE_BYTES = 64 * 1024;

const [address, name, file] = process.argv.slice(2);
const definition = protoLoader.loadSync("gapless/tts/v1/tts.proto", { includeDirs: [PROTO_ROOT], longs: String, enums: String });
const { TextToSpeechService } = grpc.loadPackageDefinition(definition).gapless.tts.v1;
const client = new TextToSpeechService(address, grpc.credentials.createInsecure());
const listVoices = promisify(client.ListVoices.bind(client));
const deleteVoice = promisify(client.DeleteVoice.bind(client));

function createVoice(name, audio) {
  return new Promise((resolve, reject) => {
    const call = client.CreateVoice((error, reply) => (error ? reject(error) : resolve(reply)));
    call.write({ config: { name, description: "From Node." } });
    for (let at = 0; at < audio.length; at += PIECE_BYTES) call.write({ audio: audio.subarray(at, at + PIECE_BYTES) });
    call.end();
  });
}

const names = async () => (await listVoices({})).voices.map((voice) => voice.name);
const code = async (promise) => grpc.status[(await promise.catch((error) => error)).code ?? 0];

const audio = readFileSync(file);
const { voice } = await createVoice(name, audio);
const during = await names();
const again = await code(createVoice(name, audio));
await deleteVoice({ name });
const gone = await code(deleteVoice({ name }));
console.log(JSON.stringify({ voice, during, again, gone, after: await names() }));
client.close();
