"""What engine servers are shown, as files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.access.errors import AccessError
from service.engines.dial import Dial


def test_a_file_holds_one_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" abc\n")
    assert list(Dial.of(None, file).metadata) == [("authorization", "Bearer abc")]
    assert not Dial.of(None, None).metadata


@pytest.mark.parametrize("content", [b"", b"abc\ndef\n", b"[tokens]\nname = 1\n", b"\xff\xfe"])
def test_a_file_of_anything_else_is_refused_before_an_engine_is_called(tmp_path: Path, content: bytes) -> None:
    """No header may hold a line's end: each call failed, and the service waited for engines for ever."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(AccessError, match="must hold one token"):
        Dial.of(None, file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="none cannot be read"):
        Dial.of(None, tmp_path / "none")
