"""Speaks through scripted engines that a real Ray manages, on nodes that are killed, stopped and added.

    ray_cluster.py losses|growth|service|client FOLDER

Prints what happened as one line of JSON. To be run in namespaces of its own for the network, with loopback only, and for
processes: what is left there at the end was forgotten.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)

from engine.messages import AudioChunk, Event  # noqa: E402
from service.engines.pool import Pool  # noqa: E402
from service.engines.ray_actor import Order  # noqa: E402
from service.engines.ray_cluster import Managed, RayCluster  # noqa: E402
from service.engines.ray_driver import Settings  # noqa: E402
from service.engines.scaling import Bounds, keep_scaled  # noqa: E402
from tests.service.engines.servers import TEXT, Listener, check_whole  # noqa: E402

SCRIPTED = ("-m", "tests.service.engines.scripted_process")
RATE, LEAD_S, PREBUFFER_S = 24_000, 2.0, 0.2
LISTENERS = 6
LONG = TEXT * 8  # 27 s: longer than Ray lets an actor live whose raylet was killed
_LIMIT_S = 120.0

Told = dict[str, Any]


class Playing(Listener):
    """Plays in real time."""

    def __init__(self, pool: Pool, name: str) -> None:
        super().__init__(pool, name, release=False)
        self.arrivals: list[tuple[float, int]] = []

    def _hear(self, event: Event) -> None:
        super()._hear(event)
        if isinstance(event, AudioChunk):
            now = time.monotonic()
            self.arrivals.append((now, event.num_samples))
            sent_s = sum(count for _, count in self.arrivals) / RATE
            wait_s = max(0.0, self.arrivals[0][0] + sent_s - LEAD_S - now)
            asyncio.get_running_loop().call_later(wait_s, self._engine.release, self.name, event.num_samples)

    def worst_gap_s(self) -> float:
        due, worst = self.arrivals[0][0] + PREBUFFER_S, 0.0
        for when, count in self.arrivals:
            worst = max(worst, when - due)
            due = max(due, when) + count / RATE
        return worst


@asynccontextmanager
async def gateway(
    address: str, bounds: Bounds, gpus: float = 0.0, **environ: str
) -> AsyncIterator[tuple[RayCluster, Pool]]:
    order = Order(SCRIPTED, {"SCRIPTED_PLACES": "8", **environ})
    manager = RayCluster(Settings(address, order, gpus=gpus, cores=1.0))
    pool = Pool(manager.find, version="test", spare=bounds.spare)
    scaling = asyncio.create_task(keep_scaled(manager, pool, bounds))
    try:
        yield manager, pool
    finally:
        scaling.cancel()
        await pool.close()
        await manager.close()


async def until(holds: Callable[[], object], limit_s: float = _LIMIT_S) -> float:
    """How long it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > limit_s:
            raise TimeoutError(f"it did not come to hold within {limit_s:g} s; processes: {processes()}")
        await asyncio.sleep(0.02)
    return round(time.monotonic() - began, 2)


def serving(pool: Pool) -> int:
    return sum(engine.serves for engine in pool.engines.values())


def on(manager: RayCluster, node: Any) -> list[Managed]:
    return [engine for engine in manager.engines.values() if engine.node == node.node_id and engine.address]


def ids(engine: Managed) -> list[int]:
    """Of the actor and its engine server."""
    return [int(one) for one in engine.process.split(".")]


def raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def kill_raylet(node: Any) -> None:
    """And waits for it: what it started looks whether there is such a process, and a zombie is one."""
    process = node.all_processes["raylet"][0].process
    process.kill()
    process.wait()


