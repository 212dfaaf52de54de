"""What engine servers are shown, as files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.access.errors import AccessError
from service.engines.dial import Dial


def test_a_file_holds_one_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" abc\n")
    assert list(Dial.of("process", None, file).metadata) == [("authorization", "Bearer abc")]
    assert not Dial.of("process", None, None).metadata


@pytest.mark.parametrize("content", [b"", b"abc\ndef\n", b"[tokens]\nname = 1\n", b"\xff\xfe"])
def test_a_file_of_anything_else_is_refused_before_an_engine_is_called(tmp_path: Path, content: bytes) -> None:
    """No header may hold a line's end: each call failed, and the service waited for engines for ever."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(AccessError, match="must hold one token"):
        Dial.of("process", None, file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="none cannot be read"):
        Dial.of("process", None, tmp_path / "none")


@pytest.mark.parametrize(
    "engines", ["10.0.0.1:50061", "127.0.0.1:50061,engine:50061", "dns:///engines:50061", "ray:head:6379"]
)
def test_a_token_leaves_the_machine_behind_tls_only(tmp_path: Path, engines: str) -> None:
    file, authority = tmp_path / "token", tmp_path / "ca.pem"
    file.write_text("abc")
    authority.write_bytes(b"certificates")
    with pytest.raises(AccessError, match="--engine-tls-ca"):
        Dial.of(engines, None, file)
    assert Dial.of(engines, authority, file).token == "abc"


@pytest.mark.parametrize("engines", ["process", "ray", "127.0.0.1:50061,localhost:50062", "dns:///localhost:50061"])
def test_on_one_machine_a_token_needs_no_tls(tmp_path: Path, engines: str) -> None:
    file = tmp_path / "token"
    file.write_text("abc")
    assert Dial.of(engines, None, file).token == "abc"
