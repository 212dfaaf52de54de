"""The command line and the environment of `python -m service`, read once into frozen configs.

A flag wins over its variable, a variable over the default. `python -m service voice ...` is a command of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.access.access import AccessConfig
from service.access.caller import Caller
from service.config import ServiceConfig
from service.flags import AUTO, GROUPS, Flag, whole_number_between

_NO_PATH = Path()
VOICE_FLAGS = ("model", "variant", "device", "voices", "log-level")  # what `voice ...` takes of them


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What is passed on to the engine's factory (`engine.options.EngineOptions`)."""

    model: str
    variant: str | None
    device: str
    dtype: str
    form: str | None
    threads: int | None
    normalize: bool
    watermark: bool
    deterministic: bool
    speculate: bool
    voices_dir: Path | None
    voice_memory_bytes: int
    max_utterances: int | None
    utterance_memory_bytes: int | None
    max_text_delay_s: float
    channel_s: float


@dataclass(frozen=True, kw_only=True)
class VoiceCommand:
    """`python -m service voice ACTION ...`: works on the stored voices, without a server."""

    action: str  # "add", "list", "remove"
    name: str = ""
    file: Path = Path()
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenCommand:
    """`python -m service token NAME ...`: makes a token, without a server."""

    path: Path
    caller: Caller


@dataclass(frozen=True, kw_only=True)
class Options:
    service: ServiceConfig
    access: AccessConfig
    engine: EngineSettings
    log_level: str
    voice: VoiceCommand | None = None  # None: serve


def read_options(arguments: Sequence[str], environ: Mapping[str, str], version: str) -> Options:
    """Exits with a message (status 2) where something cannot be read."""
    is_voice = bool(arguments) and arguments[0] == "voice"
    parser = _voice_parser() if is_voice else _parser(version)
    given = vars(parser.parse_args(arguments[1:] if is_voice else arguments))
    values: dict[str, Any] = {}
    for flag in (flag for flags in GROUPS.values() for flag in flags):
        values[flag.name] = given.get(flag.name)
        if values[flag.name] is None:
            values[flag.name] = _from_environment(flag, environ, parser)
    command = {name: given[name] for name in ("action", "name", "file", "description") if name in given}
    return Options(
        service=_service_config(values, version),
        access=_access_config(values),
        engine=_engine_settings(values, environ),
        log_level=values["log-level"],
        voice=VoiceCommand(**command) if is_voice else None,
    )


def read_token_command(arguments: Sequence[str], environ: Mapping[str, str]) -> TokenCommand:
    """What follows `token`. Exits with a message (status 2) where something cannot be read."""
    parser = _token_parser()
    given = parser.parse_args(arguments)
    path = given.token_file or Path(environ.get("GAPLESS_TOKEN_FILE") or _NO_PATH)
    if path == _NO_PATH:
        parser.error("--token-file FILE (or GAPLESS_TOKEN_FILE) says where tokens are kept")
    caller = Caller(
        name=given.name,
        max_utterances=given.utterances,
        max_voice_bytes=None if given.voice_mib is None else given.voice_mib * 2**20,
        may_create_voices=given.may_create_voices,
        is_admin=given.admin,
    )
    return TokenCommand(path=path.expanduser(), caller=caller)


def _token_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service token",
        description="Makes a token, adds its hash to the token file and prints the token itself, once.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="whose it is: shown in logs, traces and errors")
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help="as the service is given it [GAPLESS_TOKEN_FILE]"
    )
    parser.add_argument("--utterances", metavar="N", type=whole_number_between(0, 10_000), help="at once [no limit]")
    parser.add_argument("--may-create-voices", action="store_true", help="may clone voices, and delete its own")
    parser.add_argument(
        "--voice-mib", metavar="MIB", type=whole_number_between(0, 1_000_000), help="its voices on disk [no limit]"
    )
    parser.add_argument("--admin", action="store_true", help="may delete voices that others made")
    return parser


