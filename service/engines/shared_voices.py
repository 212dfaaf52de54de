"""Voices of many engines: one clones, all get the file; whoever joins gets what it lacks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from engine.errors import EngineClosed, GaplessError, UnknownVoice, VoiceExists
from engine.messages import CreatedVoice, NewVoice, VoiceInfo
from gapless.engine.v1 import engine_pb2 as pb
from service.engines import wire
from service.engines.errors import Lost, NoEngine
from service.engines.remote import VOICE_S, Remote

MOST_DELETED = 1000  # voices that are remembered, so that an engine which was away does not bring them back

_log = logging.getLogger(__name__)


class SharedVoices:
    """`serving` gives the engines that count."""

    def __init__(self, serving: Callable[[], list[Remote]]) -> None:
        self._serving = serving
        self._deleted: dict[str, None] = {}  # here, the latest last, while some engine may have been away
        self._turn = asyncio.Lock()

    def all(self) -> dict[str, VoiceInfo]:
        """Of all engines; one that is prepared somewhere is shown as it is there."""
        known: dict[str, VoiceInfo] = {}
        for voice in (voice for engine in self._serving() for voice in engine.voices.values()):
            if voice.name not in known or voice.bytes_held > known[voice.name].bytes_held:
                known[voice.name] = voice
        return known

    def see(self) -> None:
        """A voice of an engine that serves, and was told of all deletions, was made anew: by another gateway."""
        for name in self._deleted.keys() & self.all().keys():
            del self._deleted[name]

    async def bring_in_line(self, engine: Remote) -> None:
        """The engine gets what others have, and others what it has; what was deleted is deleted. Raises Lost."""
        async with self._turn:
            for name in self._deleted.keys() & engine.voices.keys():
                await engine.ask("DeleteVoice", pb.DeleteVoiceRequest(name=name), VOICE_S)
                engine.forget(name)
            others = self._serving()
            for name, voice in self.all().items():
                if not voice.built_in and name not in engine.voices:
                    holder = next(one for one in others if name in one.voices)
                    await self._copy(name, holder, [engine])
            for name, voice in list(engine.voices.items()):
                if not voice.built_in:
                    await self._copy(name, engine, [one for one in others if name not in one.voices])

    async def create(self, voice: NewVoice) -> CreatedVoice:
        async with self._turn:
            if voice.name in self.all():
                raise VoiceExists(voice.name)
            engines = sorted(self._serving(), key=lambda engine: engine.used)
            if not engines:
                raise NoEngine("no engine can be reached")
            first, *others = engines
            try:
                made = await first.ask("CreateVoice", wire.write(voice, pb.CreateVoiceRequest), VOICE_S)
            except Lost as lost:
                _log.warning("voice %s: not made: %s", voice.name, lost)
                raise EngineClosed("the engine that made the voice was lost") from None
            created = wire.read(made.voice, VoiceInfo)
            first.know(created)
            self._deleted.pop(created.name, None)
            await self._copy(created.name, first, others)
            return CreatedVoice(voice=created, warnings=tuple(made.warnings))

    async def delete(self, name: str) -> None:
        async with self._turn:
            holders = [engine for engine in self._serving() if name in engine.voices]
            if not holders:
                raise UnknownVoice(name, sorted(self.all()), "name")
            for engine in holders:
                try:
                    await engine.ask("DeleteVoice", pb.DeleteVoiceRequest(name=name), VOICE_S)
                except (Lost, UnknownVoice) as error:
                    _log.warning("voice %s: not deleted on %s: %s", name, engine.address, error)
                engine.forget(name)
            self._deleted[name] = None
            if len(self._deleted) > MOST_DELETED:
                del self._deleted[next(iter(self._deleted))]

    async def _copy(self, name: str, holder: Remote, others: Iterable[Remote]) -> None:
        """An engine that does not take it is not used for it."""
        for engine in others:
            try:
                file = (await holder.ask("GetVoice", pb.GetVoiceRequest(name=name), VOICE_S)).file
                with contextlib.suppress(VoiceExists):  # engines of one machine share a folder
                    await engine.ask("PutVoice", pb.PutVoiceRequest(name=name, file=file), VOICE_S)
                await engine.list_voices()
            except (Lost, GaplessError) as error:
                _log.warning("voice %s: not copied from %s to %s: %s", name, holder.address, engine.address, error)
