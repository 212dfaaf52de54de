"""Which voices exist: created ones are files, and the disk has its say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
