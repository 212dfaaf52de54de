"""What do the report pages of a good, a slow and a broken utterance look like?

A real service speaks the three utterances; Chromium draws their pages, and the pictures of the docs are made.

    python -m benchmarks.attribution.report_pages --out out/pages          # three pages, their traces, twelve pictures
    python -m benchmarks.attribution.report_pages --images docs/images     # the timelines of two, for README and docs

    good       the embedded voice as it is
    throttled  T3 gives a token every 52 ms, 1.3 times as slowly as it is spoken; windows may be speculative
    broken     the server's event loop stands still for 1 s, soon after the speech began

The client plays to a device of ours in real time. Pictures (desktop and phone, light and dark) need Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

from benchmarks.support.browser import chromium, executable
from benchmarks.support.fake_device import FakeDevice
from benchmarks.support.faulty_service import LOOP, Service, faulty_service
from benchmarks.support.throttle import Throttle
from client import Client, audio
from client.attribution.anomalies import BLOCK_NS
from client.attribution.baseline import ENOUGH, Normal
from client.attribution.hops import Hop
from client.attribution.monitor import Monitor
from client.attribution.verdict import Analysis, analyse
from client.cli.output import SpokenUtterance
from client.playback.player import Player, report_playback
from client.report import perfetto, timeline
from client.report.headline import headline, late_chunks
from client.report.page import page
from client.report.svg import DARK, LIGHT
from client.report.text import Heard
from client.utterance import Utterance

TEXT = (
    "Good evening, and welcome on board. We leave in four minutes, and shall be in Oxford at half past nine. Thank you."
)
TRIES = 5
LOOPS = (Hop.SERVER_LOOP, Hop.CLIENT_LOOP, Hop.CLIENT_READER, Hop.DEVICE)
IMAGES = {"good": "timeline", "broken": "timeline-broken"}
RATE = 24_000  # Hz
SLOW = Throttle(token_s=0.052)
LOOKS = {"light": LIGHT, "dark": DARK}
WIDTHS = {"desktop": 1280, "phone": 375}


@dataclass(frozen=True, kw_only=True)
class Case:
    throttle: Throttle | None = None
    speculate: bool = False
    blocked_s: tuple[float, float] | None = None  # the server's loop: after how long, for how long


CASES = {
    "good": Case(),
    "throttled": Case(throttle=SLOW, speculate=True),
    "broken": Case(blocked_s=(0.15, 1.0)),
}


def utterances() -> Iterator[tuple[str, SpokenUtterance]]:
    """Each case by its name. What is normal is learned before, from clean utterances of the service as it is."""
    learned: Normal | None = None
    for name, case in CASES.items():
        with faulty_service(embedded=True, throttle=case.throttle, speculate=case.speculate) as service:
            if learned is None:
                clean = [_judged(asyncio.run(hear(service, Case(), None))) for _ in range(ENOUGH)]
                learned = Normal.from_clean([analysis.run for analysis in clean])
            yield name, _heard(service, case, learned)


def _heard(service: Service, case: Case, normal: Normal) -> SpokenUtterance:
    """An utterance like the case; tried again where a busy machine did something else to it as well."""
    for _ in range(TRIES):
        spoken = asyncio.run(hear(service, case, normal))
        if _as_meant(case, _judged(spoken)):
            break
    return spoken


def _as_meant(case: Case, analysis: Analysis) -> bool:
    stood_still = {hop for hop in LOOPS if any(block.length_ns > BLOCK_NS for block in analysis.blocks.of(hop))}
    guessed = any(chunk.speculative for chunk in analysis.chunks)
    if case.blocked_s:
        return stood_still == {Hop.SERVER_LOOP}
    return not stood_still and not late_chunks(analysis) and guessed == case.speculate


async def hear(service: Service, case: Case, normal: Normal | None) -> SpokenUtterance:
    async with Client(service.address) as client, Player(RATE, cast(Any, FakeDevice())) as player:
        clock = await client.probe_clock()
        async with Monitor(client) as monitor, client.utterance(voice="anna", seed=7, sample_rate=RATE) as utterance:
            if case.blocked_s:
                service.arm(LOOP, after_s=case.blocked_s[0], for_s=case.blocked_s[1])
            first_audible = await _listen(utterance, player)
        position = player.position()
    heard = Heard(
        first_audible=first_audible,
        device=True,
        started_ns=player.started_ns,
        underruns=position.underruns,
        underrun_s=position.underrun_s,
        output_latency_s=position.output_latency_s,
    )
    return SpokenUtterance(utterance.record, clock, monitor.observations(player.log()), heard, normal)


async def _listen(utterance: Utterance, player: Player) -> int | None:
    """Speaks, plays to the end, and finds the first sample that can be heard."""
    first_audible = None
    reporting = asyncio.create_task(report_playback(player, utterance))
    await utterance.push(TEXT)
    await utterance.end()
    async for chunk in utterance:
        if first_audible is None and (found := audio.first_audible(chunk.samples)) is not None:
            first_audible = chunk.first_sample + found
        await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=chunk.prebuffer_hint_s)
    reporting.cancel()
    await player.drain()
    return first_audible


def _judged(spoken: SpokenUtterance) -> Analysis:
    return analyse(
        spoken.record, spoken.clock, spoken.observations, first_audible=spoken.heard.first_audible, normal=spoken.normal
    )


def write(name: str, spoken: SpokenUtterance, out: Path) -> Path:
    """The page, and beside it the trace and the picture of the same utterance."""
    analysis, html = _judged(spoken), out / f"{name}.html"
    html.write_text(page(analysis), encoding="utf-8")
    html.with_suffix(".json").write_text(perfetto.trace(analysis), encoding="utf-8")
    draw(spoken, html.with_suffix(""))
    print(f"{html}: {headline(analysis)}")
    return html


def draw(spoken: SpokenUtterance, path: Path) -> None:
    """The timeline, for a light and for a dark page."""
    for look, colours in LOOKS.items():
        picture = timeline.svg(_judged(spoken), colours)
        path.with_name(f"{path.name}-{look}.svg").write_text(picture, encoding="utf-8")


def photograph(html: Path) -> None:
    if executable() is None:
        print("no Chromium here, so no pictures of the pages")
        return
    with chromium() as browser:
        for (device, width), look in product(WIDTHS.items(), LOOKS):
            shot = browser.show(html, width=width, dark=look == "dark")
            png = html.with_name(f"{html.stem}-{device}-{look}.png")
            png.write_bytes(shot.png)
            print(f"{png}" + (f": {shot.overflow_px} px too wide" if shot.overflow_px > 0 else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/pages"), metavar="DIR", help="for the pages")
    parser.add_argument("--images", type=Path, metavar="DIR", help="for the timelines that README and docs show")
    arguments = parser.parse_args()
    for directory in filter(None, (arguments.out, arguments.images)):
        directory.mkdir(parents=True, exist_ok=True)
    for name, spoken in utterances():
        photograph(write(name, spoken, arguments.out))
        if arguments.images and name in IMAGES:
            draw(spoken, arguments.images / IMAGES[name])


if __name__ == "__main__":
    main()
