"""Where the engines of a service are, read once at the edge (`service.options`)."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from service import flags
from service.flags import flag

LOCAL, PROCESS, RAY = "local", "process", "ray"
_OF_RAY = ("min_engines", "max_engines", "engine_gpus", "engine_cores", "engine_flags")
_OF_CALLS = ("engine_tls_ca", "engine_token_file")


def where(text: str) -> str:
    if text in (LOCAL, PROCESS):
        return text
    if text == RAY or text.startswith("ray:"):
        return _cluster(text)
    if text.startswith("dns:///"):
        flags.address(text.removeprefix("dns:///"))
        return text
    for one in text.split(","):
        flags.address(one)
    return text


def _cluster(text: str) -> str:
    """`ray` is the cluster that RAY_ADDRESS names, as everywhere with Ray, and without it one of this machine's own."""
    named = os.environ.get("RAY_ADDRESS", RAY) if text == RAY else text
    named = RAY if named == LOCAL else named
    if named == RAY:
        return RAY
    address = named.removeprefix("ray://").removeprefix("ray:")
    if address != "auto":
        flags.address(address)
    return named if named.startswith("ray:") else f"ray:{address}"


def more_flags(text: str) -> str:
    """As a shell would read them, which is how they are read where an engine starts."""
    try:
        shlex.split(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} cannot be read: {error}") from None
    return text


def cards(text: str) -> float:
    """Several engines may share a card, and an engine may have several whole ones: more Ray does not do."""
    number = flags.number_between(0, 64)(text)
    if number > 1 and not number.is_integer():
        raise click.BadParameter(f"{text!r} is neither a part of a card nor a whole number of them")
    return number


def devices(text: str) -> tuple[str, ...]:
    return tuple(flags.device(one) for one in re.split(r"\s*,\s*", text.strip()))


@dataclass(frozen=True, kw_only=True)
class EnginesConfig:
    engines: str = flag(
        "many engines",
        "--engines WHERE",
        "where speech is made: local, in this process; process, in another one of this machine; or engine servers: "
        "HOST:PORT,HOST:PORT,... or dns:///NAME:PORT, all addresses of a name; or what Ray starts: ray, on a "
        "cluster of its own or the one that RAY_ADDRESS names; ray:HOST:PORT, on one that this machine is a node of; "
        "ray://HOST:PORT, on one that it is not (docs/scale.md)",
        where,
        default=LOCAL,
    )
    devices: tuple[str, ...] | None = flag(
        "many engines",
        "--devices DEVICE,DEVICE",
        "one process for each: cuda:0,cuda:1; takes the place of --device and --engines",
        devices,
    )
    spare_engines: float = flag(
        "many engines",
        "--spare-engines N",
        "places of so many engines stay free of new utterances, for those of an engine that is lost; 0: none",
        flags.number_between(0, 1000),
        default="1",
    )
    engine_tls_ca: Path | None = flag(
        "many engines",
        "--engine-tls-ca FILE",
        "engine servers speak TLS with a certificate of one of these authorities (PEM) [plain text]",
        flags.path,
    )
    engine_token_file: Path | None = flag(
        "many engines",
        "--engine-token-file FILE",
        "a file with one token, which engine servers are shown",
        flags.path,
    )

    min_engines: int = flag(
        "many engines",
        "--min-engines N",
        "with Ray: as many always",
        click.IntRange(1, 10_000),
        default="1",
    )
    max_engines: int | None = flag(
        "many engines",
        "--max-engines N",
        "with Ray: one more is added when places run out, and drained when they are free for minutes [--min-engines]",
        click.IntRange(1, 10_000),
    )
    engine_gpus: float | None = flag(
        "many engines",
        "--engine-gpus N",
        "with Ray: of each engine [1 with --device cuda, otherwise 0]",
        cards,
    )
    engine_cores: float = flag(
        "many engines",
        "--engine-cores N",
        "with Ray: of each engine",
        flags.number_between(0, 1024),
        default="1",
    )
    engine_flags: str = flag(
        "many engines",
        "--engine-flags FLAGS",
        "with Ray: more flags of each `python -m service engine`, such as --tls-cert and --token-file with the names "
        "of files on its own machine",
        more_flags,
        default="",
    )

    @property
    def ray_address(self) -> str | None:
        """What Ray's own `init` takes. None: not with Ray."""
        if self.devices is not None or not (self.engines + ":").startswith("ray:"):
            return None
        if self.engines == RAY:
            return LOCAL
        return self.engines if self.engines.startswith("ray://") else self.engines.removeprefix("ray:")

    def why_not(self, field: str) -> str:
        """Why the flag of this field does nothing where the engines are; "": it does something."""
        if field in _OF_RAY and self.ray_address is None:
            return "is for Ray (--engines ray), which starts no engines here"
        if field in _OF_CALLS and (self.in_this_process or self.in_child_processes):
            return "is for engine servers elsewhere (--engines HOST:PORT), and none is called"
        return ""

    @property
    def run_already(self) -> bool:
        """Somebody else starts them, with flags of their own."""
        return not (self.in_this_process or self.in_child_processes or self.ray_address)

    @property
    def in_this_process(self) -> bool:
        return self.engines == LOCAL and self.devices is None

    @property
    def in_child_processes(self) -> bool:
        return self.engines == PROCESS or self.devices is not None
