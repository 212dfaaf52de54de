"""Voices of many engines: one engine clones, all get the file; an engine that joins gets the files it lacks.

Only those who have to wait for an engine do. Changes that nobody may see half done happen between two awaits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from engine.errors import EngineClosed, GaplessError, UnknownVoice, Unsupported, VoiceExists
from engine.messages import CreatedVoice, NewVoice, VoiceInfo
from gapless.engine.v1 import engine_pb2 as pb
from service.engines import wire
from service.engines.errors import Lost, NoEngine
from service.engines.remote import VOICE_S, Remote

MOST_DELETED = 1000  # voices that are remembered, so that an engine which was away does not bring them back
FILE_S = 10.0  # for a file to be given, or stored

_log = logging.getLogger(__name__)


class _Copy(NamedTuple):
    name: str
    holder: Remote
    to: Remote


class SharedVoices:
    """`serving` gives the engines that count."""

    def __init__(self, serving: Callable[[], list[Remote]]) -> None:
        self._serving = serving
        self._deleted: dict[str, None] = {}  # here, the latest last, while some engine may have been away
        self._at_work: set[str] = set()  # names that are being made or deleted

    def all(self) -> dict[str, VoiceInfo]:
        """Of all engines; one that is prepared somewhere is shown as it is there."""
        known: dict[str, VoiceInfo] = {}
        for voice in (voice for engine in self._serving() for voice in engine.voices.values()):
            if voice.name not in known or voice.bytes_held > known[voice.name].bytes_held:
                known[voice.name] = voice
        return known

    def see(self) -> None:
        """A voice of an engine that serves, and was told of all deletions, was made anew: by another gateway."""
        for name in (self._deleted.keys() & self.all().keys()) - self._at_work:
            del self._deleted[name]

    async def bring_in_line(self, engine: Remote) -> None:
        """The engine gets the voices of the others, and they get its voices; deleted voices are deleted. The engine
        serves as soon as this returns, and nothing is awaited after the last check: so a call that makes a voice
        meanwhile either sees the engine serve, or its voice is seen here. Raises Lost, also where the engine does not
        take a file in time."""
        tried: set[_Copy] = set()
        while True:
            while names := self._deleted.keys() & engine.voices.keys():
                await self._forget(next(iter(names)), engine)
            copies = [copy for copy in self._lacking(engine) if copy not in tried]
            if not copies:
                return
            tried.update(copies)
            await self._copy_all(copies, engine)

    def _lacking(self, engine: Remote) -> Iterator[_Copy]:
        others = self._serving()
        for name, voice in self.all().items():
            if not voice.built_in and name not in engine.voices:
                yield _Copy(name, next(one for one in others if name in one.voices), engine)
        for name, voice in engine.voices.items():
            if not voice.built_in:
                yield from (_Copy(name, engine, one) for one in others if name not in one.voices)

    async def _copy_all(self, copies: Iterable[_Copy], joining: Remote) -> None:
        """One of the others that cannot be had is not waited for again."""
        away: set[Remote] = set()
        for copy in copies:
            if copy.holder in away or copy.to in away:
                continue
            asked = copy.holder
            try:
                file = await self._file(copy.name, copy.holder)
                asked = copy.to
                await self._store(copy, file)
            except GaplessError as error:  # who does not take it is not used for it
                _warn(copy, error)
            except Lost as lost:
                if asked is joining:
                    raise
                _warn(copy, lost)
                away.add(asked)

    async def create(self, voice: NewVoice) -> CreatedVoice:
        if voice.name in self.all() or voice.name in self._at_work:
            raise VoiceExists(voice.name)
        engines = sorted(self._serving(), key=lambda engine: engine.used)
        if not engines:
            raise NoEngine("no engine can be reached")
        first = engines[0]
        with self._works_on(voice.name):
            try:
                made = await first.ask("CreateVoice", wire.write(voice, pb.CreateVoiceRequest), VOICE_S)
            except Lost as lost:
                _log.warning("voice %s: not made: %s", voice.name, lost)
                raise EngineClosed("the engine that made the voice was lost") from None
            created = wire.read(made.voice, VoiceInfo)
            first.know(created)
            self._deleted.pop(created.name, None)
            await self._spread(created.name, first, [one for one in self._serving() if one is not first])
        return CreatedVoice(voice=created, warnings=tuple(made.warnings))

    async def _spread(self, name: str, holder: Remote, others: Iterable[Remote]) -> None:
        """To all at once: one that hangs keeps none of the rest from it."""
        copies = [_Copy(name, holder, other) for other in others]
        try:
            file = await self._file(name, holder) if copies else b""
        except (Lost, GaplessError) as error:
            _log.warning("voice %s: on no other engine than %s: %s", name, holder.address, error)
            return
        stored = await asyncio.gather(*(self._store(copy, file) for copy in copies), return_exceptions=True)
        for copy, failure in zip(copies, stored, strict=True):
            if isinstance(failure, Lost | GaplessError):
                _warn(copy, failure)
            elif failure is not None:
                raise failure

    async def delete(self, name: str) -> None:
        holders = [engine for engine in self._serving() if name in engine.voices]
        if not holders or name in self._at_work:
            raise UnknownVoice(name, sorted(self.all()), "name")
        if any(engine.voices[name].built_in for engine in holders):
            raise Unsupported(f"voice {name!r} is part of the model")
        with self._works_on(name):
            self._remember(name)  # first: who joins meanwhile is to know
            told = await asyncio.gather(*(self._forget(name, engine) for engine in holders), return_exceptions=True)
        for engine, error in zip(holders, told, strict=True):
            if isinstance(error, Lost):
                engine.forget(name)
                _log.warning("voice %s: not deleted on %s: %s", name, engine.address, error)
            elif error is not None:
                self._deleted.pop(name, None)
                raise error

    def _remember(self, name: str) -> None:
        self._deleted[name] = None
        if len(self._deleted) > MOST_DELETED:
            del self._deleted[next(iter(self._deleted))]

    @contextmanager
    def _works_on(self, name: str) -> Iterator[None]:
        self._at_work.add(name)
        try:
            yield
        finally:
            self._at_work.remove(name)

    async def _forget(self, name: str, engine: Remote) -> None:
        with contextlib.suppress(UnknownVoice):
            await engine.ask("DeleteVoice", pb.DeleteVoiceRequest(name=name), FILE_S)
        engine.forget(name)

    async def _file(self, name: str, holder: Remote) -> bytes:
        file: bytes = (await holder.ask("GetVoice", pb.GetVoiceRequest(name=name), FILE_S)).file
        return file

    async def _store(self, copy: _Copy, file: bytes) -> None:
        with contextlib.suppress(VoiceExists):  # engines of one machine share a folder
            await copy.to.ask("PutVoice", pb.PutVoiceRequest(name=copy.name, file=file), FILE_S)
        if copy.name in self._deleted:  # meanwhile
            await self._forget(copy.name, copy.to)
        elif copy.name in copy.holder.voices:
            copy.to.know(replace(copy.holder.voices[copy.name], bytes_held=0))


def _warn(copy: _Copy, error: Exception) -> None:
    _log.warning("voice %s: not copied from %s to %s: %s", copy.name, copy.holder.address, copy.to.address, error)
