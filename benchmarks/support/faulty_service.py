"""A service in a process of its own that can be told to fail: any stage of the engine, or its event loop, at any time.

The engine is the paced one, or the embedded voice with its stages wrapped, and throttled if asked for. Its wall clock
can be off by seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import engine.clock
from benchmarks.support.child_process import child_process
from benchmarks.support.child_service import serve
from benchmarks.support.paced_engine import Pace, PacedEngine
from engine.messages import Engine

if TYPE_CHECKING:
    from benchmarks.support.throttle import Throttle
    from engine.scheduling.jobs import Stages

LOOP = "server_loop"
LOOP_PAUSES = 0.6  # of a block's length, between two
START_LIMIT_S = 120.0
USUAL_PACE = Pace()
_T3_FAULTS = {"step": "t3", "feed": "t3_prefill"}
_FLOW_FAULTS = {"run": "flow"}
_VOCODER_FAULTS = {"run": "vocoder"}


class Faults:
    """Each strikes the first `times` times that its stage works after its time has come, each time for so long."""

    def __init__(self) -> None:
        self._armed: dict[str, tuple[float, float, int]] = {}
        self._lock = threading.Lock()
        self.struck: list[tuple[str, float]] = []

    def arm(self, stage: str, after_s: float, for_s: float, times: int) -> None:
        with self._lock:
            self._armed[stage] = time.monotonic() + after_s, for_s, times

    def reset(self) -> None:
        with self._lock:
            self._armed.clear()
            self.struck.clear()

    def __call__(self, stage: str) -> None:
        with self._lock:
            at_s, for_s, left = self._armed.get(stage, (float("inf"), 0.0, 0))
            if time.monotonic() < at_s or not left:
                return
            self._armed[stage] = at_s, for_s, left - 1
        began_s = time.monotonic()
        time.sleep(for_s)
        self.struck.append((stage, time.monotonic() - began_s))


MakeEngine = Callable[[Faults], Engine]


class Service:
    """The end that gives commands."""

    def __init__(self, address: str, commands: Connection) -> None:
        self.address = address
        self._commands = commands

    def arm(self, stage: str, *, after_s: float, for_s: float, times: int = 1) -> None:
        """`stage`: server_loop, t3_prefill, t3, tokens, flow, vocoder or channel. Of the loop, several times have
        LOOP_PAUSES of rest between them."""
        self._commands.send(("arm", stage, after_s, for_s, times))

    def struck(self) -> list[tuple[str, float]]:
        """Which faults struck since the last call, and for how many seconds. Disarms the others."""
        self._commands.send(("struck",))
        struck: list[tuple[str, float]] = self._commands.recv()
        return struck


@contextlib.contextmanager
def faulty_service(
    *,
    embedded: bool = False,
    clock_shift_s: float = 0.0,
    pace: Pace = USUAL_PACE,
    throttle: Throttle | None = None,
    speculate: bool = False,
) -> Iterator[Service]:
    """`throttle` and `speculate`: of the embedded voice."""
    make: MakeEngine = partial(_embedded, throttle, speculate) if embedded else partial(PacedEngine, pace)
    with child_process(_main, make, clock_shift_s) as child:
        yield Service(child.address, child.commands)


def _main(commands: Connection, make: MakeEngine, clock_shift_s: float) -> None:
    engine.clock._UNIX_ANCHOR_NS += round(clock_shift_s * 1e9)
    asyncio.run(_serve(commands, make))


async def _serve(commands: Connection, make: MakeEngine) -> None:
    faults, loop = Faults(), asyncio.get_running_loop()

    def carry_out(command: tuple[Any, ...]) -> None:
        if command[0] == "struck":
            commands.send(list(faults.struck))
            faults.reset()
        elif command[1] == LOOP:
            _, stage, after_s, for_s, times = command
            faults.arm(stage, after_s, for_s, times)
            for index in range(times):
                at_s = after_s + index * (1 + LOOP_PAUSES) * for_s
                loop.call_soon_threadsafe(loop.call_later, at_s, faults, LOOP)
        else:
            faults.arm(*command[1:])

    await serve(await asyncio.to_thread(make, faults), commands, carry_out)


def _embedded(throttle: Throttle | None, speculate: bool, faults: Faults) -> Engine:
    from engine.checkpoints import load
    from engine.engine import LocalEngine
    from engine.loading import warm_up
    from engine.options import EngineOptions

    model = load("embedded")

    def wrap(stages: Stages) -> Stages:
        tokens: Any = _Faulty(stages.tokens, faults, _T3_FAULTS)
        mel: Any = _Faulty(stages.mel, faults, _FLOW_FAULTS)
        sound: Any = _Faulty(stages.sound, faults, _VOCODER_FAULTS)
        faulty = replace(stages, tokens=tokens, mel=mel, sound=sound)
        return throttle.wrap(model)(faulty) if throttle else faulty

    engine = LocalEngine(model, EngineOptions(speculate=speculate), wrap)
    for voice in model.voices:
        warm_up(engine, voice)
    return engine


class _Faulty:
    """A stage whose methods may be held up before they work."""

    def __init__(self, stage: object, faults: Faults, methods: dict[str, str]) -> None:
        self._stage = stage
        self._faults = faults
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stage, name)
        if name not in self._methods:
            return found

        def held_up(*args: Any, **kwargs: Any) -> Any:
            self._faults(self._methods[name])
            return found(*args, **kwargs)

        called: Callable[..., Any] = held_up
        return called
