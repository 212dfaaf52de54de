/** Voices: which there are, one made of a recording, one forgotten. Over HTTP, with the same token. */

/** Fills the list and keeps what was chosen. */
export function offer(select, voices, chosen = select.value) {
  select.replaceChildren(
    ...voices.map((voice) => new Option(voice.name, voice.name, voice.is_default, voice.is_default)),
  );
  if (voices.some((voice) => voice.name === chosen)) select.value = chosen;
  select.disabled = voices.length < 2;
}

/** The same for languages. */
export function offerLanguages(select, languages) {
  const chosen = select.value;
  select.replaceChildren(...languages.map((one) => new Option(one)));
  if (languages.includes(chosen)) select.value = chosen;
}

/** @returns {Promise<string>} what is to be said of it. Throws what the service refuses. */
export async function create(form, token) {
  const made = await ask("/v1/audio/voices", token, { method: "POST", body: new FormData(form) });
  const warnings = made.warnings?.length ? ` ${made.warnings.join(" ")}` : "";
  return `The voice “${made.id}” is there.${warnings}`;
}

export async function forget(name, token) {
  await ask(`/v1/audio/voices/${encodeURIComponent(name)}`, token, { method: "DELETE" });
}

async function ask(path, token, request) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { ...request, headers });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? response.statusText);
  return answer;
}
