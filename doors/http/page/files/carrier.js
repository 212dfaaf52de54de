/**
 * The worker between the door and the audio thread: it has the socket, and hands the samples on. So sound waits for
 * nothing that the page draws.
 *
 * In:  plug {port}, open {token}, begin {number, rate, rule, options}, send {type, fields}, look {hidden}.
 * Out: state {state, detail}; with the number of the utterance: message {message}, chunk {head, receivedMs},
 *      put {samples, allowedMs}, failed {error}, blocked {block}.
 */

import { LoopMonitor } from "./clock.js";
import { Feed } from "./feed.js";
import { Socket } from "./socket.js";
import { RULES } from "./start.js";

const rules = Object.fromEntries(Object.entries(RULES).map(([name, Rule]) => [name, new Rule()]));
let port; // to the audio thread
let feed; // of the utterance that is under way, or of the last

const ofDoor = (one) => (one.utterance ?? socket.utterance) === socket.utterance; // and not of one before
const tell = (what, said) => postMessage({ what, number: feed?.number, ...said });

const socket = new Socket({
  state(state, detail) {
    if (state !== "ready") end();
    tell("state", { state, detail });
  },
  message(message) {
    if (!feed || !ofDoor(message)) return;
    if (message.type === "started") feed.begin(message);
    tell("message", { message });
    if (message.type === "finished" || message.type === "error") end();
  },
  audio(chunk) {
    if (!feed || !ofDoor(chunk.head)) return;
    tell("chunk", { head: chunk.head, receivedMs: chunk.receivedMs });
    feed.take(chunk);
  },
});
const loop = new LoopMonitor((block) => !socket.hidden && tell("blocked", { block }));

function end() {
  loop.stop();
  feed?.end();
}

const ORDERS = {
  plug(order) {
    port = order.port;
  },
  open({ token }) {
    socket.open(token);
  },
  begin({ number, rate, rule, options }) {
    end();
    const its = (what) => (said) => number === feed.number && tell(what, said);
    feed = new Feed(number, rate, port, rules[rule], {
      put: its("put"),
      failed: (error) => its("failed")({ error: { message: error.message } }),
    });
    loop.start();
    socket.start(options);
  },
  send({ type, fields }) {
    socket.send(type, fields);
  },
  look({ hidden }) {
    socket.hidden = hidden;
    socket.wake();
  },
};
onmessage = ({ data }) => ORDERS[data.do](data);
