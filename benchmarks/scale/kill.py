"""What do listeners hear when the engine or the gateway that speaks to them dies?

Two engine servers, each a process, behind the gateway's pool; listeners play in real time; at a random moment one
engine is killed, stopped, cut off or drained. One that was killed is started again at once, as supervisors do, on the
same cores, while the listeners hear on. With `gateway`, clients of two gateways, of which one is killed: they go
on at the other one by themselves. With `none` nothing dies, and all places that are open to listeners are taken: nobody
may be moved. Ten minutes of that are some 100 rounds.

    python -m benchmarks.scale.kill --rounds 50
    python -m benchmarks.scale.kill --rounds 100 --kinds none
    python -m benchmarks.scale.kill --rounds 25 --kinds gateway
    python -m benchmarks.scale.kill --model embedded --listeners 6 --rounds 20 --kinds kill stop

Promised, and looked at for each listener: every sample comes once. The gap of who is moved is at most what the time
until the other engine is heard exceeds the audio in hand by; none where that was 1 s or more. Those of the other engine
notice nothing. No place stays taken. The exit status is 1 where a promise was not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.scale import lost_gateway
from benchmarks.scale.rounds import SETTLES_S, Moved, Round, told
from benchmarks.support.engine_crowd import KINDS, EngineCrowd
from benchmarks.support.engine_process import SCRIPTED, Served
from benchmarks.support.machine import describe
from benchmarks.support.pool_listener import Listener

NONE = "none"  # nothing dies: nobody may be moved
GATEWAY = "gateway"
TEXT = (
    "The old lighthouse stood above the bay, and its keeper wrote down every ship that passed. "
    "On clear evenings the children came up the hill to hear about storms, and about the winter when the sea froze. "
)


async def play(crowd: EngineCrowd, kind: str, count: int, tolerance: float, whole: Sequence[Listener]) -> Round:
    """One death. `whole`: what each listener heard undisturbed."""
    pool, result = crowd.pool, Round(kind)
    at_first = pool.moves
    listeners = [Listener(pool, f"{kind}-{random.getrandbits(48):x}") for _ in range(count)]
    speaking = [asyncio.create_task(one.speak(TEXT, seed)) for seed, one in enumerate(listeners)]
    await asyncio.sleep(random.uniform(0.3, 2.5))
    member = random.choice(crowd.members)
    victim = None if kind == NONE else pool.engines[member.address]
    moves, at = pool.moves, time.monotonic()
    result.false_moves = moves - at_first
    before = {one.name: placed.engine for one in listeners if (placed := pool._placed.get(one.name))}
    seen = at
    if victim:
        crowd.strike(kind, member)
        seen = await crowd.seen(member)
    result.seen_s = seen - at
    restarting = asyncio.create_task(crowd.mend(kind, member)) if victim and kind == "kill" else None
    for one, ended in zip(listeners, await asyncio.gather(*speaking, return_exceptions=True), strict=True):
        one.error = one.error or (repr(ended) if ended else "")
    for seed, one in enumerate(listeners):
        if what := one.wrong(whole[seed].samples, tolerance):
            result.wrong.append(what)
        result.struck += (struck := victim is not None and before.get(one.name) is victim)
        if one.moved_at is not None:
            result.moved.append(Moved(one.in_hand_s(at), one.moved_at - at, one.worst_gap_s()))
        elif not struck:
            result.others_gaps_s.append(one.worst_gap_s())
    if restarting:
        await restarting
    elif victim:
        await crowd.mend(kind, member)
    await crowd.serve(2)
    await asyncio.sleep(SETTLES_S)
    result.places_left = pool.stats().slots_in_use
    result.moves = pool.moves - moves
    return result


async def run(
    kinds: Sequence[str], rounds: int, count: int, model: str = SCRIPTED, token_s: float = 0.01, tolerance: float = 0.0
) -> list[Round]:
    served = Served(model=model, places=count, token_s=token_s)  # all of whom one engine can take
    played = await lost_gateway.run(served, rounds, count, TEXT) if GATEWAY in kinds else []
    if of_engines := [kind for kind in kinds if kind != GATEWAY]:
        played += await _run_engines(of_engines, rounds, count, served, tolerance)
    return played


async def _run_engines(kinds: Sequence[str], rounds: int, count: int, served: Served, tolerance: float) -> list[Round]:
    crowd = EngineCrowd(relayed="cut" in kinds)
    try:
        pool = await crowd.start([served] * 2)
        whole = [Listener(pool, f"whole-{seed}") for seed in range(count)]
        await asyncio.gather(*(one.speak(TEXT, seed) for seed, one in enumerate(whole)))
        await asyncio.sleep(SETTLES_S)  # until heartbeats tell that their places are free
        return [await play(crowd, kind, count, tolerance, whole) for _ in range(rounds) for kind in kinds]
    finally:
        await crowd.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, GATEWAY, NONE], default=[*KINDS, GATEWAY])
    parser.add_argument("--listeners", type=int, default=16)
    parser.add_argument("--model", default=SCRIPTED)
    parser.add_argument("--tolerance", type=float, default=0.0, help="that a sample may differ by")
    parser.add_argument("--out", type=Path, help="a file for all rounds, as JSON")
    given = parser.parse_args()
    rounds = asyncio.run(run(given.kinds, given.rounds, given.listeners, given.model, tolerance=given.tolerance))
    print(describe())
    for kind in given.kinds:
        print(told(kind, [one for one in rounds if one.kind == kind]))
    if given.out:
        given.out.write_text(json.dumps([asdict(one) for one in rounds], indent=1), encoding="utf-8")
    sys.exit(any(list(one.broken()) for one in rounds))


if __name__ == "__main__":
    main()
