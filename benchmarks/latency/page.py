"""How much later is the first sound in the page than in our own client?

The client and the page (in headless Chromium) take turns with the same texts and seeds.

    python -m benchmarks.latency.page --rounds 30

All on this machine, warm, over connections that are open. `client`: from sending the text to having the first chunk.
`page`: from sending the text to the audio thread having put out the first sample, as the page learns it from there, and
until it sounds as the browser says. `later_ms` is the median of the differences, round by round.
`written`: the same of the page while a scripted language model writes, from its first word on.
`way_ms`: of the first chunk, from the service's write to the page's receipt, by the one clock that this machine has;
`after_text_ms`: from the arrival of what completed the first sentence, at the service, to the first sample.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
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
QUESTIONS = 3  # that the scripted language model answers
_LISTEN = """gapless.player.node.port.addEventListener('message', ({data}) => {
  if (data.said === 'started') window.begunMs = performance.timeOrigin + performance.now();
})"""
_SPEAKS = "gapless.utterance.startedMs && gapless.utterance.chunks.length"
_TIMES = """(({originMs, startedMs, chunks: [{receivedMs, prebuffer_hint_ms, timings}]}) => [
  begunMs - originMs,
  startedMs - originMs,
  receivedMs - originMs,
  prebuffer_hint_ms,
  receivedMs - timings.write_start_ms,
  begunMs - timings.text_received_ms,
])(gapless.utterance)"""
KINDS = ("begun_ms", "sounds_ms", "received_ms", "hint_ms", "way_ms", "after_text_ms")


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
    page.until("gapless.utterance.finished")
    return times(page)


def while_written(page: OpenPage, question: int) -> dict[str, float]:
    page.ask(question)
    return times(page)


def times(page: OpenPage) -> dict[str, float]:
    """Of the utterance under way, which is then stopped."""
    page.until(_SPEAKS)
    found = page.browser.evaluate(_TIMES)
    page.browser.press("Escape")
    page.until("gapless.utterance.over && gapless.utterance.finished")
    return dict(zip(KINDS, found, strict=True))


@dataclass(frozen=True, kw_only=True)
class Seen:
    own: list[float]  # ms
    at_once: list[dict[str, float]]
    written: list[dict[str, float]]


def measure(address: str, url: str, rounds: int) -> Seen:
    with chromium() as browser, asyncio.Runner() as loop:
        page = OpenPage(browser, url)
        browser.evaluate(_LISTEN)
        client = Client(address)
        loop.run(client.open())
        own, at_once, written = [], [], []
        for number in range(-1, rounds):  # the first one warms up
            text = TEXTS[number % len(TEXTS)]
            own.append(loop.run(first_chunk_ms(client, text, number + 1)))
            time.sleep(REST_S)
            at_once.append(in_page(page, text, number + 1))
            time.sleep(REST_S)
            written.append(while_written(page, 1 + number % QUESTIONS))
            time.sleep(REST_S)
        loop.run(client.close())
    return Seen(own=own[1:], at_once=at_once[1:], written=written[1:])


def report(seen: Seen) -> dict[str, Any]:
    later = [one["begun_ms"] - mine for one, mine in zip(seen.at_once, seen.own, strict=True)]
    return {
        "client": {"received_ms": round(percentile(seen.own, 50), 1)},
        "page": medians(seen.at_once),
        "later_ms": round(percentile(later, 50), 1),
        "later_p95_ms": round(percentile(later, 95), 1),
        "written": medians(seen.written),
    }


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    return {kind: round(percentile([one[kind] for one in found], 50), 1) for kind in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with service("--max-utterances", "2") as address, http_door(address) as url:
        seen = measure(address, url, arguments.rounds)
    print(json.dumps({"rounds": arguments.rounds, **report(seen), "machine": machine()}, indent=2))


if __name__ == "__main__":
    main()
