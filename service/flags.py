"""Flags that are declared as fields of dataclasses, and what they take.

    max_lead_s: float = flag("streaming", "--max-lead SECONDS", "audio that may be sent ahead", seconds, "10")

is a field with the default 10.0, a flag in the section "streaming" of the help, and the variable GAPLESS_MAX_LEAD.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

Config = TypeVar("Config")
_GIVEN = "service.flags.given"


class Flag(click.Option):
    """An option with a variable, in a section of the help."""

    def __init__(self, section: str, name: str, field: str, **settings: Any) -> None:
        super().__init__([name, field], envvar="GAPLESS_" + name[2:].upper().replace("-", "_"), **settings)
        self.section = section

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Keeps what was given as text: whoever starts another process with the same flags needs it."""
        value, source = super().consume_value(ctx, opts)
        if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            ctx.meta.setdefault(_GIVEN, {})[self.envvar] = str(value)
        return value, source

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Names the variable where that is what cannot be read."""
        from_variable = ctx and ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT
        return f"variable {self.envvar}" if from_variable else super().get_error_hint(ctx)


class SectionedCommand(click.Command):
    """Its help lists flags under what they are about."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            if isinstance(option, click.Option) and (record := option.get_help_record(ctx)):
                sections.setdefault(getattr(option, "section", "other"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


class SectionedGroup(SectionedCommand, click.Group):
    pass


def flag(section: str, name: str, help_text: str, parse: Callable[[str], Any] = str, default: str | None = None) -> Any:
    """A field; its default is given as it would be typed. `name` says what the flag takes: "--max-lead SECONDS"."""
    name, _, metavar = name.partition(" ")
    shown = f"{help_text} [{default}]" if default else help_text
    settings = {"section": section, "name": name, "type": parse, "metavar": metavar, "help": shown}
    return dataclasses.field(default=None if default is None else parse(default), metadata=settings)


def switch(section: str, name: str, help_text: str, *, default: bool = False) -> Any:
    """A field that the flag turns from its default into the opposite."""

    def read(context: click.Context, option: click.Parameter, given: bool | None) -> bool | None:
        return None if given is None else given is not default

    settings = {"section": section, "name": name, "is_flag": True, "default": None, "help": help_text, "callback": read}
    return dataclasses.field(default=default, metadata=settings)


def options_of(*configs: type) -> list[Flag]:
    fields = (field for config in configs for field in dataclasses.fields(config) if field.metadata)
    return [Flag(field=field.name, **field.metadata) for field in fields]


def given_as_text(context: click.Context, config: type) -> dict[str, str]:
    """The flags of `config` that were given, as variables."""
    given: dict[str, str] = context.meta.get(_GIVEN, {})
    return {str(option.envvar): given[str(option.envvar)] for option in options_of(config) if option.envvar in given}


def read(config: type[Config], given: Mapping[str, Any]) -> Config:
    """What of `given` belongs to `config`; fields that are not given have their defaults."""
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    return config(**{name: given[name] for name in names if given.get(name) is not None})


def number_between(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise click.BadParameter(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return parse


seconds = number_between(0, 3600)
positive_seconds = number_between(0.1, 3600)


def gib(text: str) -> int:
    """In bytes."""
    return round(number_between(0.001, 1_000_000)(text) * 2**30)


def mib(text: str) -> int:
    """In bytes."""
    return round(number_between(0.001, 1_000_000)(text) * 2**20)


def number_or_auto(text: str) -> int | None:
    """None: auto."""
    if text.strip().lower() == "auto":
        return None
    if not text.strip().isdecimal():
        raise click.BadParameter(f"{text!r} is neither auto nor a whole number")
    return click.IntRange(1, 10_000)(text)


def one_of(*names: str) -> click.Choice[str]:
    return click.Choice(names, case_sensitive=False)


def address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text.startswith(("unix:", "unix-abstract:")):
        return text
    if not host or not port.isdecimal() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise click.BadParameter(f"{text!r} is not host:port, for example 127.0.0.1:50051 or [::1]:50051")
    return text


def address_or_port(text: str) -> str:
    """A port alone is one that only this machine can reach."""
    return address(f"127.0.0.1:{text}" if text.isdecimal() else text)


def host(text: str) -> str:
    return text.strip("[]")


def device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise click.BadParameter(f"{text!r} is not auto, cpu, cuda, cuda:N or mps")
    return text


def path(text: str) -> Path:
    return Path(text).expanduser()
