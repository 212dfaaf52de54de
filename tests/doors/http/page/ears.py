"""The page in a browser, and ears in its audio graph: every block that the player's node puts out, sample by sample.

The ears keep what they hear in the audio thread until they are asked: nothing is between them and the graph that could
lose a block. They count frames themselves, because the browser leaves `currentFrame` as it was in a block during which
its main thread held the graph.
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.support.browser import Browser, executable

_MAY_BE_MISSING = "CI" not in os.environ
IN_A_BROWSER = [
    pytest.mark.hardware,
    pytest.mark.real_time,
    pytest.mark.skipif(executable() is None and _MAY_BE_MISSING, reason="no Chromium here"),
]
QUIET = 1e-4
PATIENCE_S = 20.0
BLOCK = 128  # samples that a graph of Web Audio carries at once
_EAR = """registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = 0;
    this.blocks = [];
    this.port.onmessage = ({data}) => data === 'tell' ? this.tell() : this.blocks = [];
  }
  process([[block]]) {
    this.frame = Math.max(currentFrame, this.frame + 128);
    if (!this.blocks.length) this.first = this.frame;
    this.blocks.push(block ? block.slice() : new Float32Array(128));
    return true;
  }
  tell() {
    const samples = new Float32Array(128 * this.blocks.length);
    this.blocks.forEach((block, at) => samples.set(block, 128 * at));
    this.port.postMessage({first: this.first, last: this.frame, samples});
  }
})"""
_LISTEN = """(async () => {
  await gapless.wake();
  const {context, node} = gapless.player;
  const source = new Blob([EAR], {type: 'text/javascript'});
  await context.audioWorklet.addModule(URL.createObjectURL(source));
  window.ear = new AudioWorkletNode(context, 'ear', {numberOfInputs: 1});
  node.connect(ear).connect(context.destination);
  window.pressedFrame = 0;
  const note = () => pressedFrame = Math.round(context.currentTime * context.sampleRate);
  addEventListener('keydown', note, {capture: true});
})()"""
_HEARD = """(async () => {
  const told = await new Promise((resolve) => {
    ear.port.onmessage = ({data}) => resolve(data);
    ear.port.postMessage('tell');
  });
  const bytes = new Uint8Array(told.samples.buffer);
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return {...told, samples: btoa(text), pressedFrame};
})()"""


class Page:
    """One tab."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def visit(self, url: str, *, listen: bool = True) -> None:
        """`listen`: with ears, for which the page's own policy is not in force."""
        self.browser.trust_scripts(listen)
        self.browser.open(url, width=1280)
        self.until("gapless.connection.isReady")
        if listen:
            self.evaluate(_LISTEN.replace("EAR", json.dumps(_EAR)))

    def evaluate(self, script: str) -> Any:
        return self.browser.evaluate(script)

    def until(self, condition: str) -> Any:
        """What it is worth as soon as it is true."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (worth := self.evaluate(condition)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{condition}; the page shows {self.evaluate('document.body.innerText')!r}")
            time.sleep(0.02)
        return worth

    def speak(self, text: str, **settings: str) -> None:
        """Types it and presses the button. `settings`: values of the page's fields."""
        fields = {"text": text, "seed": "7"} | settings
        values = "; ".join(
            f"document.getElementById({json.dumps(k)}).value = {json.dumps(v)}" for k, v in fields.items()
        )
        self.evaluate(f"globalThis.ear?.port.postMessage('forget'); {values}")
        self.browser.click("#speak")

    def verdict(self) -> str:
        """Of the utterance that was spoken, when it is there."""
        words: str = self.until("gapless.utterance?.over && !verdict.hidden && verdict.innerText")
        return words

    def headline(self) -> str:
        """The same of a tab that nobody looks at, and that shows nothing therefore."""
        words: str = self.until("gapless.utterance?.verdict?.verdict.headline")
        return words

    def heard(self) -> tuple[NDArray[np.float32], int, int]:
        """What the graph carried since `speak`, every block of it [N], its first frame, and that of the last key."""
        told = self.evaluate(_HEARD)
        samples = np.frombuffer(base64.b64decode(told["samples"]), np.float32)
        assert len(samples) == told["last"] + BLOCK - told["first"]
        return samples, told["first"], told["pressedFrame"]


def found_in(heard: NDArray[np.float32], spoken: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of what was heard that should be `spoken`, from its first sample on."""
    first = int(np.flatnonzero(np.abs(spoken) > QUIET)[0])
    begin = int(np.flatnonzero(np.abs(heard) > QUIET)[0]) - first
    return heard[begin : begin + len(spoken)]
