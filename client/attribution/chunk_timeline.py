"""A record of one utterance and what was observed beside it -> the timeline of each chunk, on the client's clock.

A stage that did not take place, or left no stamp, takes no time: its instant is that of the stage before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest

from .._clock import Span
from ..record import DeviceLog, Receipt, Record
from ..types import Timings
from .clock_bounds import ClockBounds
from .observations import Observations
from .playout import buffered_instants, playouts


@dataclass(frozen=True, kw_only=True)
class ChunkTimeline:
    """One chunk's way from text to sound."""

    seq: int  # its place in the utterance: 0, 1, 2, ...
    segment: int
    new_segment: bool  # the first chunk of its segment
    num_samples: int
    first_sample: int
    tokens: int  # that T3 drew since the chunk before, lookahead counted with the first that saw it
    lookahead: int  # tokens
    window: int  # tokens that the flow ran, lookahead included
    speculative: bool
    stamped: bool  # the server said when its stages worked
    # server
    text_received_ns: int
    text_cut_ns: int
    t3_start_ns: int
    t3_last_ns: int
    t3_busy_ns: int | None
    room_ns: int  # since when the audio channel had room; 0: always
    wanted_ns: int  # since when it was time for it; 0: always
    flow_start_ns: int
    flow_end_ns: int
    vocoder_start_ns: int  # where it is not told: flow_end_ns
    vocoder_end_ns: int
    taken_ns: int
    write_start_ns: int
    written_ns: int  # gRPC had taken it; 0: not known
    paced_ns: int  # how long max_lead held it back, just before it was written
    # client
    down_ns: int  # how much longer it was under way than the fastest message
    awaited_ns: int  # since when the reader thread waited for it; 0: not known
    received_ns: int
    buffered_ns: int
    user_taken_ns: int
    # in a gateway; 0: there is none
    engine_sent_ns: int = 0  # the engine's server handed it to its transport
    gateway_received_ns: int = 0
    moved: Span | None = None  # since the chunk before, the utterance was moved to another engine
    # heard
    given_ns: int = 0  # it was in the playout buffer; without a device: in the program's hands
    due_ns: int = 0  # when it should sound; of the first chunk: when playback might begin
    sounded_ns: int = 0

    @property
    def made_ns(self) -> int:
        """The sound was there, and known to be wanted: a window that ran ahead of T3 waits for that."""
        return max(self.vocoder_end_ns, self.t3_last_ns)

    @property
    def there_ns(self) -> int:
        """The server that the client speaks to had the sound."""
        return self.gateway_received_ns or self.made_ns

    @property
    def spoken_again(self) -> bool:
        """Its stages worked because of a move, which lasted until the gateway had it."""
        return self.moved is not None and self.moved.end_ns >= self.gateway_received_ns

    @property
    def late_ns(self) -> int:
        return self.sounded_ns - self.due_ns


def chunk_timelines(record: Record, observations: Observations, bounds: ClockBounds | None) -> list[ChunkTimeline]:
    """In order. `bounds` None: the server's stamps are not used."""
    made: list[ChunkTimeline] = []
    for receipt, after in zip_longest(record.receipts, record.receipts[1:]):
        made.append(_chunk_timeline(receipt, made[-1] if made else None, after, bounds))
    return _with_sound(made, record, observations.device)


def _chunk_timeline(
    receipt: Receipt, before: ChunkTimeline | None, after: Receipt | None, bounds: ClockBounds | None
) -> ChunkTimeline:
    timings, received_ns = receipt.timings, receipt.received_ns
    stamped = bounds is not None and bool(timings.write_start_ns)

    def ours(server_ns: int) -> int:
        return bounds.to_client(server_ns) if bounds and server_ns else 0

    def ours_or(server_ns: int, otherwise_ns: int) -> int:
        return ours(server_ns) or otherwise_ns

    new_segment = before is None or before.segment != receipt.segment
    seen_before = 0 if before is None or new_segment else before.lookahead
    write_start_ns = ours_or(timings.write_start_ns, received_ns)
    taken_ns = ours_or(timings.taken_ns, write_start_ns)
    vocoder_end_ns = ours_or(timings.vocoder_end_ns, taken_ns)
    flow_end_ns = ours_or(timings.flow_end_ns, vocoder_end_ns)
    flow_start_ns = ours_or(timings.flow_start_ns, flow_end_ns)
    t3_last_ns = ours_or(timings.t3_last_token_ns, flow_start_ns)
    t3_start_ns = ours_or(timings.t3_start_ns, t3_last_ns)
    text_received_ns = ours_or(timings.text_received_ns, t3_start_ns)
    buffered_ns = max(receipt.buffered_ns, received_ns)
    return ChunkTimeline(
        seq=before.seq + 1 if before else 0,
        segment=receipt.segment,
        new_segment=new_segment,
        num_samples=receipt.num_samples,
        first_sample=receipt.first_sample,
        tokens=max(0, timings.window_tokens + timings.lookahead_tokens - seen_before),
        lookahead=timings.lookahead_tokens,
        window=timings.window_tokens + timings.lookahead_tokens,
        speculative=timings.speculative,
        stamped=stamped,
        text_received_ns=text_received_ns,
        text_cut_ns=ours_or(timings.text_cut_ns, text_received_ns),
        t3_start_ns=t3_start_ns,
        t3_last_ns=t3_last_ns,
        t3_busy_ns=timings.t3_busy_ns or None,
        room_ns=ours(timings.room_ns),
        wanted_ns=ours(timings.wanted_ns),
        flow_start_ns=flow_start_ns,
        flow_end_ns=flow_end_ns,
        vocoder_start_ns=ours_or(timings.vocoder_start_ns, flow_end_ns),
        vocoder_end_ns=vocoder_end_ns,
        taken_ns=taken_ns,
        write_start_ns=write_start_ns,
        written_ns=ours(after.timings.previous_written_ns) if after else 0,
        paced_ns=timings.paced_ns,
        down_ns=bounds.delay_down_ns(timings.write_start_ns, received_ns) if bounds and stamped else 0,
        awaited_ns=receipt.awaited_ns,
        received_ns=received_ns,
        buffered_ns=buffered_ns,
        user_taken_ns=max(receipt.taken_ns, buffered_ns),
        engine_sent_ns=ours(timings.engine_sent_ns),
        gateway_received_ns=ours(timings.gateway_received_ns),
        moved=moved(timings, bounds),
    )


def moved(timings: Timings, bounds: ClockBounds | None) -> Span | None:
    """When the utterance was moved to the engine that made the chunk; None if the chunk before came from there."""
    if bounds is None or not timings.move_start_ns:
        return None
    return Span(bounds.to_client(timings.move_start_ns), bounds.to_client(timings.move_end_ns))


def _with_sound(made: list[ChunkTimeline], record: Record, device: DeviceLog | None) -> list[ChunkTimeline]:
    """Adds when each chunk was in the playout buffer, when it should have sounded, and when it did."""
    there = buffered_instants(record, device)
    made = [replace(chunk, given_ns=max(at, chunk.user_taken_ns)) for chunk, at in zip(made, there, strict=True)]
    times = playouts(record, [chunk.given_ns for chunk in made], device)
    return [
        replace(chunk, due_ns=sound.due_ns, sounded_ns=sound.sounded_ns)
        for chunk, sound in zip(made, times, strict=True)
    ]
