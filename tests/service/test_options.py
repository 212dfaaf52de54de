"""Flags, variables and defaults; what cannot be read is said with the flag's or the variable's name."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.options import EngineOptions
from gapless.doors.listening.exposure import is_loopback
from service.access.caller import Caller
from service.config import ServiceConfig
from service.options import EnginesCommand, EngineSettings, Options, TokenCommand, VoiceCommand, read_options


def command(*arguments: str, **environ: str) -> Options | TokenCommand | EnginesCommand:
    with patch.dict(os.environ, environ, clear=True):
        return read_options(arguments, "1.0")


def options(*arguments: str, **environ: str) -> Options:
    read = command(*arguments, **environ)
    assert isinstance(read, Options)
    return read


def test_without_anything_the_defaults_hold() -> None:
    assert options().service == ServiceConfig(version="1.0")
    assert options().engine == EngineSettings()
    assert options().voice is None


def test_the_defaults_are_the_engines_own() -> None:
    """The flags and the engine's options say the same, so that a library user gets what the command gives."""
    settings = dataclasses.asdict(options().engine)
    assert settings.pop("model") == "embedded"
    assert EngineOptions(**settings) == EngineOptions()


def test_switches_take_no_value_but_their_variables_do() -> None:
    assert not options("--no-normalize").engine.normalize
    assert not options(GAPLESS_NO_NORMALIZE="1").engine.normalize
    assert options(GAPLESS_NO_NORMALIZE="no").engine.normalize


def test_created_voices_are_stored_where_the_user_keeps_his_data() -> None:
    assert options(HOME="/home/me").engine.voices_dir == Path("/home/me/.local/share/gapless/voices")
    assert options(HOME="/home/me", XDG_DATA_HOME="/data").engine.voices_dir == Path("/data/gapless/voices")
    assert options("--voices", "here", HOME="/home/me").engine.voices_dir == Path("here")
    assert options(GAPLESS_VOICES="/there").engine.voices_dir == Path("/there")


def test_health_has_an_address_of_its_own_where_it_is_asked_for() -> None:
    assert options().service.health_address is None
    assert options("--health-address", "50052").service.health_address == "127.0.0.1:50052"
    assert options(GAPLESS_HEALTH_ADDRESS="0.0.0.0:50052").service.health_address == "0.0.0.0:50052"
    assert options("--health-address", "unix:/run/health").service.health_address == "unix:/run/health"


def test_metrics_are_served_only_when_asked_for() -> None:
    assert options().service.metrics_port is None
    assert options("--metrics-port", "9464").service.metrics_port == 9464
    assert options(GAPLESS_METRICS_PORT="0").service.metrics_port == 0


def test_metrics_stay_on_loopback_unless_said() -> None:
    assert options("--address", "0.0.0.0:1", "--metrics-port", "9464").service.metrics_host == "127.0.0.1"
    assert options("--metrics-address", "0.0.0.0").service.metrics_host == "0.0.0.0"
    assert options(GAPLESS_METRICS_ADDRESS="[::1]").service.metrics_host == "::1"


def test_units_of_memory_are_said_in_the_help_and_kept() -> None:
    assert options("--voice-memory", "0.5").engine.voice_memory_bytes == 1 << 29
    assert options("--utterance-memory", "2").engine.utterance_memory_bytes == 2 << 30


def test_how_many_fit_is_measured_unless_a_number_is_given() -> None:
    assert options("--max-utterances", "auto").engine.max_utterances is None
    assert options("--max-utterances", "auto", GAPLESS_MAX_UTTERANCES="3").engine.max_utterances is None
    assert options(GAPLESS_MAX_UTTERANCES="3").engine.max_utterances == 3


def test_voice_commands_take_the_flags_of_the_service_that_matter() -> None:
    added = options("voice", "add", "mary", "mary.wav", "--description", "Me.", "--voices", "here", GAPLESS_MODEL="dir")
    assert added.voice == VoiceCommand(action="add", name="mary", file=Path("mary.wav"), description="Me.")
    assert (added.engine.voices_dir, added.engine.model) == (Path("here"), "dir")
    assert options("voice", "list").voice == VoiceCommand(action="list")
    assert options("voice", "remove", "mary").voice == VoiceCommand(action="remove", name="mary")


def test_a_token_is_made_for_a_caller_with_limits() -> None:
    made = command("token", "mary", "--voice-mib", "3", "--utterances", "0", "--admin", GAPLESS_TOKEN_FILE="tokens")
    caller = Caller(name="mary", max_utterances=0, max_voice_bytes=3 << 20, is_admin=True)
    assert made == TokenCommand(token_file=Path("tokens"), caller=caller)


def test_a_flag_wins_over_its_variable_and_that_over_the_default() -> None:
    assert options(GAPLESS_MAX_LEAD="3").service.max_lead_s == 3.0
    assert options("--max-lead", "4", GAPLESS_MAX_LEAD="3").service.max_lead_s == 4.0
    assert options(GAPLESS_MAX_LEAD="").service.max_lead_s == 10.0
    assert options("--max-utterances=2", GAPLESS_MODEL="other").engine.max_utterances == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        (["--max-lead", "-1"], {}, "'--max-lead': '-1' is not a number from 0 to 3600"),
        (["--max-lead", "nan"], {}, "'--max-lead': 'nan' is not a number"),
        (["--max-utterances", "nan"], {}, "'--max-utterances': 'nan' is neither auto nor a whole number"),
        (["--max-utterances", "0"], {}, "'--max-utterances': 0 is not in the range 1<=x<=10000"),
        (["--metrics-port", "66000"], {}, "'--metrics-port': 66000 is not in the range 0<=x<=65535"),
        (["--address", "localhost"], {}, "'--address': 'localhost' is not host:port"),
        (["--address", "::1:5"], {}, "for example 127.0.0.1:50051 or [::1]:50051"),
        (["--log-level", "loud"], {}, "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
        (["--device", "gpu"], {}, "'--device': 'gpu' is not auto, cpu, cuda, cuda:N or mps"),
        (["--form", "offline"], {}, "'--form': 'offline' is not one of 'cached', 'windowed', 'cumulative'"),
        (["voice"], {}, "Usage: python -m service voice [OPTIONS] COMMAND"),
        (["voice", "add", "mary"], {}, "Missing argument 'FILE'"),
        (["voice", "add", "mary", "mary.wav", "--address", "x"], {}, "No such option '--address'"),
        (["--model", "turbo", "voice", "list"], {}, "flags of 'voice' come after it"),
        (["token", "mary"], {}, "Missing option '--token-file'"),
        (["token", "mary", "--token-file", "tokens", "--utterances", "-1"], {}, "-1 is not in the range x>=0"),
        ([], {"GAPLESS_NO_NORMALIZE": "maybe"}, "variable GAPLESS_NO_NORMALIZE: 'maybe' is not a valid boolean"),
        (["--max-le", "1"], {}, "No such option '--max-le'"),
        ([], {"GAPLESS_IDLE_TIMEOUT": "soon"}, "variable GAPLESS_IDLE_TIMEOUT: 'soon' is not a number"),
    ],
)
def test_what_cannot_be_read_is_named(
    arguments: list[str], environ: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command(*arguments, **environ)
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
