"""How do the calls of one attacker end?

    python -m benchmarks.attack.attacker 'flushes' 127.0.0.1:50051 10

It attacks for some seconds, in a process of its own, at the lowest priority: an attacker on another machine
takes no time of the server's processors but through what it sends. Prints one JSON object: how often which outcome was
seen.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from benchmarks.attack.kinds import KINDS
from benchmarks.attack.target import Outcomes, Target

LOWEST_PRIORITY = 19


async def attack(kind: str, address: str, seconds: float) -> Outcomes:
    target, outcomes = Target(address), Outcomes()
    ends_s = time.monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            while time.monotonic() < ends_s:
                outcomes += await KINDS[kind](target)
    except TimeoutError:
        outcomes["stopped"] += 1
    await target.channel.close(0)
    return outcomes


if __name__ == "__main__":
    os.nice(LOWEST_PRIORITY)
    print(json.dumps(asyncio.run(attack(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
