"""Flags, variables and defaults; what cannot be read is said with the flag's or the variable's name."""

from __future__ import annotations

import pytest

from service.config import ServiceConfig
from service.options import Options, is_loopback, read_options


def options(*arguments: str, **environ: str) -> Options:
    return read_options(arguments, environ, "1.0")


def test_without_anything_the_defaults_hold() -> None:
    assert options().service == ServiceConfig(version="1.0")
    assert options().engine.model == "embedded"
    assert options().engine.threads is None


def test_a_flag_wins_over_its_variable_and_that_over_the_default() -> None:
    assert options(GAPLESS_MAX_LEAD="3").service.max_lead_s == 3.0
    assert options("--max-lead", "4", GAPLESS_MAX_LEAD="3").service.max_lead_s == 4.0
    assert options(GAPLESS_MAX_LEAD="").service.max_lead_s == 10.0
    assert options("--max-utterances=2", GAPLESS_MODEL="other").engine.max_utterances == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        (["--max-lead", "-1"], {}, "argument --max-lead: '-1' is not a number from 0 to 3600"),
        (["--max-lead", "nan"], {}, "argument --max-lead: 'nan' is not a number"),
        (["--max-utterances", "0"], {}, "argument --max-utterances: '0' is not a whole number from 1"),
        (["--address", "localhost"], {}, "argument --address: 'localhost' is not host:port"),
        (["--address", "::1:5"], {}, "for example 127.0.0.1:50051 or [::1]:50051"),
        (["--log-level", "loud"], {}, "'loud' is not one of debug, info, warning, error"),
        (["--max-le", "1"], {}, "unrecognized arguments: --max-le 1"),
        ([], {"GAPLESS_IDLE_TIMEOUT": "soon"}, "environment variable GAPLESS_IDLE_TIMEOUT: 'soon' is not a number"),
    ],
)
def test_what_cannot_be_read_is_named(
    arguments: list[str], environ: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        options(*arguments, **environ)
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.9.1:1", True),
        ("localhost:50051", True),
        ("[::1]:50051", True),
        ("unix:/tmp/gapless", True),
        ("0.0.0.0:50051", False),
        ("[::]:50051", False),
        ("192.168.1.5:50051", False),
        ("speech.example:50051", False),
    ],
)
def test_what_other_machines_can_reach_is_known(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
