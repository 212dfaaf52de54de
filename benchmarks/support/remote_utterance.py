"""What of an utterance over gRPC came when."""

from __future__ import annotations

from benchmarks.support.simulated_listener import Arrival
from client.utterance import Utterance


async def collect(utterance: Utterance, began_ns: int, arrivals: list[Arrival]) -> None:
    """Adds to `arrivals` each chunk as it comes, in seconds since `began_ns` of the client's clock."""
    ends_segment = False
    async for chunk in utterance:
        arrivals.append(
            Arrival(
                ready_s=(chunk.received_ns - began_ns) / 1e9,
                audio_s=chunk.duration_s,
                hint_s=chunk.prebuffer_hint_s,
                begins_segment=ends_segment,
                window=chunk.timings.window_tokens,
            )
        )
        ends_segment = chunk.end_of_segment
