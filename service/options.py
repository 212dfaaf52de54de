"""The command line and the environment of `python -m service`, read once into frozen configs.

A flag wins over its variable, a variable over the default. A flag is declared as a field of the config that it sets:
EngineSettings here, ServiceConfig or AccessConfig (`service.flags` says how).
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from service import flags
from service.access.access import AccessConfig
from service.access.caller import Caller
from service.config import ServiceConfig
from service.engines import config as engines_config
from service.engines.config import EnginesConfig
from service.flags import flag, switch

_SHARED = ("model", "variant", "device", "voices_dir", "log_level")  # what `voice ...` takes of the service's flags
_ENGINE_SERVER = (
    "address",
    "health_address",
    "metrics_port",
    "metrics_host",
    "drain_timeout_s",
    "log_level",
)  # what `engine` does
_ENGINES = ("engine_tls_ca", "engine_token_file")  # what `engines` does


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What is passed on to the engine's factory (`engine.options.EngineOptions`)."""

    model: str = flag(
        "what is served",
        "--model MODEL",
        "embedded (needs no download), a directory with a checkpoint, a published model (turbo, nano, base, "
        "multilingual, ...), or an id on the Hugging Face hub, perhaps with @revision",
        default="embedded",
    )
    variant: str | None = flag(
        "what is served",
        "--variant NAME",
        "which of the published models a checkpoint is, where its files leave it open [what its files say]",
    )
    device: str = flag(
        "what is served",
        "--device DEVICE",
        "auto, cpu, cuda, cuda:N or mps; auto takes an NVIDIA GPU for models that need one, and the CPU otherwise",
        flags.device,
        default="auto",
    )
    dtype: str = flag(
        "what is served",
        "--dtype DTYPE",
        "arithmetic: float32, tf32, bfloat16 or int8 for all stages that offer it, or by stage: t3=int8,flow=bfloat16 "
        "[safe defaults of the device]",
        default="",
    )
    form: str | None = flag(
        "what is served",
        "--form FORM",
        "how the flow is incremental: cached, windowed or cumulative [what the checkpoint was trained for]",
        flags.one_of("cached", "windowed", "cumulative"),
    )
    threads: int | None = flag(
        "what is served",
        "--threads N",
        "torch threads of each stage on a CPU [one for a small model, half the cores for a large one]",
        click.IntRange(1, 1024),
    )
    normalize: bool = switch(
        "what is served",
        "--no-normalize",
        "do not spell out numbers and abbreviations; the text goes to the model as it is",
        default=True,
    )
    pronunciations: Path | None = flag(
        "what is served",
        "--pronunciations FILE",
        "a lexicon: lines of a word, a tab, and how it is said, as a respelling or as /phonemes/ (docs/text.md)",
        flags.path,
    )
    deterministic: bool = switch(
        "what is served",
        "--deterministic",
        "the same seed gives the same samples whatever the load: windows of fixed sizes, a fixed T3 batch; otherwise "
        "the same speech tokens, and windows that follow the listener's deadline",
    )
    speculate: bool = switch(
        "what is served",
        "--speculate",
        "run windows before their lookahead is complete, where that starts or ends speech sooner: 60 to 80 ms where "
        "T3 takes 20 to 25 ms a token (docs/continuous-playback.md)",
    )
    watermark: bool = switch(
        "what is served",
        "--watermark",
        "mark all audio inaudibly with PerTh, as Chatterbox does; needs the extra: pip install '.[watermark]'",
    )
    voices_dir: Path | None = flag(
        "voices",
        "--voices DIR",
        "where created voices are stored [$XDG_DATA_HOME/gapless/voices or ~/.local/share/gapless/voices]",
        flags.path,
    )
    voice_memory_bytes: int | None = flag(
        "voices",
        "--voice-memory GIB",
        "memory for prepared voices; those that nobody uses leave it, the least recently used first [4, or on a GPU a "
        "quarter of what is free once the model is loaded]",
        flags.gib,
    )
    max_utterances: int | None = flag(
        "limits",
        "--max-utterances N",
        "utterances at once; more are refused with RESOURCE_EXHAUSTED and a retry hint; auto measures at start how "
        "many fit in real time, and is 8 with --deterministic",
        flags.number_or_auto,
        default="auto",
    )
    utterance_memory_bytes: int | None = flag(
        "limits",
        "--utterance-memory GIB",
        "memory for the states of all utterances, voices not counted; no more are let in than fit [as much as "
        "--max-utterances need; with auto half of what is free]",
        flags.gib,
    )
    max_text_delay_s: float = flag(
        "streaming",
        "--max-text-delay SECONDS",
        "longest wait for the end of a sentence, where a client leaves it open",
        flags.seconds,
        default="1",
    )
    channel_s: float = flag(
        "streaming",
        "--channel SECONDS",
        "audio of an utterance that may wait inside the server",
        flags.positive_seconds,
        default="2",
    )


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

    token_file: Path
    caller: Caller


