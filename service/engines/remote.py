"""One engine server, seen from a gateway: a connection that is made again and again, its heartbeat, its calls.

    connecting -> joining (voices are brought in line) -> serving -> lost -> connecting ...

A connection is lost when a stream of it breaks, or after 300 ms without a heartbeat; then all its calls are lost, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import grpc

from engine.clock import now_ns
from engine.errors import GaplessError
from engine.messages import EngineInfo, EngineStats, Event, Utterance, VoiceInfo
from gapless.engine.v1 import engine_pb2 as pb
from gapless.engine.v1 import engine_pb2_grpc
from service.engines import wire
from service.engines.call import Call, Hear, Lose
from service.engines.dial import Dial
from service.engines.errors import Lost
from service.engines.timings import Way

SILENCE_S = 0.3  # without a heartbeat: three of them are missing
_TICK_S = 0.05  # silence counts in these, so that a loop of ours that stood still does not count as silence of others
SHORT_S = 0.04  # of audio ahead: windows are begun so that they are ready 50 ms before their turn
ANSWER_S = 2.0  # for a call that takes no work
VOICE_S = 60.0  # for one that clones, stores or fetches a voice
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0  # between attempts to connect
_PROBES = 5
CLOCK_EVERY_S = 30.0  # clocks of two machines may drift apart by some milliseconds in a minute
_NOTHING = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)

_log = logging.getLogger(__name__)


class State(StrEnum):
    CONNECTING = "connecting"
    JOINING = "joining"  # it gets the voices that it lacks
    SERVING = "serving"
    DRAINING = "draining"
    UNFIT = "unfit"  # another model or version


class Unfit(Exception):
    """The engine cannot stand in for the others; the message says why."""


class Remote:
    """`join` is awaited with a new connection before it serves; it raises Unfit. `changed` is called when it serves, or
    does not any more, and when its voices are others."""

    def __init__(
        self,
        address: str,
        dial: Dial,
        join: Callable[[Remote], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self.address = address
        self.state, self.reason = State.CONNECTING, ""
        self.info: EngineInfo | None = None
        self.version = self.instance = ""
        self.stats = _NOTHING
        self.voices: Mapping[str, VoiceInfo] = {}  # threads read it: another one takes its place, it does not change
        self.calls: set[Call] = set()
        self.losses = 0
        self.joined_ns = 0  # the last time; 0: never
        self._dial, self._join, self._changed = dial, join, changed
        self._stub: Any = None
        self._clock_offset_ns = 0
        self._digest = ""  # of the voices that were listed
        self._joined = self._draining = False
        self._voices_changed = asyncio.Event()
        self._first_beat = asyncio.Event()
        self._beats = 0
        self._beat_ns = 0  # the last one
        self._begun: set[Call] = set()  # since the last heartbeat, which does not know them
        self._told = ""  # why it does not serve, as the log has it

    # ---------------------------------------------------------------------------------------------------- placement

    @property
    def serves(self) -> bool:
        return self.state is State.SERVING

    @property
    def used(self) -> int:
        """Places that are taken, as far as is known here."""
        return max(self.stats.utterances + len(self._begun), len(self.calls))

    @property
    def free(self) -> int:
        return self.stats.places - self.used

    @property
    def is_short(self) -> bool:
        """Whether a listener of its is about to run out of audio, as far as the last heartbeat tells."""
        lead_s = self.stats.least_lead_s
        return lead_s is not None and lead_s < SHORT_S

    def call(self, utterance: Utterance, hear: Hear, lose: Lose) -> Call:
        """Opens an utterance; `Call.accepted` tells whether it runs. Raises Lost."""
        if self._stub is None:
            raise Lost(f"{self.address} is not connected")

        def heard(call: Call, event: Event, way: Way) -> None:
            if call.ended.is_set():
                self.left(call)
            hear(call, event, way)

        def lost(call: Call, why: str, since_ns: int) -> None:
            self.left(call)
            lose(call, f"{self.address}: {why}", since_ns)

        call = Call(self._stub.Speak(metadata=self._dial.metadata), utterance, self._clock_offset_ns, heard, lost)
        self.calls.add(call)
        self._begun.add(call)
        return call

    def left(self, call: Call) -> None:
        """The call has ended: its place is free, also before a heartbeat says so."""
        self.calls.discard(call)
        self._begun.discard(call)

    async def ask(self, method: str, request: Any, limit_s: float = ANSWER_S) -> Any:
        """One answer. Raises what it says, or Lost."""
        if self._stub is None:
            raise Lost(f"{self.address} is not connected")
        try:
            answer = await getattr(self._stub, method)(request, timeout=limit_s, metadata=self._dial.metadata)
        except grpc.aio.AioRpcError as error:
            raise Lost(f"{self.address}: {method}: {error.code().name}: {error.details()}") from None
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # we are being cancelled, not the call
            raise Lost(f"{self.address}: {method}: the connection was closed") from None
        if "error" in answer.DESCRIPTOR.fields_by_name:
            wire.check(answer)
        return answer

    def know(self, voice: VoiceInfo) -> None:
        """It has this voice."""
        self.voices = {**self.voices, voice.name: voice}

    def forget(self, name: str) -> None:
        """It has not got this voice any more."""
        self.voices = {other: voice for other, voice in self.voices.items() if other != name}

    async def list_voices(self) -> None:
        answer = await self.ask("ListVoices", pb.ListVoicesRequest())
        self.voices = {voice.name: wire.read(voice, VoiceInfo) for voice in answer.voices}
        self._digest = answer.voices_digest

    # ----------------------------------------------------------------------------------------------------- connection

    async def run(self) -> None:
        """Until it is cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            channel = self._dial.channel(self.address)
            self._stub = engine_pb2_grpc.EngineServiceStub(channel)
            self._joined = False
            try:
                await self.ask("ProbeClock", pb.ProbeClockRequest())  # connects
                await self._watch()
            except Unfit as error:
                self._miss(State.UNFIT, str(error))
            except Lost as error:
                self._miss(State.CONNECTING, str(error), error.since_ns)
            except GaplessError as error:
                self._miss(State.CONNECTING, str(error))
            except asyncio.CancelledError:
                self._leave(State.CONNECTING, "this gateway leaves it")
                raise
            finally:
                self._stub = None
                self._leave(self.state if self.state is State.UNFIT else State.CONNECTING, self.reason)
                await channel.close()
            pause_s = _FIRST_PAUSE_S if self._joined else min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _join_in(self) -> None:
        """Beside a heartbeat, which is of one connection: whoever answers while it beats is the process that beats, and
        not another one that has its address now. Raises Lost, Unfit."""
        await self._first_beat.wait()
        await self._meet()
        await self._join(self)
        self._joined, self.joined_ns = True, now_ns()
        self._serve()

    async def _meet(self) -> None:
        """Raises Lost."""
        met = await self.ask("GetInfo", pb.GetInfoRequest())
        self.info = wire.read(met.info, EngineInfo)
        self.version, self.instance = met.version, met.instance
        await self._set_clock()
        await self.list_voices()
        self.state, self.reason = State.JOINING, ""

    def _serve(self) -> None:
        """Or drain: once it has joined."""
        state = State.DRAINING if self._draining else State.SERVING
        if self._joined and state is not self.state:
            self.state, self.reason, self._told = state, "", ""
            self._changed()

    async def _set_clock(self) -> None:
        """The offset of the probe that was answered soonest."""
        probes = []
        for _ in range(_PROBES):
            sent_ns = now_ns()
            there_ns = (await self.ask("ProbeClock", pb.ProbeClockRequest())).now_ns
            back_ns = now_ns()
            probes.append((back_ns - sent_ns, (sent_ns + back_ns) // 2 - there_ns))
        self._clock_offset_ns = min(probes)[1]

    async def _watch(self) -> None:
        """Until the heart stands still, also while it joins: who waits for the same voices does not wait for an engine
        that hangs. Raises Lost, Unfit."""
        work = {
            "heartbeat": self._listen(),
            "voices": self._follow_voices(),
            "join": self._join_in(),
            "clock": self._follow_clock(),
        }
        self._beats, self._beat_ns, self._digest, self.instance = 0, now_ns(), "", ""
        self._first_beat.clear()
        tasks = [asyncio.create_task(one, name=f"{name}-{self.address}") for name, one in work.items()]
        watched = set(tasks)
        try:
            silent_ticks, seen = 0, 0
            while True:
                done, watched = await asyncio.wait(watched, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                silent_ticks = silent_ticks + 1 if self._beats == seen else 0
                seen = self._beats
                if silent_ticks * _TICK_S >= SILENCE_S:
                    raise Lost(f"{self.address}: no heartbeat for {SILENCE_S:g} s", self._beat_ns)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            async for beat in self._stub.Watch(pb.WatchRequest(), metadata=self._dial.metadata):
                self._beats, self._beat_ns = self._beats + 1, now_ns()
                self.stats, self._begun = wire.read(beat.stats, EngineStats), set()
                if self._digest and beat.voices_digest != self._digest:
                    self._voices_changed.set()
                self._draining = beat.draining
                self._first_beat.set()
                self._serve()
        except grpc.aio.AioRpcError as error:
            raise Lost(f"{self.address}: {error.code().name}: {error.details()}") from None
        raise Lost(f"{self.address}: its heartbeat ended")

    async def _follow_voices(self) -> None:
        """Beside the heartbeat, which is not to wait for a list. Raises Lost."""
        self._voices_changed.clear()
        while True:
            await self._voices_changed.wait()
            await self.list_voices()
            self._voices_changed.clear()
            self._changed()

    async def _follow_clock(self) -> None:
        """An utterance keeps the offset that was known when it began."""
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            with contextlib.suppress(Lost):  # whether it is lost, the heartbeat tells
                await self._set_clock()

    def _miss(self, state: State, reason: str, since_ns: int = 0) -> None:
        """As `_leave`. The log says why, once for each reason until it serves again."""
        if self.state in (State.SERVING, State.DRAINING):
            self.losses += 1
            _log.warning("engine %s: lost: %s", self.address, reason)
        elif reason != self._told:
            level = logging.WARNING if state is State.UNFIT else logging.INFO  # one that loads does not answer either
            _log.log(level, "engine %s: not used: %s", self.address, reason)
        self._told = reason
        self._leave(state, reason, since_ns)

    def _leave(self, state: State, reason: str, since_ns: int = 0) -> None:
        """Its calls are lost; nothing came since `since_ns`, 0: until now it did."""
        was, self.state, self.reason = self.state, state, reason
        self.stats, self._begun = _NOTHING, set()
        for call in list(self.calls):
            call.lost(reason, since_ns)
        if was is not state:
            self._changed()
