"""A service stands open only if somebody said so by name."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.doors.listening import exposure
from gapless.doors.listening.errors import ListeningError

OUTSIDE = ["0.0.0.0:50051", "[::]:50051", "192.168.1.2:50051", "tts.example.com:50051"]


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.3.2.1:1", "[::1]:1", "localhost:1", "unix:/run/tts.sock"])
def test_loopback_needs_nothing(address: str) -> None:
    exposure.check(address, tls=False, tokens=False, insecure=False, anonymous=False)


@pytest.mark.parametrize("address", OUTSIDE)
@pytest.mark.parametrize(
    ("given", "named", "unnamed"),
    [
        ({}, ["--tls-cert", "--insecure", "--token-file", "--anonymous"], []),
        ({"tls": True}, ["--token-file", "--anonymous"], ["--tls-cert"]),
        ({"tokens": True}, ["--tls-cert", "--insecure"], ["--token-file"]),
        ({"insecure": True}, ["--token-file"], ["--tls-cert"]),
        ({"anonymous": True}, ["--tls-key"], ["--token-file"]),
    ],
)
def test_what_is_missing_is_named(address: str, given: dict[str, bool], named: list[str], unnamed: list[str]) -> None:
    flags: dict[str, Any] = {"tls": False, "tokens": False, "insecure": False, "anonymous": False, **given}
    with pytest.raises(ListeningError) as caught:
        exposure.check(address, **flags)
    assert address in str(caught.value)
    assert all(flag in str(caught.value) for flag in named)
    assert not any(flag in str(caught.value) for flag in unnamed)


@pytest.mark.parametrize("address", OUTSIDE)
@pytest.mark.parametrize("first", ["tls", "insecure"])
@pytest.mark.parametrize("second", ["tokens", "anonymous"])
def test_each_is_given_or_waived(address: str, first: str, second: str) -> None:
    flags: dict[str, Any] = {
        "tls": False,
        "tokens": False,
        "insecure": False,
        "anonymous": False,
        first: True,
        second: True,
    }
    exposure.check(address, **flags)
