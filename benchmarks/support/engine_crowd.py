"""Engine servers in processes of their own and a pool over them: they die, stand still, are cut off, drain, and come.

crowd = EngineCrowd(relayed=True)
pool = await crowd.start([Served(places=32, token_s=0.01)] * 2)
crowd.strike("kill", crowd.members[0])
await crowd.mend("kill", crowd.members[0])       # another one is in its place
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.support.child_process import Child
from benchmarks.support.engine_process import VERSION, Served, engine_process
from benchmarks.support.tcp_relay import DOWN, UP, Relay, relay
from service.engines.pool import Pool

KINDS = ("kill", "stop", "cut", "drain")
CUT_S = 3.0
_LIMIT_S = 120.0


@dataclass(frozen=True, eq=False)
class Member:
    """An engine server, and the network before it."""

    served: Served
    child: Child
    network: Relay | None
    processes: contextlib.ExitStack

    @property
    def address(self) -> str:
        return self.network.address if self.network else self.child.address


class EngineCrowd:
    def __init__(self, *, relayed: bool, spare: float = 1.0) -> None:
        """`relayed`: their network can be cut. `spare`: as the pool takes it."""
        self._relayed, self._spare = relayed, spare
        self.members: list[Member] = []

    async def start(self, engines: Sequence[Served]) -> Pool:
        for served in engines:
            await self.add(served)
        self.pool = Pool(self.find, version=VERSION, spare=self._spare)
        await self.serve(len(engines))
        return self.pool

    async def add(self, served: Served) -> Member:
        member = await asyncio.to_thread(self._begin, served)
        self.members.append(member)
        return member

    def _begin(self, served: Served) -> Member:
        with contextlib.ExitStack() as stack:
            child = stack.enter_context(engine_process(served))
            network = stack.enter_context(relay(child.address)) if self._relayed else None
            return Member(served, child, network, stack.pop_all())

    async def find(self) -> Sequence[str]:
        return [member.address for member in self.members]

    async def serve(self, count: int) -> None:
        """Waits until so many do."""
        async with asyncio.timeout(_LIMIT_S):
            while sum(engine.serves for engine in self.pool.engines.values()) < count:
                await asyncio.sleep(0.02)

    def strike(self, kind: str, member: Member) -> None:
        match kind:
            case "kill":
                os.kill(member.child.pid, signal.SIGKILL)
            case "stop":
                os.kill(member.child.pid, signal.SIGSTOP)
            case "cut" if member.network:
                for way in (UP, DOWN):
                    member.network.stall(way, after_s=0.0, for_s=CUT_S)
            case "drain":
                member.child.commands.send("drain")
            case _:
                raise ValueError(f"{kind!r} cannot be done to {member.address}")

    async def mend(self, kind: str, member: Member) -> None:
        """It goes on, or another one comes in its place; the network comes back by itself."""
        if kind == "stop":
            os.kill(member.child.pid, signal.SIGCONT)
        if kind in ("kill", "drain"):
            await self.remove(member)
            await self.add(member.served)

    async def remove(self, member: Member) -> None:
        self.members.remove(member)
        await asyncio.to_thread(self._end, member)

    @staticmethod
    def _end(member: Member) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member.child.pid, signal.SIGCONT)
        member.processes.close()

    async def seen(self, member: Member) -> float:
        """When the pool knew that it takes no more: monotonic seconds."""
        engine, end = self.pool.engines[member.address], time.monotonic() + 5.0
        while engine.serves and time.monotonic() < end:
            await asyncio.sleep(0.002)
        return time.monotonic()

    async def close(self) -> None:
        await self.pool.close()
        await asyncio.gather(*(self.remove(member) for member in list(self.members)))
