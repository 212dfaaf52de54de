"""Which voices exist: created ones are files, and the disk has its say."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from engine.checkpoints.variants import VARIANTS
from engine.errors import StorageError
from engine.voices.files import write
from engine.voices.library import Library
from tests.engine.voices.test_files import voice

CONFIG = VARIANTS["base"].config


def test_a_disk_that_does_not_take_a_voice_is_named(tmp_path: Path) -> None:
    """What the library of files raises is no OSError: a full disk ended in an internal error."""
    (tmp_path / CONFIG.family / "ana.unfinished").mkdir(parents=True)
    library = Library({}, CONFIG, tmp_path)
    with pytest.raises(StorageError, match="voice 'ana' cannot be stored"):
        library.add(voice())
    assert not library.voices()


def test_a_full_disk_leaves_no_part_of_a_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unfinished file stayed and took the room that was lacking; the system's reason was lost on the way."""

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    library = Library({}, CONFIG, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError) as refused:
            library.add(voice())
    assert isinstance(refused.value.__cause__, OSError)
    assert refused.value.__cause__.errno == errno.ENOSPC
    assert not list((tmp_path / CONFIG.family).iterdir())
    library.add(voice())
    assert [path.name for path in (tmp_path / CONFIG.family).iterdir()] == ["ana.safetensors"]


def test_a_folder_that_cannot_be_written_is_known_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert Library({}, CONFIG, tmp_path / "not" / "made").takes_voices
    assert not caplog.text
    assert not Library({}, CONFIG, tmp_path / "file" / "voices").takes_voices
    assert "no voices can be created" in caplog.text
    assert not list(tmp_path.glob("not*"))


def test_a_stored_voice_that_the_model_cannot_take_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of the right family and the wrong sizes was listed, and broke the utterance that named it."""
    directory = tmp_path / CONFIG.family
    directory.mkdir()
    write(voice(), directory / "ana.safetensors", CONFIG.family)
    write(replace(voice(), embedding=torch.zeros(1, 80)), directory / "bob.safetensors", CONFIG.family)
    assert Library({}, CONFIG, tmp_path).names() == ["ana"]
    assert "bob.safetensors: 80 numbers of the x-vector; this model takes 192" in caplog.text
