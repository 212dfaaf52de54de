"""Adding, listing and removing stored voices without an engine: no network but the cloning ones is loaded."""

from __future__ import annotations

from engine.errors import Unsupported
from engine.messages import CreatedVoice, NewVoice, VoiceInfo
from engine.voices.cloning import Cloner
from engine.voices.conditionals import Conditionals
from engine.voices.library import Library


class VoiceManager:
    """The part of `engine.messages.Engine` that concerns voices; nothing is prepared, so no voice holds memory."""

    def __init__(self, library: Library, cloner: Cloner | None, languages: tuple[str, ...], model: str) -> None:
        self._library = library
        self._cloner = cloner
        self._languages = languages
        self._model = model

    def voices(self) -> list[VoiceInfo]:
        return [self._info(voice) for voice in self._library.voices()]

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        self._library.check_free(voice.name)
        conditionals, warnings = clone(self._cloner, voice, self._model)
        self._library.add(conditionals)
        return CreatedVoice(voice=self._info(conditionals), warnings=warnings)

    def delete_voice(self, name: str) -> None:
        self._library.remove(name)

    def _info(self, voice: Conditionals) -> VoiceInfo:
        return voice_info(self._library, voice, self._languages, bytes_held=0)


def voice_info(library: Library, voice: Conditionals, languages: tuple[str, ...], bytes_held: int) -> VoiceInfo:
    return VoiceInfo(
        name=voice.name,
        description=voice.description,
        language_codes=languages,
        bytes_held=bytes_held,
        built_in=library.is_own(voice.name),
        owner=voice.owner,
        bytes_stored=library.bytes_stored(voice.name),
    )


def clone(cloner: Cloner | None, voice: NewVoice, model: str) -> tuple[Conditionals, tuple[str, ...]]:
    """The voice of a recording, and warnings. Raises InvalidRequest, Unsupported."""
    if cloner is None:
        raise Unsupported(f"model {model!r} cannot clone voices: it has no voice encoder")
    return cloner.clone(voice)