def _access_config(values: Mapping[str, Any]) -> AccessConfig:
    return AccessConfig(
        tls_cert=values["tls-cert"],
        tls_key=values["tls-key"],
        tls_client_ca=values["tls-client-ca"],
        token_file=values["token-file"],
        insecure=values["insecure"],
        anonymous=values["anonymous"],
    )


def _service_config(values: Mapping[str, Any], version: str) -> ServiceConfig:
    return ServiceConfig(
        address=values["address"],
        version=version,
        metrics_host=values["metrics-address"].strip("[]"),
        metrics_port=values["metrics-port"],
        has_reflection=not values["no-reflection"],
        max_text_chars=values["max-text-chars"],
        idle_timeout_s=values["idle-timeout"],
        max_lead_s=values["max-lead"],
        drain_timeout_s=values["drain-timeout"],
    )


def _engine_settings(values: Mapping[str, Any], environ: Mapping[str, str]) -> EngineSettings:
    return EngineSettings(
        model=values["model"],
        variant=values["variant"],
        device=values["device"],
        dtype=values["dtype"],
        form=values["form"],
        threads=values["threads"],
        normalize=not values["no-normalize"],
        watermark=values["watermark"],
        deterministic=values["deterministic"],
        speculate=values["speculate"],
        voices_dir=values["voices"] or _default_voices_dir(environ),
        voice_memory_bytes=round(values["voice-memory"] * 2**30),
        max_utterances=None if values["max-utterances"] == AUTO else values["max-utterances"],
        utterance_memory_bytes=_bytes(values["utterance-memory"]),
        max_text_delay_s=values["max-text-delay"],
        channel_s=values["channel"],
    )


def _bytes(gib: float | None) -> int | None:
    return None if gib is None else round(gib * 2**30)


def _default_voices_dir(environ: Mapping[str, str]) -> Path | None:
    """None where there is no home: then no voices are created unless --voices says where."""
    data, home = environ.get("XDG_DATA_HOME"), environ.get("HOME")
    if not data and not home:
        return None
    return (Path(data) if data else Path(str(home)) / ".local" / "share") / "gapless" / "voices"


def _parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serves text-to-speech over gRPC (gapless.tts.v1): text in and audio out on one stream.",
        epilog="Every flag can be given in the environment: --max-lead is GAPLESS_MAX_LEAD. Traces leave the process "
        "when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER is set. SIGTERM drains, a second signal stops at "
        "once. `%(prog)s voice --help`: create, list and remove voices without a server; `%(prog)s token --help`: make "
        "a token for a caller.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gapless {version}")
    for title, flags in GROUPS.items():
        group = parser.add_argument_group(title)
        for flag in flags:
            flag.add_to(group)
    return parser


def _voice_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service voice",
        description="Creates, lists and removes stored voices. A service that runs already sees them when it is "
        "started again; for its own voices at once: `python -m client voice`.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("add", help="create a voice from a recording of somebody speaking", allow_abbrev=False)
    add.add_argument("name", metavar="NAME", help="what a client will ask for")
    add.add_argument("file", metavar="FILE", type=Path, help="WAV, FLAC, Ogg or MP3: 10 to 15 s of one person")
    add.add_argument("--description", metavar="TEXT", default="", help="for a person")
    listing = actions.add_parser("list", help="the model's own and the created voices", allow_abbrev=False)
    remove = actions.add_parser("remove", help="delete a created voice", allow_abbrev=False)
    remove.add_argument("name", metavar="NAME", help="one of `list`")
    for action in (add, listing, remove):
        group = action.add_argument_group("as for the service")
        for flag in (flag for flags in GROUPS.values() for flag in flags if flag.name in VOICE_FLAGS):
            flag.add_to(group)
    return parser


def _from_environment(flag: Flag, environ: Mapping[str, str], parser: argparse.ArgumentParser) -> Any:
    text = environ.get(flag.variable)
    if not text:
        return flag.default
    try:
        return flag.parse(text)
    except (ValueError, argparse.ArgumentTypeError) as error:
        parser.error(f"environment variable {flag.variable}: {error}")
