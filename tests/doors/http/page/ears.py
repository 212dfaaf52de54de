"""The page in a browser, and ears in its audio graph: every block that the player's node puts out, sample by sample."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.browser import Browser
from tests.real_time import STANDSTILL_S, Standstills

PATIENCE_S = 20.0
_EAR = """registerProcessor('ear', class extends AudioWorkletProcessor {
  process([[block]]) {
    this.port.postMessage({frame: currentFrame, block: block ? block.slice() : new Float32Array(128)});
    return true;
  }
})"""
_LISTEN = """(async () => {
  window.heard = [];
  await gapless.wake();
  const {context, node} = gapless.player;
  const source = new Blob([EAR], {type: 'text/javascript'});
  await context.audioWorklet.addModule(URL.createObjectURL(source));
  const ear = new AudioWorkletNode(context, 'ear', {numberOfInputs: 1});
  ear.port.onmessage = ({data}) => heard.push(data);
  node.connect(ear).connect(context.destination);
  window.pressedFrame = 0;
  const note = () => pressedFrame = Math.round(context.currentTime * context.sampleRate);
  addEventListener('keydown', note, {capture: true});
})()"""
_HEARD = """(() => {
  const blocks = heard;
  const all = new Float32Array(blocks.reduce((sum, {block}) => sum + block.length, 0));
  let at = 0;
  for (const {block} of blocks) { all.set(block, at); at += block.length; }
  const bytes = new Uint8Array(all.buffer);
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return {samples: btoa(text), frames: blocks.map(({frame}) => frame), pressedFrame};
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
        self.evaluate(f"window.heard = []; {values}")
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
        """What the graph carried since `speak`, without a hole in it [N], its first frame, and that of the last key."""
        told = self.evaluate(_HEARD)
        samples = np.frombuffer(base64.b64decode(told["samples"]), np.float32)
        frames = told["frames"]
        block = len(samples) // len(frames)
        if frames != (whole := [frames[0] + block * index for index in range(len(frames))]):
            Standstills.note(STANDSTILL_S)  # of the browser's audio thread
        assert frames == whole
        return samples, frames[0], told["pressedFrame"]
