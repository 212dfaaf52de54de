/** The page's end of the worker that has the socket (carrier.js). */

import { nowMs } from "./clock.js";

export class Connection {
  state = "closed"; // connecting, ready, refused (its token), closed

  /** @param {(what: string, said: object) => void} tell what carrier.js says */
  constructor(tell) {
    this.worker = new Worker("/page/carrier.js", { type: "module" });
    this.worker.onmessage = ({ data }) => {
      if (data.what === "state") this.state = data.state;
      tell(data.what, data);
    };
    this.worker.onerror = ({ message }) => {
      if (this.state !== "closed") return;
      tell("state", { state: "closed", detail: { message: `This browser does not run the page's worker. ${message ?? ""}` } });
    };
    const look = () => this.#order({ do: "look", hidden: document.hidden });
    addEventListener("online", look);
    document.addEventListener("visibilitychange", look);
    look();
  }

  /** The token stays in memory: whoever opens the page next on this machine does not have it. */
  open(token = "") {
    this.token = token;
    this.#order({ do: "open", token });
  }

  get isReady() {
    return this.state === "ready";
  }

  /** @param {MessagePort} port to the audio thread */
  plug(port) {
    this.#order({ do: "plug", port }, [port]);
  }

  /** An utterance: its number, the rate that it is played at, when it may begin (a name of RULES), and the message `start`. */
  begin(number, rate, rule, options) {
    this.#order({ do: "begin", number, rate, rule, options });
  }

  /** @returns {number} when */
  send(type, fields = {}) {
    const atMs = nowMs();
    this.#order({ do: "send", type, fields });
    return atMs;
  }

  #order(order, transfer = []) {
    this.worker.postMessage(order, transfer);
  }
}
