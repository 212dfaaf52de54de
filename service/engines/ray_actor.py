"""What Ray runs for each engine: it starts an engine server, tells where that listens, and ends it.

It needs nothing but the standard library and this project's checkout. Audio never comes here. The engine server is a
child process, so that Ray's threads and the model's do not share Python's lock; its standard input closes when this
process is gone, however that went, and then it ends.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SERVES = "gapless: serving "  # begins the line on standard output that tells the address
_CANNOT_START = (1, 2)  # `service.process_end`: to start it again would not help
_SHORT_S, _PAUSE_S = 30.0, 3.0  # an engine server that ran for less is not started again at once
_MOST_WHY = 500  # characters that are told of a line
END_LIMIT_S = 3.0


class Phase(StrEnum):
    WAITING = "waiting"  # for Ray to find a place for it, or to start it again
    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    FAILED = "failed"  # it cannot start
    ENDED = "ended"


@dataclass(frozen=True)
class Order:
    """What to start. All of it is text: it crosses machines as JSON."""

    command: Sequence[str]  # of Python: ("-m", "service", "engine")
    environ: Mapping[str, str]  # flags of the engine server, as variables
    flags: str = ""  # and as they are typed; these win
    host: str = ""  # to listen on; the node's own address if empty


class EngineServerActor:
    """All methods return at once, but for `end`."""

    def __init__(self, order: Order) -> None:
        self._host, self._node = order.host or _address_of_node(), _node()
        self._phase, self._address, self._why = Phase.STARTING, "", ""
        self._began_s = time.monotonic()
        self._child = subprocess.Popen(
            [sys.executable, *order.command, *shlex.split(order.flags)],
            cwd=_ROOT,
            env={
                **_others(),
                "GAPLESS_ADDRESS": _address(self._host, "0"),
                **order.environ,
                "GAPLESS_WITH_PARENT": "true",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # a native library may write anything, and a line that cannot be read ends no watch
            process_group=0,
        )
        self._log = threading.Thread(target=self._pass_on, name="engine-server-log", daemon=True)
        self._log.start()
        threading.Thread(target=self._listen, name="engine-server", daemon=True).start()

    def look(self) -> Mapping[str, str]:
        """Phase, address, node, processes (this one and the engine server), and the last line of its log."""
        return {
            "phase": self._phase,
            "address": self._address,
            "node": self._node,
            "process": f"{os.getpid()}.{self._child.pid}",
            "why": self._why,
        }

    def drain(self) -> None:
        """Takes no new utterances, ends when those that run are over or were moved."""
        if self._phase in (Phase.STARTING, Phase.SERVING):
            self._phase = Phase.DRAINING
            self._child.terminate()

    def end(self) -> None:
        """Asked first, then killed."""
        self._phase = Phase.ENDED
        self._child.terminate()
        try:
            self._child.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def _listen(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                if line.startswith(_SERVES) and self._phase is Phase.STARTING:
                    self._address = _address(self._host, line.rpartition(":")[2].strip())
                    self._phase = Phase.SERVING
        self._log.join()
        self._note_end(self._child.wait())

    def _pass_on(self) -> None:
        """Its log, into Ray's; the last line says why it ended."""
        assert self._child.stderr is not None
        with self._child.stderr as lines:
            for line in lines:
                self._why = line.strip()[:_MOST_WHY] or self._why
                sys.stderr.write(line)
                sys.stderr.flush()

    def _note_end(self, status: int) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        if self._phase in (Phase.DRAINING, Phase.ENDED):
            self._phase = Phase.ENDED
        elif self._phase is Phase.STARTING and status in _CANNOT_START:
            self._phase = Phase.FAILED
        else:
            sys.stderr.write(f"the engine server ended with status {status}; Ray starts it again\n")
            sys.stderr.flush()
            time.sleep(_PAUSE_S if time.monotonic() - self._began_s < _SHORT_S else 0.0)
            os._exit(1)  # Ray starts an actor again whose process ended in this way


def _address(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address_of_node() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


def _node() -> str:
    """Ray's name of this node."""
    if (ray := sys.modules.get("ray")) is None:  # a test runs this without Ray
        return ""
    return str(ray.get_runtime_context().get_node_id())


def _others() -> dict[str, str]:
    """The variables of Ray's process, with the cards that Ray gave it, but for flags that are somebody else's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GAPLESS_")}
