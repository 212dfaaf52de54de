"""How many engines there are: one more when places run out, one less when far too many are free.

Told by free places. The lead that listeners have shows in them: an engine whose listeners come near to waiting lowers
its own places. Between the two limits nothing happens, and both must hold for a while, so that numbers do not swing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.engines.pool import Pool
from service.engines.ray_actor import Phase
from service.engines.ray_cluster import Managed
from service.engines.remote import Remote, State

LOOK_S = 0.5
_COMING = (Phase.WAITING, Phase.STARTING)
_HEARD = (Phase.SERVING, Phase.DRAINING)

_log = logging.getLogger(__name__)


class Cluster(Protocol):
    """Whoever starts engines and ends them."""

    @property
    def joined(self) -> bool: ...

    @property
    def engines(self) -> Mapping[str, Managed]: ...

    def add(self) -> None: ...

    def drain(self, name: str) -> None: ...

    def remove(self, name: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Bounds:
    fewest: int = 1
    most: int = 1
    spare: float = 1.0  # places of so many engines stay free of new utterances
    grow_at: float = 0.8  # of the places that new utterances may take
    shrink_at: float = 0.5  # of those that would be left
    grow_after_s: float = 3.0
    shrink_after_s: float = 300.0
    lost_after_s: float = 15.0  # an engine that Ray believes in, and that nobody hears: Ray may take a minute to see it
    again_after_s: float = 5.0  # after one is gone, before another one is added


@dataclass(frozen=True)
class Seen:
    """One engine."""

    name: str
    phase: Phase
    serves: bool = False  # its heartbeat is heard
    places: int = 0
    used: int = 0
    why: str = ""  # that is known of one that is not heard


@dataclass(frozen=True)
class Change:
    add: int = 0
    drain: str = ""
    remove: Sequence[str] = ()


class Scaling:
    """Decides; `now_s` only grows."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._full_since_s: float | None = None
        self._idle_since_s: float | None = None
        self._silent_since_s: dict[str, float] = {}
        self._no_more_until_s = float("-inf")

    def decide(self, engines: Sequence[Seen], now_s: float) -> Change:
        bounds = self._bounds
        gone = [one.name for one in engines if one.phase in (Phase.ENDED, Phase.FAILED)] + self._lost(engines, now_s)
        if gone:
            self._no_more_until_s = now_s + bounds.again_after_s
        alive = [one for one in engines if one.name not in gone and one.phase is not Phase.DRAINING]
        serving = [one for one in alive if one.serves]
        self._full_since_s = _since(self._full_since_s, now_s, if_=self._is_full(serving))
        spared = self._spared(alive, serving)
        self._idle_since_s = _since(self._idle_since_s, now_s, if_=spared is not None)
        add, drain = 0, ""
        if len(alive) < bounds.fewest:
            add = bounds.fewest - len(alive) if now_s >= self._no_more_until_s else 0
        elif len(alive) < bounds.most and _lasts(self._full_since_s, now_s, bounds.grow_after_s):
            if all(one.serves for one in alive) and now_s >= self._no_more_until_s:
                add, self._full_since_s = 1, None
        elif spared is not None and _lasts(self._idle_since_s, now_s, bounds.shrink_after_s):
            drain, self._idle_since_s = spared.name, None
        return Change(add, drain, gone)

    def _is_full(self, serving: Sequence[Seen]) -> bool:
        return bool(serving) and sum(one.used for one in serving) >= self._bounds.grow_at * self._open_places(serving)

    def _open_places(self, serving: Sequence[Seen]) -> float:
        """What the pool lets new utterances have."""
        places = [one.places for one in serving]
        return sum(places) - (self._bounds.spare * max(places) if len(places) > 1 else 0.0)

    def _spared(self, alive: Sequence[Seen], serving: Sequence[Seen]) -> Seen | None:
        """One that is not needed, if there is: one that only comes, or else the one that speaks least."""
        if len(alive) <= self._bounds.fewest:
            return None
        one = min(alive, key=lambda one: (one.phase not in _COMING, one.used))
        rest = [other for other in serving if other is not one]
        if not rest or sum(other.used for other in serving) > self._bounds.shrink_at * self._open_places(rest):
            return None
        return one

    def _lost(self, engines: Sequence[Seen], now_s: float) -> list[str]:
        """One that Ray started again while it drained is among them: it would never end."""
        silent = {one.name for one in engines if one.phase in _HEARD and not one.serves}
        self._silent_since_s = {name: self._silent_since_s.get(name, now_s) for name in silent}
        return [name for name, since in self._silent_since_s.items() if now_s - since >= self._bounds.lost_after_s]


async def keep_scaled(cluster: Cluster, pool: Pool, bounds: Bounds) -> None:
    """Until it is cancelled."""
    scaling, loop = Scaling(bounds), asyncio.get_running_loop()
    while True:
        if cluster.joined:
            engines = seen(cluster, pool)
            _carry_out(scaling.decide(engines, loop.time()), cluster, engines)
        await asyncio.sleep(LOOK_S)


def seen(cluster: Cluster, pool: Pool) -> list[Seen]:
    return [_seen(name, managed, pool.engines.get(managed.address)) for name, managed in cluster.engines.items()]


def _seen(name: str, managed: Managed, engine: Remote | None) -> Seen:
    if engine is None:
        return Seen(name, managed.phase, why=managed.why)
    drains = managed.phase is Phase.DRAINING and engine.state is State.DRAINING
    if engine.serves or drains:
        return Seen(name, managed.phase, True, engine.stats.places, engine.used)
    return Seen(name, managed.phase, why="; ".join(filter(None, (managed.why, engine.reason))))


def _carry_out(change: Change, cluster: Cluster, engines: Sequence[Seen]) -> None:
    for one in engines:
        if one.name in change.remove:
            _log.warning("%s is over (%s): %s", one.name, one.phase, one.why or "no more is known")
            cluster.remove(one.name)
    for _ in range(change.add):
        _log.info("an engine is added to %d", len(cluster.engines))
        cluster.add()
    if change.drain:
        _log.info("%s is drained: the others have room enough", change.drain)
        cluster.drain(change.drain)


def _since(since_s: float | None, now_s: float, *, if_: bool) -> float | None:
    return (now_s if since_s is None else since_s) if if_ else None


def _lasts(since_s: float | None, now_s: float, for_s: float) -> bool:
    return since_s is not None and now_s - since_s >= for_s
