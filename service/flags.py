"""The flags of `python -m service`: names, defaults, what they take. `service.options` reads them.

Every flag has a variable: --max-lead is GAPLESS_MAX_LEAD.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.config import ServiceConfig

_DEFAULTS = ServiceConfig()
AUTO = "auto"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, kw_only=True)
class Flag:
    name: str  # without dashes in front
    default: Any
    parse: Callable[[str], Any]
    unit: str  # "": a switch, which takes no value on the command line
    help: str

    @property
    def variable(self) -> str:
        return "GAPLESS_" + self.name.upper().replace("-", "_")

    def add_to(self, group: argparse._ArgumentGroup) -> None:
        default = f"{self.default:g}" if isinstance(self.default, float) else self.default
        text = self.help if self.default in (None, False, "") else f"{self.help} [{default}]"
        names, text = (f"--{self.name}",), text.replace("%", "%%")
        if self.unit:
            group.add_argument(*names, dest=self.name, type=self.parse, metavar=self.unit, help=text)
        else:
            group.add_argument(*names, dest=self.name, action="store_const", const=True, help=text)


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


def whole_number_between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _number_of_utterances(text: str) -> int | str:
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        return whole_number_between(1, 10_000)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, nor {AUTO}") from None


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(names)}")
        return text.lower()

    return parse


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text.startswith(("unix:", "unix-abstract:")):
        return text
    if not host or not port.isdecimal() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port, for example 127.0.0.1:50051 or [::1]:50051")
    return text


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, cpu, cuda, cuda:N or mps")
    return text


def _file(text: str) -> Path:
    return Path(text).expanduser()


def _directory(text: str) -> Path:
    return Path(text).expanduser()


def _switch(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join((*_TRUE, *_FALSE))}")
    return text.lower() in _TRUE


_seconds = _number_between(0, 3600)
_positive_seconds = _number_between(0.1, 3600)

GROUPS = {
    "what is served": (
        Flag(
            name="model",
            default="embedded",
            parse=str,
            unit="MODEL",
            help="embedded (needs no download), a directory with a checkpoint, a published model (turbo, nano, base, "
            "multilingual, ...), or an id on the Hugging Face hub, perhaps with @revision",
        ),
        Flag(
            name="variant",
            default=None,
            parse=str,
            unit="NAME",
            help="which of the published models a checkpoint is, where its files leave it open [what its files say]",
        ),
        Flag(
            name="device",
            default="auto",
            parse=_device,
            unit="DEVICE",
            help="auto, cpu, cuda, cuda:N or mps; auto takes the fastest there is",
        ),
        Flag(
            name="dtype",
            default="",
            parse=str,
            unit="DTYPE",
            help="arithmetic: float32, bfloat16 or int8 for all stages that offer it, or by stage: "
            "t3=int8,flow=bfloat16 [safe defaults of the device]",
        ),
        Flag(
            name="form",
            default=None,
            parse=_one_of("cached", "windowed", "cumulative"),
            unit="FORM",
            help="how the flow is incremental: cached, windowed or cumulative [what the checkpoint was trained for]",
        ),
        Flag(
            name="threads",
            default=None,
            parse=whole_number_between(1, 1024),
            unit="N",
            help="torch threads of each stage on a CPU [one for a small model, half the cores for a large one]",
        ),
        Flag(
            name="no-normalize",
            default=False,
            parse=_switch,
            unit="",
            help="do not spell out numbers and abbreviations; the text goes to the model as it is",
        ),
        Flag(
            name="deterministic",
            default=False,
            parse=_switch,
            unit="",
            help="the same seed gives the same samples whatever the load: windows of fixed sizes, a fixed T3 batch; "
            "otherwise the same speech tokens, and windows that follow the listener's deadline",
        ),
        Flag(
            name="speculate",
            default=False,
            parse=_switch,
            unit="",
            help="run windows before their lookahead is complete, where that starts or ends speech sooner: 60 to 80 ms "
            "where T3 takes 20 to 25 ms a token (docs/continuous-playback.md)",
        ),
        Flag(
            name="watermark",
            default=False,
            parse=_switch,
            unit="",
            help="mark all audio inaudibly with PerTh, as Chatterbox does; needs the extra: pip install '.[watermark]'",
        ),
    ),
    "who may call": (
        Flag(
            name="tls-cert",
            default=None,
            parse=_file,
            unit="FILE",
            help="certificate of this server, with those that lead to its root (PEM); read again when it changes",
        ),
        Flag(name="tls-key", default=None, parse=_file, unit="FILE", help="its key (PEM, no passphrase)"),
        Flag(
            name="tls-client-ca",
            default=None,
            parse=_file,
            unit="FILE",
            help="clients must show a certificate that one of these authorities signed (PEM)",
        ),
        Flag(
            name="token-file",
            default=None,
            parse=_file,
            unit="FILE",
            help="calls must show a token of this file, except for health; `token NAME` makes one; read again when it "
            "changes",
        ),
        Flag(
            name="insecure",
            default=False,
            parse=_switch,
            unit="",
            help="listen beyond loopback without TLS: something in front of the service ends it",
        ),
        Flag(
            name="anonymous",
            default=False,
            parse=_switch,
            unit="",
            help="listen beyond loopback without tokens: whoever can connect may speak",
        ),
    ),
    "voices": (
        Flag(
            name="voices",
            default=None,
            parse=_directory,
            unit="DIR",
            help="where created voices are stored [$XDG_DATA_HOME/gapless/voices or ~/.local/share/gapless/voices]",
        ),
        Flag(
            name="voice-memory",
            default=4.0,
            parse=_number_between(0.001, 1_000_000),
            unit="GIB",
            help="memory for prepared voices; those that nobody uses leave it, the least recently used first",
        ),
    ),
    "where": (
        Flag(
            name="address",
            default=_DEFAULTS.address,
            parse=_address,
            unit="HOST:PORT",
            help="address to listen on; port 0 takes a free one",
        ),
        Flag(
            name="metrics-port",
            default=_DEFAULTS.metrics_port,
            parse=whole_number_between(0, 65_535),
            unit="PORT",
            help="metrics for Prometheus over HTTP on this port, at /metrics; 0 takes a free one [not served]",
        ),
        Flag(
            name="metrics-address",
            default=_DEFAULTS.metrics_host,
            parse=str,
            unit="HOST",
            help="host to serve metrics on; they have neither TLS nor tokens",
        ),
        Flag(
            name="no-reflection",
            default=False,
            parse=_switch,
            unit="",
            help="do not tell clients what the service's methods and messages are (gRPC reflection)",
        ),
    ),
    "limits": (
        Flag(
            name="max-utterances",
            default=AUTO,
            parse=_number_of_utterances,
            unit="N",
            help="utterances at once; more are refused with RESOURCE_EXHAUSTED and a retry hint; auto measures at "
            "start how many fit in real time, and is 8 with --deterministic",
        ),
        Flag(
            name="utterance-memory",
            default=None,
            parse=_number_between(0.001, 1_000_000),
            unit="GIB",
            help="memory for the states of all utterances, voices not counted; no more are let in than fit "
            "[as much as --max-utterances need; with auto half of what is free]",
        ),
        Flag(
            name="max-text-chars",
            default=_DEFAULTS.max_text_chars,
            parse=whole_number_between(1, 100_000_000),
            unit="N",
            help="Unicode characters of text in one utterance",
        ),
        Flag(
            name="idle-timeout",
            default=_DEFAULTS.idle_timeout_s,
            parse=_positive_seconds,
            unit="SECONDS",
            help="a call ends with ABORTED after so long without a message and without audio to send",
        ),
    ),
    "streaming": (
        Flag(
            name="max-lead",
            default=_DEFAULTS.max_lead_s,
            parse=_seconds,
            unit="SECONDS",
            help="audio that may be sent ahead of the listener, where a client leaves it open; 0: as fast as possible",
        ),
        Flag(
            name="max-text-delay",
            default=1.0,
            parse=_seconds,
            unit="SECONDS",
            help="longest wait for the end of a sentence, where a client leaves it open",
        ),
        Flag(
            name="channel",
            default=2.0,
            parse=_positive_seconds,
            unit="SECONDS",
            help="audio of an utterance that may wait inside the server",
        ),
    ),
    "running": (
        Flag(
            name="drain-timeout",
            default=_DEFAULTS.drain_timeout_s,
            parse=_seconds,
            unit="SECONDS",
            help="time that running calls get to finish after SIGTERM or SIGINT",
        ),
        Flag(
            name="log-level",
            default="info",
            parse=_one_of("debug", "info", "warning", "error"),
            unit="LEVEL",
            help="debug, info, warning or error",
        ),
    ),
}
