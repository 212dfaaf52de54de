"""A cluster of Ray from the gateway's side, with a stand-in for Ray and real engine servers. A real Ray is in
tests/peers/test_ray.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from service.engines.pool import Pool
from service.engines.ray_actor import EngineServerActor, Order, Phase
from service.engines.ray_cluster import RayCluster
from service.engines.ray_driver import Engines, Settings
from service.engines.scaling import Bounds, keep_scaled
from tests.service.engines.fake_ray import ActorUnavailableError, FakeRay, RayError
from tests.service.engines.servers import Listener, check_whole
from tests.service.engines.test_processes import is_running

COMMAND = ("-m", "tests.service.engines.scripted_process")
FAKE = ("-m", "tests.service.engines.fake_ray")
NOTHING: Mapping[str, str] = {}
ONE_PLACE = {"SCRIPTED_PLACES": "1"}


def settings(environ: Mapping[str, str] = NOTHING, address: str = "local") -> Settings:
    return Settings(address, Order(COMMAND, environ, host="127.0.0.1"), gpus=0.0, cores=1.0)


@contextlib.asynccontextmanager
async def scaled(bounds: Bounds, environ: Mapping[str, str] = NOTHING) -> AsyncIterator[tuple[RayCluster, Pool]]:
    """With the fewest engines serving."""
    cluster = RayCluster(settings(environ), FAKE, pause_s=0.05)
    pool = Pool(cluster.find, version="test", spare=bounds.spare)
    scaling = asyncio.create_task(keep_scaled(cluster, pool, bounds))
    try:
        await serve(pool, bounds.fewest)
        yield cluster, pool
    finally:
        scaling.cancel()
        await pool.close()
        await cluster.close()


async def serve(pool: Pool, count: int) -> None:
    async with asyncio.timeout(30):
        while sum(engine.serves for engine in pool.engines.values()) != count:
            await asyncio.sleep(0.02)


def servers(cluster: RayCluster) -> list[int]:
    return [int(engine.process.partition(".")[2]) for engine in cluster.engines.values() if engine.process]


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_running(pid):
            await asyncio.sleep(0.02)


async def test_an_engine_is_added_under_load_and_drained_when_there_is_none() -> None:
    bounds = Bounds(fewest=1, most=2, spare=0.0, grow_after_s=0.1, shrink_after_s=1.5)
    async with scaled(bounds, ONE_PLACE) as (cluster, pool):
        (first,) = servers(cluster)
        check_whole(await Listener(pool, "one").speak())
        listener = Listener(pool, "two", release=False)  # it takes its place until it is heard
        speaking = asyncio.create_task(listener.speak())
        await serve(pool, 2)
        check_whole(await Listener(pool, "three").speak())
        listener._release = True
        pool.release("two", len(listener.heard.samples))
        check_whole(await speaking)
        await serve(pool, 1)
        async with asyncio.timeout(10):
            while len(cluster.engines) > 1:
                await asyncio.sleep(0.02)
        assert pool.moves == 0
        left = servers(cluster)
    for pid in (first, *left):
        await gone(pid)


async def test_when_what_speaks_with_ray_is_killed_engines_are_started_anew() -> None:
    async with scaled(Bounds()) as (cluster, pool):
        (before,) = servers(cluster)
        assert cluster._child is not None
        os.kill(cluster._child.pid, signal.SIGKILL)
        await gone(before)
        await serve(pool, 0)
        await serve(pool, 1)
        assert servers(cluster) != [before]
        check_whole(await Listener(pool, "one").speak())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (settings({"GAPLESS_MODEL": "none"}), "cannot start: gapless: there is no such model"),
        (settings(address="nowhere:1"), "Ray cannot be had: ConnectionError: nobody is there ... and that is why"),
    ],
    ids=["the engine", "Ray"],
)
async def test_what_cannot_start_is_told(given: Settings, why: str) -> None:
    cluster = RayCluster(given, FAKE)
    pool = Pool(cluster.find, version="test")
    scaling = asyncio.create_task(keep_scaled(cluster, pool, Bounds()))
    try:
        async with asyncio.timeout(30):
            assert str(await cluster.failed).endswith(why)
    finally:
        scaling.cancel()
        await pool.close()
        await cluster.close()


class Silent:
    """Takes the place of an actor."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def look(self) -> Mapping[str, str]:
        return {"phase": Phase.SERVING, "address": "10.0.0.1:1", "node": "", "process": "1.2", "why": ""}


