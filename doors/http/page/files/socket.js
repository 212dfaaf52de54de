/** The WebSocket to the door: says hello, comes back when it is cut, and turns messages into calls. docs/browser.md. */

import { nowMs } from "./clock.js";

const RETRY_MS = [250, 8000]; // before the second attempt, and at most
const WRONG_TOKEN = "invalid_api_key";

/** @returns {{head: object, payload: Uint8Array}} of one binary message */
export function readAudio(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { head, payload: new Uint8Array(buffer, 4 + length) };
}

export class Socket {
  state = "closed"; // connecting, ready, refused (its token), closed
  utterance = 0; // which of the socket's utterances is under way, or was the last
  hidden = false; // nobody looks at the page

  /**
   * @param {object} told
   * @param {(state: string, detail?: object) => void} told.state
   * @param {(message: object) => void} told.message of JSON
   * @param {(chunk: {head: object, payload: Uint8Array, receivedMs: number}) => void} told.audio
   */
  constructor(told) {
    this.told = told;
  }

  open(token) {
    this.token = token;
    this.waitMs = RETRY_MS[0];
    this.#connect();
  }

  /** Somebody looks, or the network is back. */
  wake() {
    if (this.ws && this.state === "closed" && !this.hidden) this.#connect();
  }

  send(type, fields = {}) {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify({ type, ...fields }));
  }

  start(options) {
    this.utterance += 1;
    this.send("start", options);
  }

  #connect() {
    clearTimeout(this.timer);
    this.ws?.close();
    const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/websocket`);
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.send("hello", this.token ? { token: this.token } : {});
    ws.onmessage = ({ data }) => this.ws === ws && this.#hear(data);
    ws.onclose = () => this.ws === ws && this.#closed();
    this.ws = ws;
    this.utterance = 0;
    this.#change("connecting");
  }

  #hear(data) {
    const receivedMs = nowMs();
    if (data instanceof ArrayBuffer) {
      this.told.audio({ ...readAudio(data), receivedMs });
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "ready") {
      this.waitMs = RETRY_MS[0];
      this.#change("ready", message);
    } else if (this.state !== "ready") {
      this.refusal = message.error;
      if (this.refusal?.code === WRONG_TOKEN) this.#change("refused", message.error);
    } else {
      this.told.message(message);
    }
  }

  #closed() {
    if (this.state === "refused") return;
    this.#change("closed", this.refusal);
    this.refusal = undefined;
    if (this.hidden) return; // it comes back when somebody looks
    this.timer = setTimeout(() => this.#connect(), this.waitMs);
    this.waitMs = Math.min(2 * this.waitMs, RETRY_MS[1]);
  }

  #change(state, detail) {
    this.state = state;
    this.told.state(state, detail);
  }
}
