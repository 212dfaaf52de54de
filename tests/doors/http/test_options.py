"""The command line and its variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.client import Tls
from gapless.doors.http.options import Options, read_options
from gapless.doors.listening.certificates import TlsFiles
from gapless.doors.listening.errors import ListeningError


def test_nothing_said_is_this_machine() -> None:
    assert read_options([], {}) == Options()
    assert Options().address == "127.0.0.1:8880"


def test_flags() -> None:
    flags = "--address [::1]:0 --tls-cert c --tls-key k --insecure --service h:1 --service-tls-ca ca --voice A=karl"
    read = read_options([*flags.split(), "--voice", "b=", "--host", "a.example", "--host", "b.example"], {})
    assert read.hosts == ("a.example", "b.example")
    assert (read.address, read.service, read.insecure, read.anonymous) == ("[::1]:0", "h:1", True, False)
    assert read.tls == TlsFiles(certificate=Path("c"), key=Path("k"))
    assert read.service_tls == Tls(ca=Path("ca"))
    assert (read.aliases.voice("a"), read.aliases.voice("b"), read.aliases.voice("nova")) == ("karl", "", "")


def test_variables_and_who_wins() -> None:
    environ = {
        "GAPLESS_HTTP_ADDRESS": "127.0.0.1:1",
        "GAPLESS_HTTP_SERVICE": "h:2",
        "GAPLESS_HTTP_SERVICE_TLS": "yes",
        "GAPLESS_HTTP_ANONYMOUS": "0",
        "GAPLESS_HTTP_VOICE": "alloy=karl, nova=anna",
        "GAPLESS_HTTP_INSECURE": "",
        "GAPLESS_HTTP_HOST": "a.example, b.example",
    }
    read = read_options(["--service", "h:3"], environ)
    assert (read.address, read.service, read.service_tls) == ("127.0.0.1:1", "h:3", Tls())
    assert (read.anonymous, read.insecure, read.hosts) == (False, False, ("a.example", "b.example"))
    assert (read.aliases.voice("alloy"), read.aliases.voice("nova")) == ("karl", "anna")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--address 8880", "is not host:port"),
        ("--address ::1:8880", "is not host:port"),
        ("--voice karl", "is not NAME=VOICE"),
        ("--insecure maybe", "is not one of"),
        ("--log-level loud", "invalid choice"),
        ("--host http://a", "is not the name of a host"),
        ("--adress x", "unrecognized"),
    ],
)
def test_what_cannot_be_read_is_told(flags: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(flags.split(), {})
    assert said in capsys.readouterr().err


def test_half_a_pair_is_told() -> None:
    with pytest.raises(ListeningError, match="come together"):
        read_options(["--tls-cert", "c"], {})


def test_the_help_names_the_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--help"], {})
    assert "GAPLESS_HTTP_ADDRESS" in capsys.readouterr().out
