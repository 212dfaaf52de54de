"""Which voices exist: the model's own, and those that were created and stored in a directory. Thread-safe."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ModelError, StorageError, UnknownVoice, Unsupported, VoiceExists
from engine.model import ModelConfig
from engine.voices import files
from engine.voices.conditionals import Conditionals

log = logging.getLogger(__name__)


class Library:
    """Conditionals by name; a created voice is a file from the moment it exists."""

    def __init__(self, own: Mapping[str, Conditionals], config: ModelConfig, directory: Path | None = None) -> None:
        """Reads the stored voices of this model's family; what it cannot read or use is logged and left alone."""
        self._own = dict(own)
        self._config, self._family = config, config.family
        self._directory = None if directory is None else directory / config.family
        self.takes_voices = self._directory is not None and _can_write(self._directory)
        if self._directory is not None and not self.takes_voices:
            log.warning("no voices can be created: %s cannot be written to", self._directory)
        self._created: dict[str, Conditionals] = {}
        self._lock = threading.Lock()
        for path in sorted(self._directory.glob("*.safetensors")) if self._directory else ():
            try:
                voice = files.read(path, config.family)
                files.check_fits(voice, config, path)
                self._created[path.stem] = voice
            except ModelError as error:
                log.warning("voice left out: %s", error)

    def voices(self) -> list[Conditionals]:
        """Returns all voices, sorted by name. A voice of the model hides a created one of the same name."""
        with self._lock:
            return [voice for _, voice in sorted({**self._created, **self._own}.items())]

    def names(self) -> list[str]:
        return [voice.name for voice in self.voices()]

    def is_own(self, name: str) -> bool:
        """Whether it is the model's own, which cannot be deleted."""
        return name in self._own

    def bytes_stored(self, name: str) -> int:
        """The size of a created voice's file; 0 for a voice of the model, or one that is being deleted."""
        if self._directory is None or self.is_own(name):
            return 0
        try:
            return (self._directory / f"{name}.safetensors").stat().st_size
        except OSError:
            return 0

    def get(self, name: str, field: str = "config.voice") -> Conditionals:
        """Raises UnknownVoice, which names `field`."""
        with self._lock:
            voice = self._own.get(name) or self._created.get(name)
        if voice is None:
            raise UnknownVoice(name, self.names(), field)
        return voice

    def check_free(self, name: str) -> None:
        """Raises VoiceExists."""
        if name in self.names():
            raise VoiceExists(name)

    def add(self, voice: Conditionals) -> None:
        """Raises VoiceExists, StorageError, Unsupported where there is no directory to store it in."""
        if self._directory is None:
            raise Unsupported("this server stores no voices: start it with --voices DIR")
        self.check_free(voice.name)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            files.write(voice, self._directory / f"{voice.name}.safetensors", self._family)
        except OSError as error:
            raise StorageError(f"voice {voice.name!r} cannot be stored: {error}") from error
        with self._lock:
            self._created[voice.name] = voice

    def content(self, name: str) -> bytes:
        """The file of a created voice. Raises UnknownVoice, StorageError, Unsupported for a voice of the model."""
        self.get(name, "name")
        if self.is_own(name) or self._directory is None:
            raise Unsupported(f"voice {name!r} is part of the model: every engine has it")
        try:
            return (self._directory / f"{name}.safetensors").read_bytes()
        except OSError as error:
            raise StorageError(f"voice {name!r} cannot be read: {error}") from error

    def add_content(self, name: str, content: bytes) -> None:
        """Adds a voice that `content` of another library gave. Raises as `add`, and ModelError for what is none."""
        with tempfile.TemporaryDirectory(prefix="gapless-voice-") as folder:
            path = Path(folder) / f"{name}.safetensors"
            path.write_bytes(content)
            voice = files.read(path, self._family)
            files.check_fits(voice, self._config, path)
        self.add(voice)

    def remove(self, name: str) -> Conditionals:
        """Raises UnknownVoice, StorageError, Unsupported for a voice of the model itself."""
        voice = self.get(name, "name")
        if self.is_own(name) or self._directory is None:
            raise Unsupported(f"voice {name!r} is part of the model and cannot be deleted")
        try:
            (self._directory / f"{name}.safetensors").unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"voice {name!r} cannot be deleted: {error}") from error
        with self._lock:
            self._created.pop(name, None)
        return voice


def _can_write(directory: Path) -> bool:
    """Whether files can be made in it, or the directory itself where it does not exist yet. Makes nothing."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
