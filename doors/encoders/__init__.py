"""PCM of the service -> the containers that others ask for. A file is what comes out of `begin`, `encode` and `finish`.

In: PCM s16le, mono, whole samples, in pieces of any length. Out: bytes, "" while the encoder waits for more samples.
What an encoder gives after a piece depends on that piece and its own state alone; nothing that was given is changed
later, so files have no lengths in their heads.
"""

from __future__ import annotations

from typing import Protocol

SAMPLE_BYTES = 2


class Encoder(Protocol):
    """One file. Its calls come one after the other, from any threads."""

    takes_long: bool
    """So long that an event loop must not do it."""

    def begin(self) -> bytes: ...

    def encode(self, pcm: bytes) -> bytes: ...

    def finish(self) -> bytes: ...
