"""An utterance made of numbers, as it would be seen from both sides, with whatever delay a test puts into it.

A little model of the pipeline: T3 draws, the flow takes windows, the channel, the wire, the reader, the program, the
device. Every stage starts when the last thing that it waits for is there. Milliseconds go in, a `Record` and
`Observations` come out.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field

from client._clock import Exchange, Span
from client.attribution.observations import Observations
from client.record import DeviceLog, Receipt, Record, Sent, Underrun, Write
from client.types import Timings
from tests.client.conftest import MS, record, timings

RATE = 1000  # Hz: a sample is a millisecond
TOKEN_MS = 40
WINDOWS = (6, 12, 25, 25, 25, 25, 6, 12, 25, 25)  # tokens; the second segment begins with the seventh
SECOND_SEGMENT = 6
LOOKAHEAD = 3
PROBE_EVERY_MS = 20


@dataclass(kw_only=True)
class Model:
    """Each dictionary: chunk -> ms beyond the usual."""

    token_ms: float = 5.0
    prefill_ms: float = 20.0
    flow_ms: float = 25.0
    vocoder_ms: float = 20.0
    wire_ms: float = 0.5  # one way
    offset_ms: float = 0.0  # the server's clock is so much ahead
    opening_ms: float = 20.0
    hint_ms: float = 100.0
    late: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    server_blocked: tuple[Span, ...] = ()  # ms, client's clock
    reader_blocked: tuple[Span, ...] = ()
    loop_blocked: tuple[Span, ...] = ()
    network_down: tuple[Span, ...] = ()  # nothing arrives meanwhile
    stamped: bool = True
    probed: bool = True
    way_ms: float | None = None  # from an engine's server to the gateway; None: the engine is in the service
    move: tuple[int, float, float] | None = None  # chunk that is spoken again, when the engine was lost, and until when

    def of(self, stage: str, chunk: int) -> float:
        return self.late[stage].get(chunk, 0.0)


@dataclass
class Seen:
    record: Record
    observations: Observations
    soundings_ms: list[float]


def utter(model: Model) -> Seen:
    """Text at 0 ms, on the client's clock."""
    receipts: list[Receipt] = []
    arrived_ms = model.wire_ms
    t3_ms = max(arrived_ms, _free(arrived_ms, model.server_blocked))
    text_ms, flow_free, loop_free, reader_free, program_free = t3_ms, 0.0, 0.0, 0.0, 0.0
    drawn, first = 0, 0
    writes: list[Write] = []
    received: list[float] = []
    for chunk, size in enumerate(WINDOWS):
        new_segment = chunk in (0, SECOND_SEGMENT)
        final = chunk in (SECOND_SEGMENT - 1, len(WINDOWS) - 1)
        lookahead = 0 if final else LOOKAHEAD
        if new_segment:
            drawn = 0
            t3_start = t3_ms
            prefill = model.prefill_ms
        n_drawn = size + lookahead - drawn
        drawn = lookahead
        busy = n_drawn * model.token_ms + (prefill if new_segment else 0) + model.of("t3", chunk)
        t3_ms += busy
        flow_start = max(t3_ms, flow_free) + model.of("tokens", chunk)
        flow_end = flow_start + model.flow_ms + model.of("flow", chunk)
        vocoder_end = flow_free = flow_end + model.vocoder_ms + model.of("vocoder", chunk)
        if model.move and chunk == model.move[0]:
            vocoder_end = flow_free = model.move[2] - (model.way_ms or 0.0)
            flow_end = vocoder_end - model.vocoder_ms
            t3_ms = flow_start = flow_end - model.flow_ms
        remote = _remote(model, chunk, vocoder_end)
        there = remote.get("gateway_received", vocoder_end)
        taken = _free(max(there, loop_free) + model.of("channel", chunk), model.server_blocked) + 0.2
        paced = model.of("pacing", chunk)
        sent = loop_free = taken + 0.2 + paced
        arrives = _free(sent + model.wire_ms, model.network_down)
        awaited = reader_free
        got = _free(max(arrives, reader_free), model.reader_blocked)
        reader_free = buffered = got + 0.05
        in_hands = _free(max(buffered, program_free), model.loop_blocked) + 0.1 + model.of("program", chunk)
        program_free = in_hands + 0.05
        received.append(got)
        num_samples = size * TOKEN_MS
        stamps = _stamps(
            model,
            text_received=text_ms,
            text_cut=text_ms,
            t3_start=t3_start,
            t3_last_token=t3_ms,
            flow_start=flow_start,
            flow_end=flow_end,
            vocoder_end=vocoder_end,
            taken=taken,
            write_start=sent,
            **remote,
        )
        stamps = dataclasses.replace(
            stamps,
            window_tokens=size,
            lookahead_tokens=lookahead,
            t3_busy_ns=round(busy * MS),
            paced_ns=round(paced * MS),
        )
        receipts.append(
            Receipt(
                seq=chunk,
                first_sample=first,
                num_samples=num_samples,
                timings=stamps if model.stamped else timings(),
                prebuffer_hint_s=model.hint_ms / 1e3 if chunk == 0 else None,
                segment=int(chunk >= SECOND_SEGMENT),
                end_of_segment=final,
                received_ns=round(got * MS),
                taken_ns=round(in_hands * MS),
                awaited_ns=round(awaited * MS) + 1,
                buffered_ns=round(buffered * MS),
            )
        )
        first += num_samples
        writes.append(Write(end_sample=first, asked_ns=round(in_hands * MS), done_ns=round(program_free * MS)))
    made = record(*receipts)
    made.sent = [
        Sent(sent_ns=0, characters=80, asked_ns=-MS // 10),
        Sent(sent_ns=MS // 10, characters=0, asked_ns=MS // 20),
    ]
    device, sounded = _play(model, made, writes, received[0])
    return Seen(made, _signs(model, device, receipts[-1].received_ns), sounded)


def _remote(model: Model, chunk: int, made_ms: float) -> dict[str, float]:
    """What only a gateway stamps."""
    if model.way_ms is None:
        return {}
    sent_ms = made_ms + model.of("engine", chunk)
    way = {"engine_sent": sent_ms, "gateway_received": sent_ms + model.way_ms + model.of("way", chunk)}
    if model.move and chunk == model.move[0]:
        way |= {"move_start": model.move[1], "move_end": way["gateway_received"]}
    return way


def _free(at_ms: float, blocks: tuple[Span, ...]) -> float:
    for block in blocks:
        if block.start_ns <= at_ms < block.end_ns:
            return float(block.end_ns)
    return at_ms


def _stamps(model: Model, **instants_ms: float) -> Timings:
    stamps = timings(**{name: at_ms + model.offset_ms for name, at_ms in instants_ms.items()})
    blocked = max(model.server_blocked, key=lambda block: block.length_ns, default=None)
    if blocked and blocked.end_ns <= instants_ms["write_start"] and instants_ms["write_start"] < blocked.end_ns + 200:
        begin_ms = blocked.start_ns + model.offset_ms
        lag_ns = blocked.length_ns * MS
        stamps = dataclasses.replace(stamps, loop_lag_max_ns=lag_ns, loop_lag_from_ns=round(begin_ms * MS))
    return stamps


def _play(model: Model, made: Record, writes: list[Write], first_ms: float) -> tuple[DeviceLog, list[float]]:
    """A device without blocks: a sample sounds as soon as it is there and its turn."""
    opened_ms = model.opening_ms - 200.0
    start_ms = max(first_ms + model.hint_ms, writes[0].done_ns / MS, opened_ms)
    at_ms, underruns, sounded = start_ms, [], []
    for receipt, write in zip(made.receipts, writes, strict=True):
        there_ms = write.done_ns / MS
        if there_ms > at_ms:
            missing = round(there_ms - at_ms)
            underruns.append(Underrun(position=receipt.first_sample, at_ns=round(at_ms * MS), missing_samples=missing))
            at_ms = there_ms
        sounded.append(at_ms)
        at_ms += receipt.num_samples
    device = DeviceLog(
        opening=Span(-200 * MS, round(opened_ms * MS)),
        sample_rate=RATE,
        started_ns=round(start_ms * MS),
        allowed_ns=round((first_ms + model.hint_ms) * MS),
        writes=tuple(writes),
        underruns=tuple(underruns),
    )
    return device, sounded


def _signs(model: Model, device: DeviceLog, until_ns: int) -> Observations:
    exchanges, at_ms = [], 0.0
    while model.probed and at_ms * MS < until_ns:
        served = _free(at_ms + model.wire_ms, model.server_blocked)
        back = _free(served + model.wire_ms, model.network_down)
        served_ns = round((served + model.offset_ms) * MS)
        exchanges.append(
            Exchange(
                sent_ns=round(at_ms * MS),
                server_received_ns=served_ns,
                server_sent_ns=served_ns,
                received_ns=round(back * MS),
            )
        )
        at_ms = back + PROBE_EVERY_MS
    return Observations(
        exchanges=tuple(exchanges),
        loop_blocks=tuple(_ns(block) for block in model.loop_blocked),
        reader_blocks=tuple(_ns(block) for block in model.reader_blocked),
        device=device,
        probe_interval_s=PROBE_EVERY_MS / 1e3,
        tick_s=0.0,
    )


def _ns(span: Span) -> Span:
    return Span(span.start_ns * MS, span.end_ns * MS)
