"""Attacks below gRPC: sockets that say nothing, half of something, or frames that cost their sender nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
from collections.abc import Callable

from benchmarks.attack.target import Outcomes, Round, Target

SOCKETS = 200
_HELD_S = 1.0
_FRAMES = 2_000  # in one write
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, RST_STREAM, WINDOW_UPDATE = 4, 6, 3, 8
_NO_FLAGS = 0


def frame(kind: int, payload: bytes, *, stream: int = 0) -> bytes:
    """An HTTP/2 frame: 24 bits of length, type, flags, 31 bits of stream."""
    return len(payload).to_bytes(3, "big") + bytes([kind, _NO_FLAGS]) + stream.to_bytes(4, "big") + payload


GREETING = PREFACE + frame(SETTINGS, b"")


def held_sockets(says: bytes) -> Round:
    """Many sockets that say this much, and are held."""

    async def attack(target: Target) -> Outcomes:
        outcomes = Outcomes()
        with contextlib.ExitStack() as held:
            for _ in range(SOCKETS):
                outcomes += _tried(lambda: held.enter_context(target.socket()).sendall(says))
            await asyncio.sleep(_HELD_S)
        return outcomes

    return attack


def frames(one: bytes) -> Round:
    """One connection that sends this frame as fast as it can, and reads what comes."""

    async def attack(target: Target) -> Outcomes:
        outcomes = Outcomes()
        with target.socket() as connection:
            connection.sendall(GREETING)
            connection.settimeout(1.0)
            for _ in range(50):
                outcomes += (tried := _tried(lambda: connection.sendall(one * _FRAMES)))
                if "sent" not in tried:  # the server has closed it, or does not read on
                    break
                _read_what_is_there(connection)
        return outcomes

    return attack


async def garbage(target: Target) -> Outcomes:
    """Sockets that send what is no HTTP/2."""
    outcomes = Outcomes()
    for _ in range(SOCKETS):
        with target.socket() as connection:
            outcomes += _tried(lambda: connection.sendall(os.urandom(4096)))
    return outcomes


def _tried(send: Callable[[], object]) -> Outcomes:
    try:
        send()
    except OSError as error:
        return Outcomes([type(error).__name__])
    return Outcomes(["sent"])


def _read_what_is_there(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while select.select([connection], [], [], 0)[0] and connection.recv(1 << 20):
            pass
