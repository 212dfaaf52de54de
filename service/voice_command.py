"""`python -m service voice add|list|remove`: the stored voices, from a shell, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TextIO

from engine.errors import InvalidRequest
from engine.messages import CreatedVoice, NewVoice, VoiceInfo
from service.options import VoiceCommand
from service.rpc.errors import RecordingTooLarge


class StoredVoices(Protocol):
    """What this needs of an engine."""

    def create_voice(self, voice: NewVoice) -> CreatedVoice: ...

    def delete_voice(self, name: str) -> None: ...

    def voices(self) -> list[VoiceInfo]: ...


def run(command: VoiceCommand, voices: StoredVoices, max_recording_bytes: int, out: TextIO, err: TextIO) -> None:
    """Results go to `out`, warnings to `err`. Raises GaplessError."""
    match command.action:
        case "add":
            audio = _read(command.file, max_recording_bytes)
            created = voices.create_voice(NewVoice(name=command.name, audio=audio, description=command.description))
            err.writelines(f"warning: {warning}\n" for warning in created.warnings)
            out.write(_line(created.voice))
        case "remove":
            voices.delete_voice(command.name)
            out.write(f"removed {command.name}\n")
        case "list":
            out.writelines(map(_line, voices.voices()))


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise RecordingTooLarge(limit)
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest("audio", f"cannot read {path}: {error.strerror}") from None


def _line(voice: VoiceInfo) -> str:
    return f"{voice.name:<16}{'model' if voice.built_in else 'created':<9}{voice.description}".rstrip() + "\n"
