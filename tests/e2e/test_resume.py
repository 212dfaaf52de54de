"""The embedded voice goes on after a lost connection, sample for sample (the service runs with --deterministic)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from client import Client, Encoding
from tests.client.cable import Cable, cable

TEXT = "The kettle is boiling. Would you like some tea, or *would you rather* wait for the others? It is up to you."


async def spoken(client: Client, line: Cable, *lost_after: int) -> tuple[NDArray[np.float32], int]:
    """The audio, and how often another call went on. `lost_after`: so many chunks."""
    pieces: list[NDArray[np.float32]] = []
    async with client.utterance(voice="karl", seed=7, encoding=Encoding.F32, max_lead=0.0) as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        async for chunk in utterance:
            pieces.append(chunk.samples)
            if len(pieces) in lost_after:
                line.drop()
    return np.concatenate(pieces), len(utterance.record.resumed)


@pytest.mark.parametrize("lost_after", [(1,), (3, 6)])
async def test_it_sounds_as_if_nothing_had_been(address: str, lost_after: tuple[int, ...]) -> None:
    async with cable(address) as line, Client(line.address, receive_capacity=1) as client:
        unbroken, _ = await spoken(client, line)
        heard, resumed = await spoken(client, line, *lost_after)
    assert resumed
    np.testing.assert_array_equal(heard, unbroken)
