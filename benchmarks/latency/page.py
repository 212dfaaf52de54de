"""How much later is the first sound in the page than in our own client?

The client and the page (in headless Chromium) take turns with the same texts and seeds.

    python -m benchmarks.latency.page --rounds 30

All on this machine, warm, over connections that are open. `client`: from sending the text to having the first chunk.
`page`: from sending the text to the audio thread having put out the first sample, as the page learns it from there, and
until it sounds as the browser says. `later_ms` is the median of the differences, round by round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from benchmarks.support.browser import chromium
from benchmarks.support.door_process import http_door
from benchmarks.support.machine import machine
from benchmarks.support.open_page import OpenPage
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS
from client import Client

RATE = 24_000  # Hz
REST_S = 0.05  # between two utterances
_LISTEN = """gapless.player.node.port.addEventListener('message', ({data}) => {
  if (data.said === 'started') window.begunMs = performance.timeOrigin + performance.now();
})"""
_TIMES = """gapless.utterance.startedMs && gapless.utterance.finished && [
  begunMs - gapless.utterance.originMs,
  gapless.utterance.startedMs - gapless.utterance.originMs,
  gapless.utterance.chunks[0].receivedMs - gapless.utterance.originMs,
  gapless.utterance.chunks[0].prebuffer_hint_ms,
]"""
KINDS = ("begun_ms", "sounds_ms", "received_ms", "hint_ms")


async def first_chunk_ms(client: Client, text: str, seed: int) -> float:
    async with client.utterance(seed=seed, sample_rate=RATE, want_alignment=True) as utterance:
        began_s = time.monotonic()
        await utterance.push(text)
        await utterance.end()
        async for _ in utterance:
            return 1e3 * (time.monotonic() - began_s)
    raise ValueError("no sound came")


def in_page(page: OpenPage, text: str, seed: int) -> dict[str, float]:
    page.speak(text, seed=str(seed), start="hint")
    times = page.until(_TIMES)
    page.browser.press("Escape")
    page.until("gapless.utterance.over")
    return dict(zip(KINDS, times, strict=True))


def measure(address: str, url: str, rounds: int) -> tuple[list[float], list[dict[str, float]]]:
    with chromium() as browser, asyncio.Runner() as loop:
        page = OpenPage(browser, url)
        browser.evaluate(_LISTEN)
        client = Client(address)
        loop.run(client.open())
        own, there = [], []
        for number in range(-1, rounds):  # the first one warms up
            text = TEXTS[number % len(TEXTS)]
            own.append(loop.run(first_chunk_ms(client, text, number + 1)))
            time.sleep(REST_S)
            there.append(in_page(page, text, number + 1))
            time.sleep(REST_S)
        loop.run(client.close())
    return own[1:], there[1:]


def report(own: list[float], there: list[dict[str, float]]) -> dict[str, Any]:
    page = {kind: round(percentile([one[kind] for one in there], 50), 1) for kind in KINDS}
    later = [one["begun_ms"] - mine for one, mine in zip(there, own, strict=True)]
    return {
        "client": {"received_ms": round(percentile(own, 50), 1)},
        "page": page,
        "later_ms": round(percentile(later, 50), 1),
        "later_p95_ms": round(percentile(later, 95), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with service("--max-utterances", "2") as address, http_door(address) as url:
        own, there = measure(address, url, arguments.rounds)
    print(json.dumps({"rounds": arguments.rounds, **report(own, there), "machine": machine()}, indent=2))


if __name__ == "__main__":
    main()
