"""What does the door's page look like while it speaks, and after a good, a slow and a broken utterance?

A real service speaks them, the page plays them in headless Chromium, and its pictures are taken.

    python -m benchmarks.attribution.browser_page --out out/browser       # all of them, in four sizes, light and dark
    python -m benchmarks.attribution.browser_page --images docs/images    # two of them, for README and docs

    speaking   a scripted language model writes its answer, which is heard already
    good       the embedded voice as it is
    throttled  T3 gives a token every 52 ms, 1.3 times as slowly as it is spoken
    broken     the server's event loop stands still for 2 s, soon after the speech began
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
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
SPEAKING, GOOD, THROTTLED, BROKEN = CASES = "speaking", "good", "throttled", "broken"
IMAGES = {SPEAKING: "page", GOOD: "page-verdict"}
SLOW = Throttle(token_s=0.052)
SPOKEN_S = 3.5  # of the answer that is under way
BLOCK_AFTER_S, BLOCK_S = 0.3, 2.0
TRIES = 8
# From the text to the first sound, on a machine that does nothing else; a model takes time to write a first clause.
SOON_MS = {SPEAKING: 600, GOOD: 250}
FIRST_MS = "gapless.utterance.startedMs - gapless.utterance.originMs"
_DRAWN = """new Promise((drawn) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(drawn)), 200))"""
# What a picture must show, of an utterance that is over, or of one that is heard.
LOOKED_FOR = {
    SPEAKING: f"!gapless.utterance.silences.length && {FIRST_MS} < {SOON_MS[SPEAKING]}",
    GOOD: f"verdict.className === 'verdict good' && {FIRST_MS} < {SOON_MS[GOOD]}",
    THROTTLED: "verdict.className === 'verdict fair'",
    BROKEN: "gapless.utterance.silences.some(({atMs, untilMs}) => untilMs - atMs > 500)",
}


@contextmanager
def shown(browser: Browser, case: str) -> Iterator[bool]:
    """The page during the utterance, or after it; yields whether it shows what the picture should. Tried again where it
    does not, because the machine was busy."""
    throttle = SLOW if case == THROTTLED else None
    with faulty_service(embedded=True, throttle=throttle) as service, http_door(service.address) as url:
        page = OpenPage(browser, url)
        yield any(attempt(page, service, case) for _ in range(TRIES))


def attempt(page: OpenPage, service: Service, case: str) -> bool:
    if page.browser.evaluate("gapless.speaks"):  # the one before
        page.browser.press("Escape")
        page.until("gapless.utterance.finished")
    if case == SPEAKING:
        page.ask(1)
        page.until(f"gapless.player.played > {SPOKEN_S} * gapless.player.rate")
    else:
        page.speak(TEXT, voice="anna", seed="7")
        if case == BROKEN:
            service.arm(LOOP, after_s=BLOCK_AFTER_S, for_s=BLOCK_S)
        page.verdict()
    words = page.browser.evaluate("verdict.hidden ? `heard after ${first.textContent}` : verdict.innerText")
    is_right: bool = page.browser.evaluate(LOOKED_FOR[case])
    print(f"{case}{'' if is_right else ' (not what its picture should show)'}: {' '.join(words.split())}")
    return is_right


def picture(browser: Browser, width: int, dark: bool, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    browser.resize(width, dark=dark)
    browser.evaluate(_DRAWN)
    shot = browser.shoot()
    path.write_bytes(shot.png)
    print(f"{path}" + (f": {shot.overflow_px} px too wide" if shot.overflow_px > 0 else ""))


def photograph(browser: Browser, case: str, out: Path | None, images: Path | None) -> None:
    for look, dark in LOOKS.items():
        if images and case in IMAGES:
            picture(browser, SIZES["desktop"], dark, images / f"{IMAGES[case]}-{look}.png")
    for (size, width), (look, dark) in product(SIZES.items() if out else (), LOOKS.items()):
        assert out is not None
        picture(browser, width, dark, out / f"{case}-{size}-{look}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, metavar="DIR", help="for all pictures")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="for README and docs, if they show what they should",
    )
    arguments = parser.parse_args()
    with chromium() as browser:
        for case in CASES if arguments.out else IMAGES:
            with shown(browser, case) as is_right:
                photograph(browser, case, arguments.out, arguments.images if is_right else None)


if __name__ == "__main__":
    main()
