"""The command line and the environment of `python -m service`, read once into frozen configs.

Every flag has a variable: --max-lead is GAPLESS_MAX_LEAD. A flag wins over its variable, a variable over the default.
"""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.config import ServiceConfig

_DEFAULTS = ServiceConfig()
_LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What is passed on to the engine's factory (`engine.engine.EngineOptions`)."""

    model: str
    max_utterances: int
    threads: int | None
    device: str
    max_text_delay_s: float
    channel_s: float


@dataclass(frozen=True, kw_only=True)
class Options:
    service: ServiceConfig
    engine: EngineSettings
    log_level: str


@dataclass(frozen=True, kw_only=True)
class _Flag:
    name: str  # without dashes in front
    default: Any
    parse: Callable[[str], Any]
    unit: str
    help: str

    @property
    def variable(self) -> str:
        return "GAPLESS_" + self.name.upper().replace("-", "_")


def read_options(arguments: Sequence[str], environ: Mapping[str, str], version: str) -> Options:
    """Exits with a message (status 2) where something cannot be read."""
    parser = _parser(version)
    given = vars(parser.parse_args(arguments))
    values = {}
    for flag in (flag for flags in _GROUPS.values() for flag in flags):
        values[flag.name] = given[flag.name]
        if values[flag.name] is None:
            values[flag.name] = _from_environment(flag, environ, parser)
    return Options(
        service=ServiceConfig(
            address=values["address"],
            version=version,
            max_text_chars=values["max-text-chars"],
            idle_timeout_s=values["idle-timeout"],
            max_lead_s=values["max-lead"],
            drain_timeout_s=values["drain-timeout"],
        ),
        engine=EngineSettings(
            model=values["model"],
            max_utterances=values["max-utterances"],
            threads=values["threads"],
            device=values["device"],
            max_text_delay_s=values["max-text-delay"],
            channel_s=values["channel"],
        ),
        log_level=values["log-level"],
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address` (host:port, or unix:path)."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serves text-to-speech over gRPC (tts.v1): text in and audio out on one stream.",
        epilog="Every flag can be given in the environment: --max-lead is GAPLESS_MAX_LEAD. Traces leave the process "
        "when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER is set. SIGTERM drains, a second signal stops at "
        "once.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gapless {version}")
    for title, flags in _GROUPS.items():
        group = parser.add_argument_group(title)
        for flag in flags:
            default = f" [{flag.default:g}]" if isinstance(flag.default, float) else f" [{flag.default}]"
            help_text = f"{flag.help}{default if flag.default is not None else ''}".replace("%", "%%")
            group.add_argument(
                f"--{flag.name}", dest=flag.name, type=flag.parse, metavar=flag.unit, help=help_text, default=None
            )
    return parser


def _from_environment(flag: _Flag, environ: Mapping[str, str], parser: argparse.ArgumentParser) -> Any:
    text = environ.get(flag.variable)
    if not text:
        return flag.default
    try:
        return flag.parse(text)
    except (ValueError, argparse.ArgumentTypeError) as error:
        parser.error(f"environment variable {flag.variable}: {error}")


def _number_between(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return parse


def _whole_number_between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text.startswith(("unix:", "unix-abstract:")):
        return text
    if not host or not port.isdecimal() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port, for example 127.0.0.1:50051 or [::1]:50051")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in _LOG_LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(_LOG_LEVELS)}")
    return text.lower()


_seconds = _number_between(0, 3600)
_positive_seconds = _number_between(0.1, 3600)

_GROUPS = {
    "what is served": (
        _Flag(name="model", default="embedded", parse=str, unit="NAME", help="the model"),
        _Flag(name="device", default="cpu", parse=str, unit="DEVICE", help="device that the model runs on"),
        _Flag(
            name="threads",
            default=None,
            parse=_whole_number_between(1, 1024),
            unit="N",
            help="torch threads of each stage [chosen by the engine]",
        ),
    ),
    "where": (
        _Flag(
            name="address",
            default=_DEFAULTS.address,
            parse=_address,
            unit="HOST:PORT",
            help="address to listen on; port 0 takes a free one",
        ),
    ),
    "limits": (
        _Flag(
            name="max-utterances",
            default=8,
            parse=_whole_number_between(1, 10_000),
            unit="N",
            help="utterances at once; more are refused with RESOURCE_EXHAUSTED and a retry hint",
        ),
        _Flag(
            name="max-text-chars",
            default=_DEFAULTS.max_text_chars,
            parse=_whole_number_between(1, 100_000_000),
            unit="N",
            help="Unicode characters of text in one utterance",
        ),
        _Flag(
            name="idle-timeout",
            default=_DEFAULTS.idle_timeout_s,
            parse=_positive_seconds,
            unit="SECONDS",
            help="an utterance ends with ABORTED after so long without a message and without audio to send",
        ),
    ),
    "streaming": (
        _Flag(
            name="max-lead",
            default=_DEFAULTS.max_lead_s,
            parse=_seconds,
            unit="SECONDS",
            help="audio that may be sent ahead of the listener, where a client leaves it open; 0: as fast as possible",
        ),
        _Flag(
            name="max-text-delay",
            default=1.0,
            parse=_seconds,
            unit="SECONDS",
            help="longest wait for the end of a sentence, where a client leaves it open",
        ),
        _Flag(
            name="channel",
            default=2.0,
            parse=_positive_seconds,
            unit="SECONDS",
            help="audio of an utterance that may wait inside the server",
        ),
    ),
    "running": (
        _Flag(
            name="drain-timeout",
            default=_DEFAULTS.drain_timeout_s,
            parse=_seconds,
            unit="SECONDS",
            help="time that running utterances get to finish after SIGTERM or SIGINT",
        ),
        _Flag(name="log-level", default="info", parse=_log_level, unit="LEVEL", help=", ".join(_LOG_LEVELS)),
    ),
}
