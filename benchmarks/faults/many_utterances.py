"""Does anything grow over ten thousand utterances, some of them cancelled, with voices made and deleted in between?

    python -m benchmarks.faults.many_utterances                       # 10,000, half an hour on two cores
    python -m benchmarks.faults.many_utterances --utterances 200
    python -m benchmarks.faults.many_utterances --card h200           # without the networks: what grows is elsewhere

Callers speak one utterance after the other to one service and read as fast as they can; every fifth is cancelled in the
middle. Where the server can clone, every hundredth is spoken with a voice that was made for it and is deleted then.
Told are the service's resident memory after the first hundred, a tenth, a half and all of them, TTFA and RTF of the
first and of the last hundred that were spoken to their ends, and what is left in the engine. The exit status is 1 if
memory grew by more than 2 % after the first tenth, or anything is left. Until then the largest pieces of work that have
come together so far take memory for the first time, and the C library keeps it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.support.child_process import child_process
from benchmarks.support.child_service import serve
from benchmarks.support.long_tone import recording
from benchmarks.support.machine import describe, machine
from benchmarks.support.scripted_card import CARDS, Clock
from benchmarks.support.service_process import process
from benchmarks.support.texts import texts
from client import Client
from client._clock import now_ns
from client.errors import ClientError, ServerBusy
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.options import EngineOptions

TEXTS = tuple(texts(24))
CANCELLED, CLONED = 5, 100  # each so many-th
COMPARED = 100  # utterances
SHARES = (0.1, 0.5, 1.0)  # of all, after which memory is told
MOST_GROWTH = 0.02
PROGRESS = 500


@dataclass
class Soaked:
    ttfa_s: list[float] = field(default_factory=list)
    rtf: list[float] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    resident_mb: list[tuple[int, float]] = field(default_factory=list)  # after so many utterances


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def speak(client: Client, text: str, seed: int, soaked: Soaked, cancel_after: int | None, voice: str) -> None:
    """`cancel_after`: chunks."""
    async with client.utterance(seed=seed, max_lead=0.0, voice=voice) as utterance:
        await utterance.push(text)
        await utterance.end()
        began_ns, first_ns, audio_s = now_ns(), 0, 0.0
        async for chunk in utterance:
            first_ns, audio_s = first_ns or chunk.received_ns, audio_s + chunk.duration_s
            if cancel_after is not None and chunk.seq >= cancel_after:
                soaked.ends["cancelled"] += 1
                return
    soaked.ends["spoken"] += 1
    soaked.ttfa_s.append((first_ns - began_ns) / 1e9)
    soaked.rtf.append((now_ns() - began_ns) / 1e9 / audio_s)


def warm_after(utterances: int) -> int:
    return max(COMPARED, round(SHARES[0] * utterances))


def told_after(utterances: int) -> set[int]:
    return {COMPARED, warm_after(utterances), *(round(share * utterances) for share in SHARES)}


async def caller(client: Client, numbers: Iterator[int], soaked: Soaked, pid: int, told: set[int]) -> None:
    clones = client.server.features.get("voice_cloning", False)
    for number in numbers:
        chance = random.Random(number)
        voice = f"soak-{number}" if clones and number % CLONED == 0 else ""
        try:
            if voice:
                await client.create_voice(voice, recording())
            cancel_after = chance.randrange(3) if number % CANCELLED == 0 else None
            await speak(client, chance.choice(TEXTS), number, soaked, cancel_after, voice)
            if voice:
                await client.delete_voice(voice)
        except ServerBusy as busy:
            soaked.ends["refused"] += 1
            await asyncio.sleep(busy.retry_after_s or 1.0)
        except ClientError as error:
            soaked.ends[f"failed: {error.reason or error.code}"] += 1
        if number in told or number % PROGRESS == 0:
            soaked.resident_mb.append((number, resident_mb(pid)))
            print(f"{number}: {soaked.resident_mb[-1][1]:.1f} MiB, {dict(soaked.ends)}", flush=True)


def _scripted(commands: Connection, card: str, callers: int) -> None:
    engine = LocalEngine(load("embedded"), EngineOptions(max_utterances=callers), Clock().wrap(CARDS[card]))
    asyncio.run(serve(engine, commands))


@contextlib.contextmanager
def served(arguments: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """The address of a service, and its process."""
    if arguments.card:
        with child_process(_scripted, arguments.card, arguments.callers) as child:
            yield child.address, child.pid
    else:
        with process("--model", arguments.model, "--max-utterances", str(arguments.callers)) as (address, running):
            yield address, running.pid


async def soak(arguments: argparse.Namespace) -> tuple[Soaked, int]:
    """And what is left in the engine."""
    soaked, numbers = Soaked(), iter(range(1, arguments.utterances + 1))
    with served(arguments) as (address, pid):
        async with Client(address) as client:
            async with asyncio.TaskGroup() as group:
                for _ in range(arguments.callers):
                    group.create_task(caller(client, numbers, soaked, pid, told_after(arguments.utterances)))
            await asyncio.sleep(1.0)
            soaked.resident_mb.append((arguments.utterances, resident_mb(pid)))
            left = (await client.info()).active_utterances
    return soaked, left


def report(soaked: Soaked, left: int) -> dict[str, Any]:
    utterances, last = soaked.resident_mb[-1]
    told = {number: round(mb, 1) for number, mb in soaked.resident_mb if number in told_after(utterances)}

    def compared(values: Sequence[float]) -> tuple[float, float]:
        spans = values[:COMPARED], values[-COMPARED:]
        return tuple(round(statistics.median(span), 4) for span in spans)  # type: ignore[return-value]

    return {
        "ends": dict(soaked.ends),
        "resident_mb": told,
        "growth": round(last / told[warm_after(utterances)] - 1, 4),
        "ttfa_s": compared(soaked.ttfa_s),
        "rtf": compared(soaked.rtf),
        "left": left,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--utterances", type=int, default=10_000)
    parser.add_argument("--card", choices=CARDS, help="a scripted card instead of the networks")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.model}, {arguments.utterances} utterances, on {describe()}", flush=True)
    found = report(*asyncio.run(soak(arguments)))
    print("  ".join(f"{name} {value}" for name, value in found.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    failed = any(end.startswith("failed") for end in found["ends"])
    return 1 if failed or found["left"] or found["growth"] > MOST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
