"""`python -m service` itself, which breaks where and when it is told to, by lines of JSON on its standard input.

    {"do": "hang", "stage": "flow"}                    the next window never ends
    {"do": "fail", "stage": "t3", "every": 3}          of the pieces of the marked utterance each third one fails

Stages: text, t3_prefill, t3, flow, vocoder. A fault strikes the utterance whose seed is MARK, unless it is for `all`.
Run by `breakable`; what it does to the whole process is in `_PROCESS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.support.service_process import wait_until_serving

if TYPE_CHECKING:
    from engine.engine import LocalEngine
    from engine.messages import NewVoice
    from engine.scheduling.jobs import Stages
    from engine.voices.conditionals import Conditionals

MARK = 666  # the seed of the utterance that is to be struck
FOR_EVER = 1 << 30


@dataclass
class Breakable:
    """The end that gives orders."""

    address: str
    process: subprocess.Popen[str]
    said: list[str]  # lines of its output

    def order(self, do: str, stage: str = "", **more: Any) -> None:
        """`more`: `times` it strikes, each `every`-th time only, for `seconds`, `all` utterances."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, "stage": stage, **more}) + "\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def breakable(*flags: str, wait: bool = True) -> Iterator[Breakable]:
    """Starts one and gives it once it serves, or, without `wait`, at once."""
    command = [sys.executable, "-m", __name__, "--address", "127.0.0.1:0", *flags]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, text=True, env=environ, **pipes)  # type: ignore[call-overload]
    said: list[str] = []
    try:
        yield Breakable(wait_until_serving(process, said) if wait else "", process, said)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


# ------------------------------------------------------------------------------------------ inside of the process


@dataclass
class _Order:
    do: str
    stage: str = ""
    times: int = 1
    every: int = 1
    seconds: float = 0.0
    all: bool = False
    met: int = 0

    def strikes(self, seeds: Sequence[int]) -> bool:
        if not self.times or not (self.all or MARK in seeds):
            return False
        self.met += 1
        if self.met % self.every:
            return False
        self.times -= 1
        return True

    def strike(self) -> None:
        import torch

        match self.do:
            case "hang":
                threading.Event().wait()
            case "slow":
                time.sleep(self.seconds)
            case "die":
                raise SystemExit
            case "fail":
                raise RuntimeError("scripted to fail, in /some/secret/path")
            case "device":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class _Orders:
    def __init__(self) -> None:
        self.armed: list[_Order] = []
        self.engine: LocalEngine | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def meet(self, stage: str, seeds: Sequence[int]) -> None:
        """A stage is about to work."""
        for order in list(self.armed):
            if order.stage == stage and order.strikes(seeds):
                order.strike()

    def obey(self) -> None:
        for line in sys.stdin:
            order = _Order(**json.loads(line))
            if order.do in _PROCESS:
                _PROCESS[order.do](self, order)
            else:
                self.armed.append(order)

    def wrap(self, stages: Stages) -> Stages:
        tokens: Any = _Struck(stages.tokens, self, {"speakable": "text", "begin": "t3_prefill", "step": "t3"})
        mel: Any = _Struck(stages.mel, self, {"run": "flow"})
        sound: Any = _Struck(stages.sound, self, {"run": "vocoder"})
        return replace(stages, tokens=tokens, mel=mel, sound=sound)


class _Struck:
    """A stage whose methods meet the orders before they work."""

    def __init__(self, stage: object, orders: _Orders, methods: dict[str, str]) -> None:
        self._stage = stage
        self._orders = orders
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found: Callable[..., Any] = getattr(self._stage, name)
        if name not in self._methods:
            return found

        def met(*args: Any) -> Any:
            self._orders.meet(self._methods[name], _seeds(args[0]))
            return found(*args)

        return met


def _seeds(first: Any) -> list[int]:
    """Of those that a stage is about to work for: states, rows, a job; a text tells none, and counts as marked."""
    if isinstance(first, str):
        return [MARK]
    many = first if isinstance(first, list | tuple) else [first]
    return [one.key[0] if hasattr(one, "key") else one.seed for one in many]


def _forget(orders: _Orders, order: _Order) -> None:
    """No order that was given before strikes any more."""
    orders.armed.clear()


def _poison(orders: _Orders, order: _Order) -> None:
    """The weights of a network become values that are no numbers."""
    import torch

    assert orders.engine is not None
    network = getattr(orders.engine._model, order.stage)
    with torch.inference_mode():
        for weight in (*network.parameters(), *network.buffers()):
            if weight.is_floating_point():
                weight.fill_(torch.nan)


def _hang_voices(orders: _Orders, order: _Order) -> None:
    assert orders.engine is not None
    prepared = orders.engine._prepared
    prepared._prepare = lambda voice: threading.Event().wait()  # type: ignore[assignment,return-value]
    prepared._held.clear()


def _block_loop(orders: _Orders, order: _Order) -> None:
    assert orders.loop is not None
    orders.loop.call_soon_threadsafe(time.sleep, order.seconds)


def _descriptors(orders: _Orders, order: _Order) -> None:
    """None is left, for so many seconds."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, before[1]))
    time.sleep(order.seconds)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _address_space(orders: _Orders, order: _Order) -> None:
    """No more memory than there is now, for so many seconds."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used, before[1]))
    time.sleep(order.seconds)
    resource.setrlimit(resource.RLIMIT_AS, before)


def _disk_full(orders: _Orders, order: _Order) -> None:
    """No file may be written to, for so many seconds."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    time.sleep(order.seconds)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _clock(orders: _Orders, order: _Order) -> None:
    """The wall clock jumps."""
    wall_s, wall_ns = time.time, time.time_ns
    time.time = lambda: wall_s() + order.seconds
    time.time_ns = lambda: wall_ns() + round(order.seconds * 1e9)


_PROCESS: dict[str, Callable[[_Orders, _Order], None]] = {
    "forget": _forget,
    "poison": _poison,
    "hang_voices": _hang_voices,
    "block_loop": _block_loop,
    "descriptors": _descriptors,
    "address_space": _address_space,
    "disk_full": _disk_full,
    "clock": _clock,
}


class _Copier:
    """Makes voices where the model cannot: each is one of the model's own."""

    def __init__(self, voices: Mapping[str, Conditionals]) -> None:
        self._voice = next(iter(voices.values()))

    def clone(self, voice: NewVoice) -> tuple[Conditionals, tuple[str, ...]]:
        return replace(self._voice, name=voice.name, owner=voice.owner), ()


def main() -> int:
    """The service's own `main`, with what it loads and serves in our hands."""
    import engine.loading
    from service import __main__ as service

    orders, load, serve = _Orders(), engine.loading.load, service._serve

    def load_ours(model: str, options: Any) -> LocalEngine:
        orders.engine = load(model, options, orders.wrap)
        loaded = orders.engine._model
        if loaded.cloner is None:
            orders.engine._model = replace(loaded, cloner=_Copier(loaded.voices))  # type: ignore[arg-type]
        return orders.engine

    async def serve_ours(options: Any) -> int:
        orders.loop = asyncio.get_running_loop()
        return await serve(options)

    engine.loading.load = load_ours  # type: ignore[assignment]
    service._serve = serve_ours
    threading.Thread(target=orders.obey, name="orders", daemon=True).start()
    return service.main()


if __name__ == "__main__":
    from service.process_end import end_now

    end_now(main())