def send(number: signal.Signals, *pids: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def processes() -> dict[int, str]:
    """Of this namespace, but for this one's and zombies."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in (1, os.getpid()):
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if command:
            found[int(entry.name)] = command[:160]
    return found


def engine_processes() -> dict[int, str]:
    return {pid: what for pid, what in processes().items() if "scripted_process" in what or "EngineServerActor" in what}


def variable(name: str, pid: int) -> str:
    """Of a process."""
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), "")


def memory_mib() -> dict[str, int]:
    """Of its own, without what processes share: what Ray takes, and the rest."""
    sums = {"ray": 0, "engines": 0}
    for pid, what in processes().items():
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        own = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        sums["engines" if "scripted_process" in what else "ray"] += own
    return {name: kib // 1024 for name, kib in sums.items()}


async def speak_through(pool: Pool, disturb: Callable[[], None], text: str = TEXT * 3, at_s: float = 1.0) -> dict[str, Any]:
    """All hear all; what was moved, and the worst gap."""
    moves = pool.moves
    listeners = [Playing(pool, f"{time.monotonic_ns()}-{number}") for number in range(LISTENERS)]
    speaking = [asyncio.create_task(listener.speak(text, _LIMIT_S)) for listener in listeners]
    await asyncio.sleep(at_s)
    began, engines = time.monotonic(), {name: engine.serves for name, engine in pool.engines.items()}
    disturb()
    seen_s = None
    while not all(task.done() for task in speaking):
        now = {name: engine.serves for name, engine in pool.engines.items()}
        if seen_s is None and any(engines[name] and not now.get(name) for name in engines):
            seen_s = round(time.monotonic() - began, 3)
        await asyncio.sleep(0.005)
    for heard in await asyncio.gather(*speaking):
        check_whole(heard, text)
    gap_ms = round(1000 * max(listener.worst_gap_s() for listener in listeners))
    return {"moves": pool.moves - moves, "seen_s": seen_s, "gap_ms": gap_ms}


def head() -> Any:
    from ray.cluster_utils import Cluster

    return Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})


async def losses(_: Path, told: Told) -> None:
    """A raylet is killed, a node is killed, a node stands still."""
    began = time.monotonic()
    cluster = head()
    a, b = (cluster.add_node(num_cpus=2) for _ in range(2))
    told["cluster_s"] = round(time.monotonic() - began, 1)
    bounds = Bounds(fewest=2, most=2, spare=0.0)
    async with gateway(cluster.address, bounds) as (manager, pool):
        told["start_s"] = await until(lambda: serving(pool) == 2)
        told["memory_mib"] = memory_mib()
        told["spread"] = [len(on(manager, node)) for node in (a, b)]

        # The raylet alone: what it started looks for it, and ends within a second or so.
        (engine,) = on(manager, a)
        told["raylet"] = await speak_through(pool, lambda: kill_raylet(a), LONG)
        told["raylet"]["engine_lived"] = all(pid in processes() for pid in ids(engine))
        told["raylet"]["again_s"] = await until(lambda: serving(pool) == 2 and len(on(manager, b)) == 2)
        cluster.remove_node(a, allow_graceful=False)

        # A node with all that it runs.
        c = cluster.add_node(num_cpus=2)
        manager.remove(next(name for name, one in manager.engines.items() if one in on(manager, b)))
        told["moved_to_new_node_s"] = await until(lambda: serving(pool) == 2 and on(manager, c))
        (engine,) = on(manager, c)
        told["node"] = await speak_through(pool, lambda: send(signal.SIGKILL, raylet(c), ids(engine)[0]))
        told["node"]["engine_server_gone"] = ids(engine)[1] not in processes()
        told["node"]["again_s"] = await until(lambda: serving(pool) == 2 and len(on(manager, b)) == 2)
        cluster.remove_node(c, allow_graceful=False)

        # A node that stands still, or whose network is cut: Ray takes a minute to see it.
        d = cluster.add_node(num_cpus=2)
        manager.remove(next(name for name, one in manager.engines.items() if one in on(manager, b)))
        await until(lambda: serving(pool) == 2 and on(manager, d))
        (engine,) = on(manager, d)
        stopped = [raylet(d), *ids(engine)]
        told["stopped"] = await speak_through(pool, lambda: send(signal.SIGSTOP, *stopped))
        told["stopped"]["again_s"] = await until(lambda: serving(pool) == 2 and len(on(manager, b)) == 2)
        send(signal.SIGCONT, *stopped)
        await until(lambda: not any(pid in processes() for pid in ids(engine)))
        cluster.remove_node(d, allow_graceful=False)
    told["left"] = engine_processes()
    told["actors"] = sorted({actor["State"] for actor in actors(cluster.address)})
    cluster.shutdown()
    await until(lambda: not processes(), 20.0)


async def growth(_: Path, told: Told) -> None:
    """A node is added under load; an engine that is not needed any more is drained; cards are shared out."""
    cluster = head()
    cluster.add_node(num_cpus=2)  # so that a third engine has to wait for a node
    bounds = Bounds(fewest=2, most=3, spare=0.0, grow_after_s=0.5, shrink_after_s=4.0)
    async with gateway(cluster.address, bounds, SCRIPTED_PLACES="2") as (manager, pool):
        await until(lambda: serving(pool) == 2)
        holding = [Listener(pool, f"holding-{number}", release=False) for number in range(4)]
        speaking = [asyncio.create_task(listener.speak(TEXT, _LIMIT_S)) for listener in holding]
        told["added"] = {"asked_s": await until(lambda: len(manager.engines) == 3)}
        await asyncio.sleep(2.0)
        assert serving(pool) == 2
        e = cluster.add_node(num_cpus=1)
        told["added"]["serves_s"] = await until(lambda: serving(pool) == 3)
        told["added"]["on_new_node"] = len(on(manager, e))
        check_whole(await Listener(pool, "more").speak())
        for listener in holding:
            listener._release = True
            pool.release(listener.name, len(listener.heard.samples))
        for heard in await asyncio.gather(*speaking):
            check_whole(heard)
        told["drained_s"] = await until(lambda: len(manager.engines) == 2)
        told["moves_without_fault"] = pool.moves
        check_whole(await Listener(pool, "last").speak())
        began = time.monotonic()
    told["end_s"] = round(time.monotonic() - began, 2)
    told["left"] = engine_processes()

    # Cards, as far as Ray counts them: there are none here.
    cluster.add_node(num_cpus=2, num_gpus=2)
    async with gateway(cluster.address, Bounds(fewest=2, most=2), gpus=1.0) as (manager, pool):
        await until(lambda: serving(pool) == 2)
        told["cards"] = sorted(variable("CUDA_VISIBLE_DEVICES", ids(engine)[1]) for engine in manager.engines.values())
    cluster.shutdown()
    await until(lambda: not processes(), 20.0)


def actors(address: str) -> list[Mapping[str, Any]]:
    """As a driver of its own sees them."""
    code = (
        "import json, sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='error'); "
        "from ray._private.state import state; "
        "print(json.dumps([{'State': one['State']} for one in state.actor_table(None).values()]))"
    )
    done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, check=True)
    found: list[Mapping[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


_SERVICE = """
import sys
from service import __main__, process_end, source
from service.engines.ray_actor import Order
source.Order = lambda **given: Order(**{**given, "command": ("-m", "tests.service.engines.scripted_process")})
__main__._version = lambda: "test"
process_end.end_now(__main__.main())
"""


async def service(folder: Path, told: Told) -> None:
    """`python -m service --engines ray`, on a cluster of its own: how it ends when it is asked to, and killed."""
    flags = ["--engines", "ray", "--min-engines", "2", "--address", "127.0.0.1:50051"]
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        began = time.monotonic()
        with (folder / f"{how.name}.log").open("w") as log:
            running = subprocess.Popen([sys.executable, "-c", _SERVICE, *flags], stdout=subprocess.PIPE, stderr=log)
        assert running.stdout is not None
        line = await asyncio.to_thread(running.stdout.readline)
        start_s = round(time.monotonic() - began, 1)
        engines = len([what for what in engine_processes().values() if "scripted_process" in what])
        await until(lambda: len([what for what in engine_processes().values() if "scripted_process" in what]) == 2)
        memory = memory_mib()
        began = time.monotonic()
        running.send_signal(how)
        status = await asyncio.to_thread(running.wait, _LIMIT_S)
        running.stdout.close()
        end_s = round(time.monotonic() - began, 2)
        gone_s = await until(lambda: not processes(), 40.0)
        complaints = [one for one in (folder / f"{how.name}.log").read_text().splitlines() if "Traceback" in one]
        told[how.name] = {
            "said": line.decode().strip(), "start_s": start_s, "engines_then": engines, "memory_mib": memory,
            "status": status, "end_s": end_s, "gone_s": gone_s, "complaints": complaints,
        }  # fmt: skip


async def client(_: Path, told: Told) -> None:
    """A cluster that this machine is no node of, through Ray's client."""
    ray = str(Path(sys.executable).parent / "ray")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    flags = ["--num-cpus", "2", "--include-dashboard", "false", "--ray-client-server-port", "10001"]
    subprocess.run([ray, "start", "--head", *flags], **quiet, env={**os.environ, "PYTHONPATH": str(ROOT)})
    async with gateway("ray://127.0.0.1:10001", Bounds()) as (_, pool):
        told["start_s"] = await until(lambda: serving(pool) == 1)
        check_whole(await Listener(pool, "one").speak())
    told["gone_s"] = await until(lambda: not engine_processes(), 40.0)
    subprocess.run([ray, "stop", "--force"], **quiet)


SCENES = {"losses": losses, "growth": growth, "service": service, "client": client}


def main() -> None:
    scene, folder = sys.argv[1:]
    told: Told = {}
    try:
        asyncio.run(SCENES[scene](Path(folder), told))
    finally:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