@dataclass(frozen=True)
class EnginesCommand:
    """`python -m service engines WHERE`: shows engine servers."""

    config: EnginesConfig


@dataclass(frozen=True, kw_only=True)
class Options:
    service: ServiceConfig
    access: AccessConfig
    engine: EngineSettings
    engines: EnginesConfig = dataclasses.field(default_factory=EnginesConfig)
    engine_environ: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what EngineSettings was read from
    voice: VoiceCommand | None = None  # None: serve
    is_engine_server: bool = False  # serve gateways
    with_parent: bool = False  # end when the standard input ends


def read_options(arguments: Sequence[str], version: str) -> Options | TokenCommand | EnginesCommand:
    """Reads the environment too. Exits with a message (status 2) where something cannot be read."""
    try:
        command = _service(version).main(list(arguments), prog_name="python -m service", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    if not isinstance(command, Options | TokenCommand | EnginesCommand):  # the help or the version was asked for
        sys.exit(command)
    return command


def _service(version: str) -> click.Group:
    @click.pass_context
    def serve(context: click.Context, /, **given: Any) -> Options:
        sources = map(context.get_parameter_source, given)
        if context.invoked_subcommand and ParameterSource.COMMANDLINE in sources:
            raise click.UsageError(f"flags of {context.invoked_subcommand!r} come after it")
        options = _options(given, version)
        if context.invoked_subcommand is None:
            _check_effect(context, options.engines)
        return dataclasses.replace(options, engine_environ=flags.given_as_text(context, EngineSettings))

    service = flags.SectionedGroup(
        params=flags.options_of(EngineSettings, EnginesConfig, AccessConfig, ServiceConfig),
        callback=serve,
        invoke_without_command=True,
        help="Serves text-to-speech over gRPC (gapless.tts.v1): text in and audio out on one stream.",
        epilog="Every flag can be given in the environment: --max-lead is GAPLESS_MAX_LEAD. Traces leave the process "
        "when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER is set. SIGTERM drains, a second signal stops at "
        "once.",
        context_settings={"max_content_width": 100},
    )
    service.add_command(_voice(version))
    service.add_command(_token())
    service.add_command(_engine(version))
    service.add_command(_engines())
    return click.version_option(version, message="gapless %(version)s")(service)


def _options(given: dict[str, Any], version: str, voice: VoiceCommand | None = None) -> Options:
    given = given | {"version": version, "voices_dir": given["voices_dir"] or _default_voices_dir()}
    options = Options(
        service=flags.read(ServiceConfig, given),
        access=flags.read(AccessConfig, given),
        engine=flags.read(EngineSettings, given),
        engines=flags.read(EnginesConfig, given),
        voice=voice,
    )
    _check_ray(options)
    return options


def _check_ray(options: Options) -> None:
    engines = options.engines
    if engines.max_engines is not None and engines.max_engines < engines.min_engines:
        raise click.UsageError(f"--max-engines {engines.max_engines} is less than --min-engines {engines.min_engines}")
    if engines.ray_address is not None and options.engine.device.startswith("cuda:"):
        raise click.UsageError(f"Ray chooses the card of each engine: --device cuda, not {options.engine.device}")


def _check_effect(context: click.Context, engines: EnginesConfig) -> None:
    """A flag that would do nothing is a mistake. Variables of the engine are none: an image has some for each of its
    processes."""
    source = context.get_parameter_source
    for option in flags.options_of(EnginesConfig):
        if source(str(option.name)) is not ParameterSource.DEFAULT and (why := engines.why_not(str(option.name))):
            raise click.UsageError(f"{option.get_error_hint(context)} {why}")
    engines_own = [option for option in flags.options_of(EngineSettings) if engines.run_already]
    if typed := [one.opts[0] for one in engines_own if source(str(one.name)) is ParameterSource.COMMANDLINE]:
        raise click.UsageError(
            f"{', '.join(typed)}: engine servers have flags of their own; these are for `python -m service engine`"
        )


def _default_voices_dir() -> Path | None:
    """None where there is no home: then no voices are created unless --voices says where."""
    data, home = os.environ.get("XDG_DATA_HOME"), os.environ.get("HOME")
    if not data and not home:
        return None
    return (Path(data) if data else Path(str(home)) / ".local" / "share") / "gapless" / "voices"


def _voice(version: str) -> click.Group:
    name = click.Argument(["name"])
    recording = click.Argument(["file"], type=flags.path)
    description = click.Option(["--description"], metavar="TEXT", help="for a person")
    shared = [option for option in flags.options_of(EngineSettings, ServiceConfig) if option.name in _SHARED]

    def command(action: str, help_text: str, *parameters: click.Parameter) -> click.Command:
        def read(**given: Any) -> Options:
            return _options(given, version, flags.read(VoiceCommand, given | {"action": action}))

        return flags.SectionedCommand(action, params=[*parameters, *shared], callback=read, help=help_text)

    return click.Group(
        "voice",
        commands=[
            command(
                "add",
                "Creates a voice from a recording (WAV, FLAC, Ogg or MP3): 10 to 15 s of one person speaking.",
                name,
                recording,
                description,
            ),
            command("list", "Lists the model's own and the created voices."),
            command("remove", "Deletes a created voice.", name),
        ],
        help="Creates, lists and removes stored voices, without a server. A service that runs already sees them when "
        "it is started again; for its own voices at once: `python -m client voice`.",
    )


def _engine(version: str) -> click.Command:
    own = [option for option in flags.options_of(ServiceConfig) if option.name in _ENGINE_SERVER]
    with_parent = click.Option(["--with-parent"], is_flag=True, hidden=True, envvar="GAPLESS_WITH_PARENT")

    def read(with_parent: bool, **given: Any) -> Options:
        return dataclasses.replace(_options(given, version), is_engine_server=True, with_parent=with_parent)

    return flags.SectionedCommand(
        "engine",
        params=[*flags.options_of(EngineSettings, AccessConfig), *own, with_parent],
        callback=read,
        short_help="Runs an engine server, for gateways.",
        help="Runs an engine for gateways, which are services of the same version with --engines HOST:PORT. Clients "
        "cannot speak with it.",
    )


def _engines() -> click.Command:
    wanted = [option for option in flags.options_of(EnginesConfig) if option.name in _ENGINES]

    def read(where: str, **given: Any) -> EnginesCommand:
        if not (":" in where and not where.startswith("ray:")):
            raise click.UsageError(f"{where!r} names no addresses of engine servers")
        return EnginesCommand(flags.read(EnginesConfig, given | {"engines": engines_config.where(where)}))

    return flags.SectionedCommand(
        "engines",
        params=[click.Argument(["where"]), *wanted],
        callback=read,
        short_help="Shows engine servers.",
        help="Shows the engine servers at HOST:PORT,... or dns:///NAME:PORT: state, version, model, places, voices.",
    )


def _token() -> click.Command:
    limit = click.IntRange(min=0)
    own = [
        click.Option(["--utterances", "max_utterances"], type=limit, metavar="N", help="at once [no limit]"),
        click.Option(["--may-create-voices"], is_flag=True, help="may clone voices, and delete its own"),
        click.Option(["--voice-mib"], type=limit, metavar="MIB", help="its voices on disk [no limit]"),
        click.Option(["--admin", "is_admin"], is_flag=True, help="may delete voices that others made"),
    ]
    (token_file,) = (option for option in flags.options_of(AccessConfig) if option.name == "token_file")
    token_file.required = True

    def read(voice_mib: int | None, **given: Any) -> TokenCommand:
        max_voice_bytes = None if voice_mib is None else voice_mib * 2**20
        caller = flags.read(Caller, given | {"max_voice_bytes": max_voice_bytes})
        return TokenCommand(token_file=given["token_file"], caller=caller)

    return click.Command(
        "token",
        params=[click.Argument(["name"]), token_file, *own],
        callback=read,
        short_help="Makes a token for a caller.",
        help="Makes a token, adds its hash to the token file and prints the token itself, once. NAME is shown in logs, "
        "traces and errors.",
    )
