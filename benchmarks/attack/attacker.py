"""How do the calls of one attacker end?

    nice -n 19 python -m benchmarks.attack.attacker 'flushes' 127.0.0.1:50051

It attacks until its standard input ends (Ctrl-D), in a process of its own, at the lowest priority from its first
instruction on: an attacker on another machine takes no time of the server's processors but through what it sends.
Prints one JSON object: how often which outcome was seen.
"""

from __future__ import annotations

import asyncio
import json
import sys

from benchmarks.attack.beside import begins, until_told
from benchmarks.attack.kinds import KINDS
from benchmarks.attack.target import Outcomes, Target


async def attack(kind: str, address: str) -> Outcomes:
    target, outcomes = Target(address), Outcomes()
    begins()
    told = asyncio.create_task(asyncio.to_thread(until_told))

    async def rounds() -> None:
        while not told.done():
            outcomes.update(await KINDS[kind](target))
            await asyncio.sleep(0)  # a round may wait for nothing, and nobody would be told of the end

    attacking = asyncio.create_task(rounds())
    await asyncio.wait({told, attacking}, return_when=asyncio.FIRST_COMPLETED)
    attacking.cancel()
    try:
        await attacking
    except asyncio.CancelledError:
        outcomes["stopped"] += 1
    await target.channel.close(0)
    return outcomes


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(sys.argv[1], sys.argv[2]))))
