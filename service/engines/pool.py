"""Many engine servers as one engine: places an utterance, and moves it when its engine is lost.

A new utterance goes to an engine whose listeners have audio ahead, where most places are free, then to whoever holds
its voice; a refusal tries the next. Places of one engine, or so many as `spare` says, stay free of new utterances, for
those that have to move. An utterance is moved at most twice because of a fault, and waits a while for an engine that
takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

from opentelemetry.trace import Tracer
from prometheus_client import Histogram

from engine.errors import EngineClosed, GaplessError, Overloaded, UnknownVoice
from engine.messages import (
    Accepted,
    AudioChunk,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    NewVoice,
    Playback,
    Sink,
    Usage,
    Utterance,
    VoiceInfo,
)
from service.engines.dial import Dial
from service.engines.errors import Lost, NoEngine
from service.engines.members import Addresses, Members
from service.engines.placed import Placed
from service.engines.remote import Remote
from service.engines.spans import EngineSpans
from service.engines.timings import Way
from service.engines.work_done import WorkDone

MAX_MOVES = 2  # because of faults; those that a drain asks for do not count
MOVE_WITHIN_S = 20.0  # an engine of this machine is back after some seconds
RETRY_AFTER_S = 1.0
_LOOK_AGAIN_S = 0.5
_WAY_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # within a machine half a millisecond

_log = logging.getLogger(__name__)


class Pool:
    """Implements `service.engines.engine.AsyncEngine`. Made inside a running event loop."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        dial: Dial | None = None,
        version: str = "",
        spare: float = 1.0,
        move_within_s: float = MOVE_WITHIN_S,
        tracer: Tracer | None = None,
    ) -> None:
        self._members = Members(addresses, dial or Dial(), version)
        self._voices = self._members.voices
        self._spare, self._move_within_s = spare, move_within_s
        self._spans = EngineSpans(tracer)
        self._placed: dict[str, Placed] = {}  # by utterance
        self._work_done = WorkDone()
        self.moves = 0
        self.way_s = Histogram(
            "gapless_engine_way_seconds",
            "From an engine server handing a chunk to its transport until the gateway has it.",
            buckets=_WAY_S,
            registry=None,
        )

    @property
    def engines(self) -> Mapping[str, Remote]:
        """By address, also those that do not serve."""
        return self._members.engines

    async def ready(self) -> None:
        """Returns when an engine serves."""
        await self._members.ready()

    def on_serving(self, tell: Callable[[bool], None]) -> None:
        self._members.on_serving(tell)

    # --------------------------------------------------------------------------------------------------- what is known

    def info(self) -> EngineInfo:
        if self._members.info is None:
            raise NoEngine("no engine has been reached yet")
        serving = self._members.serving()
        return replace(self._members.info, max_utterances=max(1, _places(serving) - self._spare_places(serving)))

    def voices(self) -> Sequence[VoiceInfo]:
        return [voice for _, voice in sorted(self._voices.all().items())]

    def stats(self) -> EngineStats:
        engines = list(self.engines.values())
        sums = {
            one.name: sum(getattr(engine.stats, one.name) for engine in engines)
            for one in fields(EngineStats)
            if one.name not in ("done", "places", "places_reason", "least_lead_s")
        }
        serving = self._members.serving()
        spare = self._spare_places(serving)
        leads_s = [lead_s for engine in serving if (lead_s := engine.stats.least_lead_s) is not None]
        return EngineStats(
            **sums,
            done=self._work_done.see(engines),
            places=max(0, _places(serving) - spare),
            places_reason=f"{len(serving)} of {len(engines)} engines serve; "
            f"{spare} places are kept for utterances that move",
            least_lead_s=min(leads_s, default=None),
        )

    def _spare_places(self, serving: Sequence[Remote]) -> int:
        """None where there is one engine: nobody could move."""
        if len(serving) < 2:
            return 0
        return round(self._spare * max(engine.stats.places for engine in serving))

    # ------------------------------------------------------------------------------------------------------- voices

    async def create_voice(self, voice: NewVoice) -> CreatedVoice:
        making = asyncio.create_task(self._voices.create(voice))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.cancel()
            raise

    async def delete_voice(self, name: str) -> None:
        await self._voices.delete(name)

    # ---------------------------------------------------------------------------------------------------- utterances

    async def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        serving = self._members.serving()
        if len(serving) > 1 and sum(engine.free for engine in serving) <= self._spare_places(serving):
            raise Overloaded("all places but those for utterances that move are taken", RETRY_AFTER_S)
        seed = secrets.randbits(63) if utterance.seed is None else utterance.seed
        aligned = utterance.want_alignment and self.info().has_alignment
        placed = Placed(
            replace(utterance, seed=seed, want_alignment=aligned), sink, self._lost, self._ended, self._on_way
        )
        self._placed[utterance.id] = placed
        try:
            return await self._place(placed)
        except BaseException:
            self.drop(utterance.id)
            raise

    def _on_way(self, placed: Placed, chunk: AudioChunk, way: Way) -> None:
        self.way_s.observe((way.received_ns - way.sent_ns) / 1e9)
        self._spans.way(placed.record, chunk, way)

    async def _place(self, placed: Placed) -> Accepted:
        """Raises what the engines refuse it with, or NoEngine."""
        refusals: list[Overloaded] = []
        for engine in self._in_order(placed.record.utterance.voice):
            try:
                return await placed.begin(engine)
            except Overloaded as refusal:
                refusals.append(refusal)
            except (Lost, EngineClosed) as error:
                _log.info("utterance %s: %s", placed.record.utterance.id, error)
        if refusals:
            raise min(refusals, key=lambda refusal: refusal.retry_after_s)
        raise NoEngine("no engine can be reached that could speak this now")

    def _in_order(self, voice: str) -> list[Remote]:
        """Those that may speak with the voice, the best one first. Raises UnknownVoice."""
        serving, info = self._members.serving(), self._members.info
        wanted = voice or (info.default_voice if info else "")
        able = [engine for engine in serving if wanted in engine.voices]
        if serving and not able:
            raise UnknownVoice(wanted, sorted(self._voices.all()))

        def worth(engine: Remote) -> tuple[bool, int, bool]:
            return engine.free > 0 and not engine.is_short, engine.free, engine.voices[wanted].bytes_held > 0

        return sorted(able, key=worth, reverse=True)

    def _lost(self, placed: Placed, why: str, since_ns: int, is_planned: bool) -> None:
        self.moves += 1
        record, gone = placed.record, placed.engine.address if placed.engine else ""
        record.lost(since_ns)
        placed.faults += not is_planned
        placed.leave()
        if placed.faults > MAX_MOVES:
            placed.fail(NoEngine(f"the utterance was moved {MAX_MOVES} times, and the engine was lost again"))
            return
        if placed.move_span is None:
            placed.move_span = self._spans.move(record, gone, why, since_ns)
        _log.warning("utterance %s: moved at sample %d: %s", record.utterance.id, record.handed, why)
        placed.moving = asyncio.create_task(self._move(placed), name=f"move-{record.utterance.id}")

    async def _move(self, placed: Placed) -> None:
        try:
            async with asyncio.timeout(self._move_within_s):
                await self._place_again(placed)
        except TimeoutError:
            placed.fail(NoEngine(f"no engine went on with the utterance within {self._move_within_s:g} s"))
        except GaplessError as error:
            placed.fail(error)

    async def _place_again(self, placed: Placed) -> None:
        while True:
            try:
                await self._place(placed)
                return
            except (NoEngine, UnknownVoice):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._members.changed(), _LOOK_AGAIN_S)
            except Overloaded as refusal:
                await asyncio.sleep(min(0.1, refusal.retry_after_s))

    def _ended(self, placed: Placed) -> None:
        self._placed.pop(placed.record.utterance.id, None)

    # Each does nothing for an utterance that has ended.

    def push_text(self, utterance_id: str, text: str) -> None:
        if text and (placed := self._placed.get(utterance_id)):  # nothing is not kept: it would come without bound
            placed.send(placed.record.text(text))

    def flush(self, utterance_id: str, flush_id: int) -> None:
        if placed := self._placed.get(utterance_id):
            placed.send(placed.record.flush(flush_id))

    def end_input(self, utterance_id: str) -> None:
        if placed := self._placed.get(utterance_id):
            placed.send(placed.record.end_input())

    def release(self, utterance_id: str, num_samples: int) -> None:
        if placed := self._placed.get(utterance_id):
            placed.release(num_samples)

    def playback(self, utterance_id: str, playback: Playback) -> None:
        if placed := self._placed.get(utterance_id):
            placed.playback(playback)

    async def cancel(self, utterance_id: str) -> Usage | None:
        placed = self._placed.pop(utterance_id, None)
        if placed is None:
            return None
        try:
            return await placed.cancel()
        finally:
            placed.drop()

    def drop(self, utterance_id: str) -> None:
        if placed := self._placed.pop(utterance_id, None):
            placed.drop()

    async def close(self) -> None:
        """Drops what runs and leaves the engines."""
        for placed in list(self._placed.values()):
            placed.drop()
        await self._members.close()


def _places(serving: Sequence[Remote]) -> int:
    return sum(engine.stats.places for engine in serving)
