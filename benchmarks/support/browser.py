"""A page -> a picture: headless Chromium, spoken to through its debugging pipe (no package, no port).

    with chromium() as browser:
        shot = browser.show(page, width=375, dark=True)
        shot.png, shot.overflow_px

The pipe carries JSON messages of the DevTools protocol, each ended by a zero byte: commands on descriptor 3 of the
browser, answers and events on its descriptor 4.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")
_CONTROL = 2  # of the modifiers of a key
PHONE_PX = 500  # narrower is shown as a phone would
# Puts the ends of the pipes where the browser looks for them, and becomes the browser.
_PLUMB = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in enumerate(ends, 3):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
_LOOKS = """(() => {
  const root = document.documentElement;
  return {height: root.scrollHeight, overflow: root.scrollWidth - root.clientWidth};
})()"""

_MIDDLE = """(() => {{
  const one = document.querySelector({selector});
  one.scrollIntoView({{block: 'center'}});
  const {{x, y, width, height}} = one.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}})()"""


@dataclass(frozen=True, kw_only=True)
class Shot:
    png: bytes
    overflow_px: int  # that the page is wider than the window


def executable() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class _Pipe:
    """Orders to a running Chromium, and its answers."""

    def __init__(self, orders: int, answers: int) -> None:
        self._orders, self._answers = orders, answers
        self._number = 0
        self._heard = b""

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._orders, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def until(self, event: str, session: str) -> None:
        while (answer := self._next()).get("method") != event or answer.get("sessionId") != session:
            pass

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise RuntimeError("the browser is gone")
            self._heard += piece
        message, _, self._heard = self._heard.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Browser:
    """One window of a running Chromium."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        target = pipe.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = pipe.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def another(self) -> Browser:
        """Another window of the same one."""
        return Browser(self._pipe)

    def show(self, page: Path, *, width: int, dark: bool = False, scale: float = 1.0) -> Shot:
        """The whole page, however long it is. `width` in CSS pixels."""
        self.open(page, width=width, dark=dark, scale=scale)
        return self.shoot()

    def open(self, page: Path | str, *, width: int, dark: bool = False, scale: float = 1.0) -> None:
        """A file, or what is at an address."""
        self.resize(width, dark=dark, scale=scale)
        self._call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self._pipe.until("Page.loadEventFired", self._session)

    def resize(self, width: int, *, dark: bool = False, scale: float = 1.0) -> None:
        self._width = width
        size = {"width": width, "height": 800, "deviceScaleFactor": scale, "mobile": width < PHONE_PX}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def shoot(self) -> Shot:
        """The whole page as it is now."""
        looks = self.evaluate(_LOOKS)
        clip = {"x": 0, "y": 0, "width": self._width, "height": looks["height"], "scale": 1}
        png = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        return Shot(png=base64.b64decode(png), overflow_px=looks["overflow"])

    def evaluate(self, script: str) -> Any:
        """What a JavaScript expression is worth on the page that is open; a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page's script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str, *, control: bool = False) -> None:
        """A key of the keyboard, by its name in JavaScript."""
        for kind in ("rawKeyDown", "keyUp"):
            held = _CONTROL if control else 0
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=held)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self._call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """In the middle of the first element that a CSS selector finds."""
        x, y = self.evaluate(_MIDDLE.format(selector=json.dumps(selector)))
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def trust_scripts(self, trusted: bool = True) -> None:
        """What a test evaluates may load what the page's own policy forbids; before the page is opened."""
        self._call("Page.setBypassCSP", enabled=trusted)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._pipe.call(method, self._session, **parameters)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Raises FileNotFoundError where there is none."""
    found = executable()
    if found is None:
        raise FileNotFoundError(f"no browser here; looked for {', '.join(NAMES)}")
    (read_orders, orders), (answers, write_answers) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        flags += [f"--disable-{what}" for what in ("background-timer-throttling", "renderer-backgrounding")]
        flags += ["--autoplay-policy=no-user-gesture-required"]
        command = [found, *flags, "--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}"]
        plumbed = [sys.executable, "-S", "-c", _PLUMB, str(read_orders), str(write_answers), *command]
        running = subprocess.Popen(
            plumbed,
            pass_fds=(read_orders, write_answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_orders)
        os.close(write_answers)
        try:
            yield Browser(_Pipe(orders, answers))
        finally:
            os.close(orders)
            os.close(answers)
            running.terminate()
            running.wait(timeout=20)
