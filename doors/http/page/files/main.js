/** The page: what a person does, and what is shown. */

import { decodesOpus } from "./decoding.js";
import * as defaults from "./defaults.js";
import { Speaker } from "./speaker.js";
import { View } from "./view.js";
import { create, forget, offer, offerLanguages } from "./voices.js";
import { ANSWERS, written } from "./writer.js";

const STATES = {
  connecting: "connecting",
  ready: "ready",
  refused: "token needed",
  closed: "not connected, trying again",
};
const HELLO =
  "Hello! I begin to speak while the rest of my text is still being turned into sound. Press Escape to stop me.";
const byId = (id) => document.getElementById(id);

const view = new View();
const speaker = new Speaker((what, detail) => {
  if (what === "state") showState(detail);
  else {
    draw();
    showButton();
  }
});
window.gapless = speaker; // for whoever looks in from the console

// ------------------------------------------------------------------------------------------ what a person does

function begin(write) {
  if (!speaker.connection.isReady) return;
  view.begin();
  speaker.speak(write, options(), byId("start").value).catch((error) => {
    showProblem(`No sound can be played here: ${error.message}`);
  });
}

function speakText() {
  const text = byId("text").value;
  if (text.trim()) begin(() => [text]);
}

function ask(prompt) {
  byId("text").value = ANSWERS[prompt];
  begin((signal) => written(ANSWERS[prompt], signal));
}

function options() {
  const chosen = { voice: byId("voice").value, encoding: byId("encoding").value };
  if (byId("language").value) chosen.language = byId("language").value;
  if (Number(byId("speed").value) !== 1) chosen.speed = Number(byId("speed").value);
  if (byId("seed").value) chosen.seed = Number(byId("seed").value);
  return chosen;
}

function edit() {
  if (speaker.speaks) return;
  view.writing(true);
  byId("text").focus();
}

byId("speak").addEventListener("click", () => (speaker.speaks ? speaker.stop() : speakText()));
byId("reading").addEventListener("click", edit);
byId("prompts").append(
  ...Object.keys(ANSWERS).map((prompt) => {
    const button = document.createElement("button");
    button.type = "button";
    button.disabled = true;
    button.textContent = prompt;
    button.addEventListener("click", () => ask(prompt));
    return button;
  }),
);
addEventListener("keydown", (event) => {
  if (event.key === "Escape") speaker.stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) speakText();
  if (event.target === byId("reading") && event.key.length === 1 && !event.ctrlKey && !event.metaKey) edit();
});
for (const touch of ["pointerdown", "keydown"]) {
  addEventListener(touch, () => speaker.wake()?.catch(() => {}), { capture: true });
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  speaker.connection.open(new FormData(event.target).get("token").trim());
});
byId("clone").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("cloned").textContent = "The voice is being made.";
  const name = new FormData(event.target).get("name");
  byId("cloned").textContent = await create(event.target, speaker.connection.token).catch((error) => error.message);
  voicesChanged(name);
});
byId("forget").addEventListener("click", async () => {
  const refused = await forget(byId("voice").value, speaker.connection.token).catch((error) => error.message);
  byId("cloned").textContent = refused ?? "";
  voicesChanged();
});
byId("voice").addEventListener("change", showForget);

let wanted; // the voice to be chosen once it is known

/** A new hello tells which voices there are now. */
function voicesChanged(name) {
  wanted = name;
  speaker.connection.open(speaker.connection.token);
}

// ------------------------------------------------------------------------------------------ what is shown

function showState({ state, detail }) {
  byId("state").className = state;
  const model = speaker.ready ? `${speaker.ready.model}, ready` : STATES.ready;
  byId("state").lastElementChild.textContent = state === "ready" ? model : STATES[state];
  showProblem(state === "closed" ? detail?.message : "");
  byId("token").hidden = state !== "refused";
  if (state === "refused") byId("token").elements.token.focus();
  if (state === "ready") showReady(detail);
  for (const button of document.querySelectorAll("#speak, #prompts button")) button.disabled = state !== "ready";
}

function showProblem(message) {
  byId("problem").textContent = message ?? "";
  byId("problem").hidden = !message;
}

function showReady(ready) {
  offer(byId("voice"), ready.voices, wanted);
  wanted = undefined;
  showForget();
  byId("clone").hidden = !ready.features.voice_cloning;
  byId("speed").parentElement.hidden = !ready.features.speaking_rate;
  const canChoose = browserDecodesOpus && ready.encodings.includes("opus");
  byId("encoding").parentElement.hidden = !canChoose;
  if (!canChoose) byId("encoding").value = "pcm_s16le";
  byId("language").parentElement.hidden = ready.languages.length < 2;
  offerLanguages(byId("language"), ready.languages);
}

function showForget() {
  const voice = speaker.ready?.voices.find(({ name }) => name === byId("voice").value);
  byId("forget").hidden = !voice || voice.built_in;
}

function showButton() {
  const button = byId("speak");
  button.classList.toggle("stop", speaker.speaks);
  button.querySelector("span").textContent = speaker.speaks ? "Stop" : "Speak";
  button.querySelector("kbd").textContent = speaker.speaks ? "Esc" : "Ctrl Enter";
}

let drawn = false; // a frame is asked for

function draw() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    const { utterance, player } = speaker;
    view.show(utterance, utterance?.over?.played ?? player?.heard ?? 0);
    if (speaker.speaks) draw();
  });
}

addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  view.recolour();
  draw();
});

byId("start").value = defaults.rule(location);
byId("encoding").value = defaults.encoding(location);
byId("text").value = HELLO;
const browserDecodesOpus = await decodesOpus();
speaker.connection.open();
draw();
