"""When each chunk should have sounded, and when it did: by the device's own log, or by a simulation.

Without a device the listener starts as the server's hint advises and waits for what is late, as a player would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..record import DeviceLog, Record

NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class ChunkPlayout:
    due_ns: int  # of the first chunk: when playback might begin
    sounded_ns: int

    @property
    def late_ns(self) -> int:
        return self.sounded_ns - self.due_ns


def buffered_instants(record: Record, device: DeviceLog | None) -> list[int]:
    """When the last sample of each chunk was in the playout buffer; without a device: in the program's hands."""
    if device is None or not device.writes:
        return [receipt.taken_ns for receipt in record.receipts]
    instants, writes = [], iter(device.writes)
    write = next(writes)
    for receipt in record.receipts:
        end_sample = receipt.first_sample + receipt.num_samples
        while write.end_sample < end_sample and (following := next(writes, None)):
            write = following
        instants.append(max(write.done_ns, receipt.taken_ns))
    return instants


def playouts(record: Record, given_ns: Sequence[int], device: DeviceLog | None) -> list[ChunkPlayout]:
    """One for each chunk, in order."""
    if not record.receipts or not record.sample_rate:
        return [ChunkPlayout(due_ns=at, sounded_ns=at) for at in given_ns]
    if device is None or device.started_ns is None:
        return simulated(record, given_ns)
    return _heard(record, device, device.started_ns, given_ns[0])


def start_by_hint_ns(record: Record, given_ns: Sequence[int]) -> int:
    """When the hints let playback begin; a hint that comes after that is too late to count."""
    first_ns = record.receipts[0].received_ns
    start_ns = given_ns[0]
    for receipt, at_ns in zip(record.receipts, given_ns, strict=True):
        if at_ns <= start_ns and receipt.prebuffer_hint_s is not None:
            start_ns = max(at_ns, first_ns + round(receipt.prebuffer_hint_s * NS))
    return start_ns


def simulated(record: Record, given_ns: Sequence[int], start_ns: int | None = None) -> list[ChunkPlayout]:
    """For a listener who starts at `start_ns`, or else by the hints, and waits for what is late."""
    if start_ns is None:
        start_ns = start_by_hint_ns(record, given_ns)
    sounds, missing_ns = [], 0
    for receipt, at_ns in zip(record.receipts, given_ns, strict=True):
        due_ns = start_ns + missing_ns + receipt.first_sample * NS // record.sample_rate
        missing_ns += max(0, at_ns - due_ns)
        sounds.append(ChunkPlayout(due_ns=due_ns, sounded_ns=max(due_ns, at_ns)))
    return sounds


def _heard(record: Record, device: DeviceLog, started_ns: int, first_given_ns: int) -> list[ChunkPlayout]:
    sounds = []
    stalls = [stall for stall in device.stalls if stall.start_ns > started_ns]
    missing_ns = 0
    for index, receipt in enumerate(record.receipts):
        begin, end = receipt.first_sample, receipt.first_sample + receipt.num_samples
        due_ns = started_ns + missing_ns + begin * NS // device.sample_rate
        missing = sum(gap.missing_samples for gap in device.underruns if begin <= gap.position < end)
        late_ns = missing * NS // device.sample_rate
        while stalls and stalls[0].start_ns < due_ns + late_ns:
            late_ns += stalls.pop(0).length_ns
        missing_ns += late_ns
        allowed_ns = max(first_given_ns, device.allowed_ns or 0)
        sounds.append(ChunkPlayout(due_ns=due_ns if index else min(allowed_ns, due_ns), sounded_ns=due_ns + late_ns))
    return sounds