def test_ray_is_asked_for_cards_cores_spread_and_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engines.ray_driver.EngineServerActor", Silent)
    ray = FakeRay()
    Engines(ray, Settings("local", Order(COMMAND, {}), gpus=1.0, cores=4.0))
    wanted = {"num_gpus": 1.0, "num_cpus": 4.0, "max_restarts": -1, "scheduling_strategy": "SPREAD"}
    assert wanted.items() <= ray.options.items()


def test_an_actor_that_ray_starts_again_has_no_address_and_one_that_it_gave_up_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.engines.ray_driver.EngineServerActor", Silent)
    ray = FakeRay()
    engines = Engines(ray, settings())
    engines.obey({"add": "a"})
    engines.look()
    assert engines.seen["a"]["address"] == "10.0.0.1:1"
    for error, phase in ((ActorUnavailableError("no answer\nmore"), Phase.WAITING), (RayError("dead"), Phase.ENDED)):
        ray.actors[0].error = error
        engines.look()  # what was asked before
        engines.look()
        assert (engines.seen["a"]["phase"], engines.seen["a"]["address"]) == (phase, "")
    assert engines.seen["a"]["why"] == "dead"
    engines.obey({"remove": "a"})
    assert ray.killed == ray.actors
    assert engines.seen == {}


def test_settings_cross_as_text() -> None:
    given = Settings("10.0.0.1:6379", Order(COMMAND, {"A": "b"}, "--insecure --anonymous", "::1"), 0.5, 2.0)
    read = Settings.read(given.write())
    assert (read.address, read.gpus, read.cores, read.order.flags) == ("10.0.0.1:6379", 0.5, 2.0, given.order.flags)
    assert tuple(read.order.command) == COMMAND


async def test_what_says_something_that_cannot_be_read_is_started_again(tmp_path: Path) -> None:
    """One line too long, and engines were neither seen, added nor ended any more."""
    script = tmp_path / "driver.py"
    script.write_text(_BABBLES.format(first=str(tmp_path / "first")))
    cluster = RayCluster(settings(), (str(script),), pause_s=0.05)
    try:
        async with asyncio.timeout(20):
            while not cluster.joined:
                await asyncio.sleep(0.02)
        await gone(int((tmp_path / "first").read_text()))
    finally:
        await cluster.close()


_BABBLES = """
import os, pathlib, sys
first = pathlib.Path({first!r})
if first.exists():
    print('{{"joined": true}}', flush=True)
else:
    first.write_text(str(os.getpid()))
    print("x" * (3 << 20), flush=True)
for line in sys.stdin:
    pass
"""


def test_a_line_that_is_no_text_ends_no_watch() -> None:
    """An actor whose server had written such a line noticed neither its address nor its end."""
    actor = EngineServerActor(Order(("-c", _NO_TEXT), {}, host="127.0.0.1"))
    end = time.monotonic() + 20
    while actor.look()["phase"] == Phase.STARTING and time.monotonic() < end:
        time.sleep(0.02)
    told = actor.look()
    assert (told["phase"], told["why"]) == (Phase.FAILED, "x" * 500)


_NO_TEXT = """
import os, sys
for fd in (1, 2):
    os.write(fd, b"caf\\xe9\\n")
os.write(2, b"x" * 5000 + b"\\n")
sys.exit(1)
"""


def test_an_actor_passes_flags_on_and_listens_where_it_is_told() -> None:
    actor = EngineServerActor(Order(("-c", _SAYS), {"GAPLESS_LOG_LEVEL": "debug"}, "--tls-cert 'a b.pem'", "::1"))
    end = time.monotonic() + 20
    while actor.look()["phase"] == Phase.STARTING and time.monotonic() < end:
        time.sleep(0.02)
    told = actor.look()
    assert told["phase"] == Phase.FAILED
    assert told["why"] == "['--tls-cert', 'a b.pem'] [::1]:0 debug true"


_SAYS = """
import os, sys
sys.stderr.write(f"{sys.argv[1:]} " + " ".join(
    os.environ[f"GAPLESS_{name}"] for name in ("ADDRESS", "LOG_LEVEL", "WITH_PARENT")) + "\\n")
sys.exit(1)
"""
