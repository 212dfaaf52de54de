"""What a benchmark over a pool of engines sees, whatever happens to them; how it ends and is told."""

from __future__ import annotations

import asyncio
import json
import sys
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from benchmarks.scale.rounds import SETTLES_S
from benchmarks.support.machine import describe, machine
from service.engines.pool import Pool

_MOST_LINES = 20


@dataclass(kw_only=True)
class SeenOfPool(ABC):
    wrong: list[str] = field(default_factory=list)  # samples that were lost, or came twice
    moves: int = 0
    places_left: int = 0  # taken at the end

    @abstractmethod
    def line(self) -> str: ...

    @property
    def is_well(self) -> bool:
        return not self.wrong and not self.places_left


async def look_at_the_end(pool: Pool, seen: SeenOfPool) -> None:
    """With nobody speaking any more."""
    await asyncio.sleep(SETTLES_S)
    seen.moves, seen.places_left = pool.moves, pool.stats().slots_in_use


def tell(seen: SeenOfPool, out: Path | None) -> NoReturn:
    """`out`: a file for all of it. Ends the process, with status 1 if not all was well."""
    print(describe())
    print(seen.line())
    for what in seen.wrong[:_MOST_LINES]:
        print(f"  {what}")
    if out:
        out.write_text(json.dumps({"machine": machine(), **asdict(seen)}, indent=1), encoding="utf-8")
    sys.exit(not seen.is_well)
