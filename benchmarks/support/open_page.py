"""The door's page in a browser, worked as a person would: a text, a button, and what the page says afterwards."""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.support.browser import Browser

PATIENCE_S = 60.0


class OpenPage:
    def __init__(self, browser: Browser, url: str, *, width: int = 1280, dark: bool = False) -> None:
        """Returns when the page is ready, with its audio device open."""
        self.browser = browser
        browser.open(f"{url}/", width=width, dark=dark)
        self.until("gapless.connection.isReady")
        browser.evaluate("gapless.wake()")

    def speak(self, text: str, **settings: str) -> None:
        """`settings`: values of the page's fields, by their names there."""
        values = [("text", text), *settings.items()]
        put = (f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}" for name, value in values)
        self.browser.evaluate("; ".join(put))
        self.browser.click("#speak")

    def ask(self, number: int) -> None:
        """Has the scripted language model write its answer to the question of this number, from 1 on."""
        self.browser.click(f"#prompts button:nth-of-type({number})")

    def until(self, condition: str, patience_s: float = PATIENCE_S) -> Any:
        """What a JavaScript expression is worth as soon as it is true. Raises TimeoutError."""
        deadline_s = time.monotonic() + patience_s
        while not (worth := self.browser.evaluate(condition)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{condition}; the page shows {self.browser.evaluate('document.body.innerText')!r}")
            time.sleep(0.02)
        return worth

    def verdict(self) -> str:
        """The sentence, and what explains it, when all is over."""
        words: str = self.until("gapless.utterance?.over && !verdict.hidden && verdict.innerText")
        return words
