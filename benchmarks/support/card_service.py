"""A service over a scripted card, in processes of its own that tell how much processor time they spent.

All in one process; or a gateway and an engine server, as `--engines process` has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.support.child_process import Child, child_process, obey
from benchmarks.support.child_service import serve, serve_with
from benchmarks.support.engine_process import VERSION
from benchmarks.support.scripted_card import CARDS, Clock
from benchmarks.support.thread_profiles import ThreadProfiles
from engine import interpreter
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.options import EngineOptions
from engine.pipeline import threads
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess
from service.engines.pool import Pool

BATCH = 32  # windows that the flow, or the vocoder, of a card runs together
STAGES = ("t3", "flow", "vocoder", "text")  # names of the engine's threads
TEXT = "text"  # of which this one prepares the text


@dataclass(frozen=True)
class Spent:
    """Processor seconds of a process."""

    threads: dict[str, float]
    launched_s: float = 0.0  # of them, on launches
    busy_s: float = 0.0  # of the card

    def since(self, before: Spent) -> Spent:
        threads = {name: spent - before.threads.get(name, 0.0) for name, spent in self.threads.items()}
        return Spent(threads, self.launched_s - before.launched_s, self.busy_s - before.busy_s)

    def line(self, lasted_s: float) -> str:
        shares = {name: spent / lasted_s for name, spent in self.threads.items()}
        parts = [f"{name} {share:.1%}" for name, share in sorted(shares.items(), key=lambda one: -one[1])]
        by_thread = f"of one core, by thread: {', '.join(parts)}"
        if not self.busy_s:
            return by_thread
        launches, text = self.launched_s / lasted_s, shares.get(TEXT, 0.0)
        engine = sum(shares.get(name, 0.0) for name in STAGES) - launches
        return (
            f"scheduling and bookkeeping {engine:.1%} of one core, preparing the text included ({text:.1%}); "
            f"launches {launches:.1%}; card busy {self.busy_s / lasted_s:.1%}; {by_thread}"
        )


@dataclass
class CardService:
    """The first of its processes is the one to call."""

    processes: Sequence[Child]
    _before: list[Spent] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.processes[0].address

    def begin(self) -> None:
        """Processor time counts from here on."""
        self._before = self._asked("spent")

    def spent(self) -> list[Spent]:
        """Of each process, since then."""
        return [now.since(before) for now, before in zip(self._asked("spent"), self._before, strict=True)]

    def profiles(self) -> list[str]:
        return self._asked("profile")

    def _asked(self, command: str) -> list[Any]:
        for child in self.processes:
            child.commands.send(command)
        return [child.commands.recv() for child in self.processes]


@contextlib.contextmanager
def card_service(card: str, streams: int, functions: int, *, apart: bool) -> Iterator[CardService]:
    """`functions`: so many of each thread are profiled; `apart`: the engine has a process of its own."""
    arguments = card, streams, functions
    if not apart:
        with child_process(_service, *arguments) as service:
            yield CardService([service])
        return
    with (
        child_process(_engine_server, *arguments) as engine,
        child_process(_gateway, engine.address, functions) as gateway,
    ):
        yield CardService([gateway, engine])


def _service(commands: Connection, *arguments: Any) -> None:
    engine, carry_out = _engine(commands, *arguments)
    asyncio.run(serve(engine, commands, carry_out))


def _engine_server(commands: Connection, *arguments: Any) -> None:
    engine, carry_out = _engine(commands, *arguments)

    async def run() -> None:
        server = EngineServer(ServiceConfig(address="127.0.0.1:0", version=VERSION))
        await server.start(InProcess(engine))
        commands.send(server.port)
        await obey(commands, carry_out)
        await server.stop(0.0)
        await asyncio.to_thread(engine.close)

    asyncio.run(run())


def _gateway(commands: Connection, address: str, functions: int) -> None:
    carry_out = _commands(commands, Clock(), functions)

    async def find() -> Sequence[str]:
        return [address]

    async def run() -> None:
        pool = Pool(find, version=VERSION, spare=0.0)
        await pool.ready()
        await serve_with(pool, commands, carry_out)
        await pool.close()

    asyncio.run(run())


def _engine(commands: Connection, card: str, streams: int, functions: int) -> tuple[LocalEngine, Callable[[str], None]]:
    threads.SMALL_PARAMETERS = 0  # a thread for each stage, as a model for a card has
    clock = Clock()
    options = EngineOptions(max_utterances=streams, threads=1)  # no worker borrows the others' cores, as beside a card
    model = load("embedded")
    carry_out = _commands(commands, clock, functions)
    engine = LocalEngine(model, options, clock.wrap(CARDS[card]))
    scheduler = engine._scheduler
    config = replace(scheduler.config, max_batch=BATCH, batch_tokens=None, few_rows_cost_less=False)
    scheduler.config = scheduler.choice.config = scheduler.first_sounds.config = config
    interpreter.prepare(on_cpu=False)
    return engine, carry_out


def _commands(commands: Connection, clock: Clock, functions: int) -> Callable[[str], None]:
    """Answers what is asked of this process; profiles all threads that start from now on, and this one."""
    profiles = ThreadProfiles()
    if functions:
        profiles.begin()

    def carry_out(command: str) -> None:
        if command == "spent":
            commands.send(Spent(thread_seconds(), clock.launched_s, clock.busy_s))
        else:
            commands.send(profiles.table(functions, ("MainThread", *STAGES).__contains__))

    return carry_out


def thread_seconds() -> dict[str, float]:
    """Processor time of this process's threads so far, by name."""
    ticks, spent = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            name = names.get(int(task.name), "grpc and others")
            spent[name] = spent.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
    return spent
