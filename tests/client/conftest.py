"""A fake server and a scripted device for each test, and records of utterances made from a few numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

import pytest

from client.audio import Encoding
from client.playback.player import Player
from client.record import Receipt, Record, Sent
from client.types import Limits, Started, Timings
from tests.client.fake_server import FakeServer
from tests.client.playback.scripted_device import RATE as DEVICE_RATE
from tests.client.playback.scripted_device import Device

RATE = 1000  # Hz: a sample is a millisecond
MS = 1_000_000  # ns


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
async def device() -> Device:
    made = Device()
    await made.here()
    return made


@pytest.fixture
async def player(device: Device) -> AsyncIterator[Player]:
    async with Player(DEVICE_RATE, cast(Any, device)) as opened:
        yield opened


def timings(**stamps_ms: float) -> Timings:
    """All zero but for the stages named, in ms on the server's clock: t3_start=3 sets t3_start_ns."""
    names = [field.name for field in dataclasses.fields(Timings) if field.name.endswith("_ns")]
    stamps = {name: round(stamps_ms.get(name.removesuffix("_ns"), 0) * MS) for name in names}
    return Timings(**stamps, window_tokens=5, lookahead_tokens=3, speculative=False)


def receipt(seq: int, first: int, count: int, at_ms: float, hint_s: float | None = None, **stages: float) -> Receipt:
    return Receipt(
        seq=seq,
        first_sample=first,
        num_samples=count,
        timings=timings(**stages),
        prebuffer_hint_s=hint_s,
        segment=0,
        end_of_segment=False,
        received_ns=round(at_ms * MS),
        taken_ns=round(at_ms * MS) + 1000,
    )


def record(*receipts: Receipt, text_ms: Sequence[float] = (0.0,), end_ms: float | None = None) -> Record:
    """Text of ten characters sent at each of `text_ms`, the end of input at `end_ms`; all on the client's clock."""
    sent = [Sent(sent_ns=round(at * MS), characters=10) for at in text_ms]
    if end_ms is not None:
        sent.append(Sent(sent_ns=round(end_ms * MS), characters=0))
    started = Started(
        utterance_id="u",
        voice="karl",
        language="en",
        encoding=Encoding.S16,
        sample_rate=RATE,
        seed=7,
        sampling={},
        max_lead_s=10.0,
        max_text_delay_s=0.5,
        limits=Limits(max_text_chars=1, idle_timeout_s=1, max_utterances=1, max_recording_bytes=1),
        traceparent="",
        received_ns=0,
    )
    return Record(sent=sent, started=started, receipts=list(receipts))
