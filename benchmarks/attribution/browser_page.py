"""What does the door's page look like after a good, a slow and a broken utterance?

A real service speaks them, the page plays them in headless Chromium, and its pictures are taken.

    python -m benchmarks.attribution.browser_page --out out/browser       # all of them, in four sizes, light and dark
    python -m benchmarks.attribution.browser_page --images docs/images    # the good one, for README and docs

    good       the embedded voice as it is
    throttled  T3 gives a token every 52 ms, 1.3 times as slowly as it is spoken
    broken     the server's event loop stands still for 1 s, soon after the speech began
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support.browser import Browser, chromium
from benchmarks.support.door_process import http_door
from benchmarks.support.faulty_service import LOOP, Service, faulty_service
from benchmarks.support.open_page import OpenPage
from benchmarks.support.throttle import Throttle

TEXT = (
    "Good evening, and welcome on board. We leave in four minutes, and shall be in Oxford at half past nine. Thank you."
)
SIZES = {"phone": 375, "tablet": 768, "desktop": 1280, "wide": 1920}
LOOKS = {"light": False, "dark": True}
CASES = ("good", "throttled", "broken")
SLOW = Throttle(token_s=0.052)
BLOCK_AFTER_S, BLOCK_S = 0.15, 1.0
TRIES = 5
CLEAN = "Nothing was late"


@contextmanager
def served(case: str) -> Iterator[tuple[Service, str]]:
    """The service, and the URL of the door in front of it."""
    throttle = SLOW if case == "throttled" else None
    with faulty_service(embedded=True, throttle=throttle) as service, http_door(service.address) as url:
        yield service, url


def spoken(browser: Browser, case: str) -> str:
    """Leaves the page as it is after an utterance like the case; gives its verdict. Tried again where the machine was
    busy."""
    with served(case) as (service, url):
        page = OpenPage(browser, url)
        for _ in range(TRIES):
            if case == "broken":
                service.arm(LOOP, after_s=BLOCK_AFTER_S, for_s=BLOCK_S)
            page.speak(TEXT, voice="anna", seed="7")
            words = page.verdict()
            if case != "good" or CLEAN in words:
                break
        return words


def picture(browser: Browser, width: int, dark: bool, path: Path) -> None:
    browser.resize(width, dark=dark)
    browser.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    shot = browser.shoot()
    path.write_bytes(shot.png)
    print(f"{path}" + (f": {shot.overflow_px} px too wide" if shot.overflow_px > 0 else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, metavar="DIR", help="for all pictures")
    parser.add_argument("--images", type=Path, metavar="DIR", help="for those that README and docs show")
    arguments = parser.parse_args()
    with chromium() as browser:
        for case in CASES if arguments.out else CASES[:1]:
            print(f"{case}: {' '.join(spoken(browser, case).split())}")
            for look, dark in LOOKS.items():
                if arguments.out:
                    arguments.out.mkdir(parents=True, exist_ok=True)
                    for size, width in SIZES.items():
                        picture(browser, width, dark, arguments.out / f"{case}-{size}-{look}.png")
                if arguments.images and case == "good":
                    picture(browser, SIZES["desktop"], dark, arguments.images / f"page-{look}.png")


if __name__ == "__main__":
    main()
