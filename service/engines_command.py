"""`python -m service engines WHERE`: what engine servers say of themselves, one line each.

They are held to what a gateway of this version would hold them to, which has none of them speak that does not fit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TextIO

from engine.messages import EngineInfo
from service import process_end
from service.access.errors import AccessError
from service.engines.addresses import addresses_of
from service.engines.config import EnginesConfig
from service.engines.dial import Dial
from service.engines.members import check_fit
from service.engines.remote import Remote, State

_LOOKS_S = 1.5
_KNOWN = (State.SERVING, State.DRAINING, State.UNFIT)  # there is nothing to wait for
_TITLES = ("engine", "state", "version", "model", "places", "used", "least lead", "voices", "device or reason")


async def run(config: EnginesConfig, version: str, out: TextIO, notes: TextIO) -> int:
    """The exit status: 0 where all would serve a gateway of this version."""
    try:
        found = await addresses_of(config.engines)()
        dial = Dial.of(config.engines, config.engine_tls_ca, config.engine_token_file)
    except (AccessError, OSError) as error:
        notes.write(f"gapless: {error}\n")
        return process_end.CANNOT_START
    others: EngineInfo | None = None

    async def join(engine: Remote) -> None:
        """Nothing is copied."""
        nonlocal others
        others = check_fit(engine, version, others)

    looks = await asyncio.gather(*(_look(address, dial, join) for address in found))
    for line in _table([_TITLES, *(row for _, row in looks)]):
        out.write(line + "\n")
    return process_end.STOPPED if looks and all(serves for serves, _ in looks) else process_end.CANNOT_START


async def _look(address: str, dial: Dial, join: Callable[[Remote], Awaitable[None]]) -> tuple[bool, Sequence[str]]:
    """Whether it serves, and its line."""
    seen = asyncio.Event()
    engine = Remote(address, dial, join, seen.set)
    running = asyncio.create_task(engine.run())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOKS_S):
            while engine.state not in _KNOWN:
                seen.clear()
                await seen.wait()
    line = engine.serves, _row(engine)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return line


def _row(engine: Remote) -> Sequence[str]:
    info, stats = engine.info, engine.stats
    if info is None:
        reason = engine.reason or f"no answer within {_LOOKS_S:g} s; one that loads its model gives none"
        return (engine.address, engine.state, "", "", "", "", "", "", reason)
    lead = "-" if stats.least_lead_s is None else f"{stats.least_lead_s:.2f} s"
    numbers = (str(stats.places), str(stats.utterances), lead, str(len(engine.voices)))
    return (engine.address, engine.state, engine.version, info.model, *numbers, engine.reason or info.device)


def _table(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
