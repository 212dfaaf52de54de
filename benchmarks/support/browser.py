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


@dataclass(frozen=True, kw_only=True)
class Shot:
    png: bytes
    overflow_px: int  # that the page is wider than the window


def executable() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One window of a running Chromium."""

    def __init__(self, orders: int, answers: int) -> None:
        self._orders, self._answers = orders, answers
        self._number = 0
        self._heard = b""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def show(self, page: Path, *, width: int, dark: bool = False, scale: float = 1.0) -> Shot:
        """The whole page, however long it is. `width` in CSS pixels."""
        self.open(page, width=width, dark=dark, scale=scale)
        looks = self.evaluate(_LOOKS)
        clip = {"x": 0, "y": 0, "width": width, "height": looks["height"], "scale": 1}
        png = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        return Shot(png=base64.b64decode(png), overflow_px=looks["overflow"])

    def open(self, page: Path, *, width: int, dark: bool = False, scale: float = 1.0) -> None:
        size = {"width": width, "height": 800, "deviceScaleFactor": scale, "mobile": width < PHONE_PX}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=page.resolve().as_uri())
        self._until("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """What a JavaScript expression is worth on the page that is open."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page's script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._orders, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _until(self, event: str) -> None:
        while self._next().get("method") != event:
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


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Raises FileNotFoundError where there is none."""
    found = executable()
    if found is None:
        raise FileNotFoundError(f"no browser here; looked for {', '.join(NAMES)}")
    (read_orders, orders), (answers, write_answers) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
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
            yield Browser(orders, answers)
        finally:
            os.close(orders)
            os.close(answers)
            running.terminate()
            running.wait(timeout=20)
