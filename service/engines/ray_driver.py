"""The process that speaks with Ray, a child of the gateway: `python -m service.engines.ray_driver`.

Ray takes signals, threads and Python's lock for itself, and none of that belongs beside calls. One JSON object a line:

    in:   Settings, then {"add": NAME}, {"drain": NAME} or {"remove": NAME}
    out:  {"joined": true}, then {"engines": {NAME: {"phase": ..., "address": ..., "node": ..., "why": ...}}} at each
          change; {"error": WHY} and the end, if Ray cannot be had

It ends, and its actors with it, when its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from service.engines.ray_actor import END_LIMIT_S, EngineServerActor, Order, Phase

LOCAL = "local"
_TICK_S = 0.5
_WAITING = {"phase": Phase.WAITING, "address": "", "node": "", "process": "", "why": ""}


@dataclass(frozen=True)
class Settings:
    address: str  # "local": a cluster of this machine's own; else what ray.init takes
    order: Order
    gpus: float
    cores: float

    def write(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def read(line: str) -> Settings:
        given = json.loads(line)
        return Settings(**{**given, "order": Order(**given["order"])})


class Engines:
    """The actors, by name."""

    def __init__(self, ray: Any, settings: Settings) -> None:
        self._ray = ray
        self._order = settings.order
        self._remote = ray.remote(
            num_gpus=settings.gpus,
            num_cpus=settings.cores,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )(EngineServerActor)
        self._actors: dict[str, Any] = {}
        self._looks: dict[str, Any] = {}  # calls that are not answered yet
        self.seen: dict[str, Mapping[str, str]] = {}

    def obey(self, command: Mapping[str, str]) -> None:
        for what, name in command.items():
            match what:
                case "add":
                    self._add(name)
                case "drain" if name in self._actors:
                    self._actors[name].drain.remote()
                case "remove":
                    self._remove(name)

    def _add(self, name: str) -> None:
        actor = self._remote.remote(self._order)
        self._actors[name], self._looks[name], self.seen[name] = actor, actor.look.remote(), _WAITING

    def _remove(self, name: str) -> None:
        actor = self._actors.pop(name, None)
        if actor is not None:
            self._ray.kill(actor)
            del self._looks[name], self.seen[name]

    def look(self) -> None:
        """At those that have answered."""
        for name, asked in list(self._looks.items()):
            if not self._ray.wait([asked], timeout=0)[0]:
                continue
            try:
                self.seen[name] = self._ray.get(asked)
            except self._ray.exceptions.ActorUnavailableError as error:
                self.seen[name] = {**_WAITING, "why": _in_short(error)}
            except self._ray.exceptions.RayError as error:  # it never ran, or Ray has given it up
                self.seen[name] = {**_WAITING, "phase": Phase.ENDED, "why": _in_short(error)}
            self._looks[name] = self._actors[name].look.remote()

    def end(self) -> None:
        ends = [actor.end.remote() for actor in self._actors.values()]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=END_LIMIT_S)
        for name in list(self._actors):
            self._remove(name)


def main() -> None:
    answers = _take_standard_output()
    settings = Settings.read(sys.stdin.readline())
    try:
        ray = _joined(settings.address)
    except Exception as error:  # Ray raises whatever its parts raise
        _tell(answers, {"error": f"{type(error).__name__}: {_in_short(error)}"})
        return
    _tell(answers, {"joined": True})
    engines = Engines(ray, settings)
    with contextlib.suppress(BrokenPipeError):  # the gateway is gone
        _serve(engines, answers)
    engines.end()
    ray.shutdown()


def _serve(engines: Engines, answers: TextIO) -> None:
    """Until the standard input ends."""
    commands: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=[commands], name="commands", daemon=True).start()
    told = ""
    while True:
        with contextlib.suppress(queue.Empty):
            line = commands.get(timeout=_TICK_S)
            if not line:
                return
            engines.obey(json.loads(line))
        engines.look()
        if told != (told := json.dumps({"engines": engines.seen})):
            answers.write(told + "\n")
            answers.flush()


def _read(commands: queue.Queue[str]) -> None:
    for line in sys.stdin:
        commands.put(line)
    commands.put("")


def _joined(address: str) -> Any:
    if address == LOCAL:
        os.environ.setdefault(
            "RAY_AUTH_MODE", "token"
        )  # its ports listen beyond loopback, and run whatever they are sent
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    import ray

    own = {"include_dashboard": False} if address == LOCAL else {}
    ray.init(address=address, logging_level="warning", **own)
    return ray


def _take_standard_output() -> TextIO:
    """Ray writes there, too, and so do the engines' logs: from here on to the standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _tell(answers: TextIO, what: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        answers.write(json.dumps(what) + "\n")
        answers.flush()


def _in_short(error: BaseException) -> str:
    """Its first and last line: between them Ray has a traceback of another process."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ... ".join(lines if len(lines) < 2 else (lines[0], lines[-1]))


if __name__ == "__main__":
    main()
