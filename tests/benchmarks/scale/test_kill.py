"""A short form of `benchmarks.scale.kill`: real processes, a real SIGKILL and a real SIGSTOP."""

from __future__ import annotations

from benchmarks.scale import kill


async def test_every_listener_hears_every_sample_once_when_an_engine_dies_or_stands_still() -> None:
    rounds = await kill.run(["kill", "stop"], rounds=1, count=16, token_s=0.015)
    assert [one.wrong for one in rounds] == [[], []]
    assert [one.places_left for one in rounds] == [0, 0]
    assert all(one.moved for one in rounds)
