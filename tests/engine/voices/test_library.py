"""Which voices exist: created ones are files, and the disk has its say."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.voices.library import Library
from tests.engine.voices.test_files import voice


def test_a_disk_that_does_not_take_a_voice_is_named(tmp_path: Path) -> None:
    """What the library of files raises is no OSError: a full disk ended in an internal error."""
    (tmp_path / "test" / "ana.unfinished").mkdir(parents=True)
    library = Library({}, "test", tmp_path)
    with pytest.raises(StorageError, match="voice 'ana' cannot be stored"):
        library.add(voice())
    assert not library.voices()
