"""What the example agents share, and an agent of your own replaces: a script in the place of a user and a language
model, and a file in the place of a loudspeaker. It knows no framework. Copy it along with an example."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gapless.client import Client, ClientError

TOKEN_S = 1 / 30  # between tokens of the language model
TURN_S = 60.0
SAMPLE_RATE = 24_000  # Hz
SAMPLE_BYTES = 2  # s16
DEVICE_S = 0.06  # what a sound device holds: so long may it be fed late


@dataclass(frozen=True)
class Line:
    """What the user says, what the model answers, and when the user interrupts: seconds after the first sound."""

    user: str
    answer: str
    interrupted_after_s: float | None = None


SCRIPT = (
    Line("Hello?", "Hello! I am the ship's computer. What can I do for you?"),
    Line("Tell me a story.", "Once upon a time, there was a kettle that could not stop. It boiled, and it sang.", 1.5),
    Line("Stop. What time is it?", "It is 3:45 p.m., and the tea is ready."),
)


async def reach(address: str) -> None:
    """Ends the program, in words, if no service is ready there."""
    try:
        async with Client(address) as client:
            await client.info()
    except ClientError as error:
        raise SystemExit(str(error)) from None


async def tokens_of(answer: str) -> AsyncIterator[str]:
    """As a language model writes them."""
    for word in answer.split(" "):
        yield word + " "
        await asyncio.sleep(TOKEN_S)


class Loudspeaker:
    """Plays in real time, whenever it is given something, and keeps what was heard. Like a sound device it holds a
    little, so that what comes a little late is heard without a gap."""

    def __init__(self) -> None:
        self.sounding = asyncio.Event()  # since `listen`
        self.silent_s = 0.0  # since `listen`, between first sound and last
        self._written = bytearray()
        self._begin = 0  # of the turn, in bytes
        self._ends_at = 0.0  # when all that was written will have been heard

    def listen(self) -> None:
        """A turn begins."""
        self.sounding.clear()
        self.silent_s = 0.0
        self._begin = len(self._written)

    async def write(self, data: bytes) -> None:
        """s16, mono. Returns when the device has room for more."""
        now = time.monotonic()
        if self.sounding.is_set():
            self.silent_s += max(0.0, now - self._ends_at)
        self.sounding.set()
        self._ends_at = max(self._ends_at, now) + len(data) / SAMPLE_BYTES / SAMPLE_RATE
        self._written += data
        await asyncio.sleep(self._ends_at - DEVICE_S - now)

    async def drained(self) -> None:
        """Returns when all has been heard."""
        await asyncio.sleep(self._ends_at - time.monotonic())

    def stop(self) -> None:
        """What has not been heard will not be."""
        now = time.monotonic()
        unheard = round(max(0.0, self._ends_at - now) * SAMPLE_RATE) * SAMPLE_BYTES
        del self._written[max(self._begin, len(self._written) - unheard) :]
        self._ends_at = min(self._ends_at, now)

    @property
    def heard(self) -> bytes:
        """Of the turn. Complete after `stop` or `drained`."""
        return bytes(self._written[self._begin :])

    @property
    def heard_s(self) -> float:
        return len(self.heard) / SAMPLE_BYTES / SAMPLE_RATE

    def save(self, path: str) -> None:
        with wave.open(path, "wb") as file:
            file.setparams((1, SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(self._written)


@dataclass(frozen=True)
class Said:
    """A turn, as the conversation remembers it."""

    answer: str
    remembered: str
    first_sound_s: float  # after the user's line
    heard: bytes
    silent_s: float = 0.0  # holes in what was heard


def arguments(description: str | None, out: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--voice")
    parser.add_argument("--out", default=out)
    return parser.parse_args()


def tell(said: Sequence[Said]) -> None:
    for turn in said:
        first_ms = round(1000 * turn.first_sound_s)
        print(json.dumps({"answer": turn.answer, "remembered": turn.remembered, "first_sound_ms": first_ms}))
