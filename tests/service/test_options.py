"""Flags, variables and defaults; what cannot be read is said with the flag's or the variable's name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from engine.options import EngineOptions
from gapless.doors.listening.exposure import is_loopback
from service.config import ServiceConfig
from service.options import EngineSettings, Options, VoiceCommand, read_options


def options(*arguments: str, **environ: str) -> Options:
    return read_options(arguments, environ, "1.0")


def test_without_anything_the_defaults_hold() -> None:
    assert options().service == ServiceConfig(version="1.0")
    assert options().engine.model == "embedded"
    assert options().engine == EngineSettings(
        model="embedded",
        variant=None,
        device="auto",
        dtype="",
        form=None,
        threads=None,
        normalize=True,
        watermark=False,
        deterministic=False,
        speculate=False,
        voices_dir=None,
        voice_memory_bytes=4 << 30,
        max_utterances=None,
        utterance_memory_bytes=None,
        max_text_delay_s=1.0,
        channel_s=2.0,
    )
    assert options().voice is None


def test_the_defaults_are_the_engines_own() -> None:
    """The flags' table and the engine's options say the same, so that a library user gets what the command gives."""
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
        (
            ["--max-utterances", "0"],
            {},
            "argument --max-utterances: '0' is not a whole number from 1 to 10000, nor auto",
        ),
        (["--metrics-port", "66000"], {}, "argument --metrics-port: '66000' is not a whole number from 0 to 65535"),
        (["--address", "localhost"], {}, "argument --address: 'localhost' is not host:port"),
        (["--address", "::1:5"], {}, "for example 127.0.0.1:50051 or [::1]:50051"),
        (["--log-level", "loud"], {}, "'loud' is not one of debug, info, warning, error"),
        (["--device", "gpu"], {}, "argument --device: 'gpu' is not auto, cpu, cuda, cuda:N or mps"),
        (["--form", "offline"], {}, "argument --form: 'offline' is not one of cached, windowed, cumulative"),
        (["voice"], {}, "the following arguments are required: ACTION"),
        (["voice", "add", "mary"], {}, "the following arguments are required: FILE"),
        (["voice", "add", "mary", "mary.wav", "--address", "x"], {}, "unrecognized arguments: --address x"),
        ([], {"GAPLESS_NO_NORMALIZE": "maybe"}, "GAPLESS_NO_NORMALIZE: 'maybe' is not one of 1, true"),
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
