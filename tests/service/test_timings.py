"""What the service itself stamps on a chunk."""

from __future__ import annotations

from itertools import pairwise

from tests.service.conftest import Served
from tests.service.talk import end, say, seeded, text


async def test_every_chunk_tells_when_the_one_before_it_had_been_written(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text("Several words are spoken, one after the other. "), end()])
    timings = [chunk.timings for chunk in heard.chunks]
    assert timings[0].previous_written_unix_nanos == 0
    for before, after in pairwise(timings):
        assert before.write_start_unix_nanos <= after.previous_written_unix_nanos <= after.write_start_unix_nanos


async def test_a_lag_worth_telling_has_a_beginning(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text("Several words are spoken. "), end()])
    for chunk in heard.chunks:
        lag_ns, from_ns = chunk.timings.loop_lag_max.ToNanoseconds(), chunk.timings.loop_lag_from_unix_nanos
        assert bool(from_ns) == (lag_ns > 5_000_000)
        assert from_ns <= chunk.timings.write_start_unix_nanos
