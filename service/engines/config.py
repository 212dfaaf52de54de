"""Where the engines of a service are, read once at the edge (`service.options`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from service import flags
from service.flags import flag

LOCAL, PROCESS = "local", "process"


def where(text: str) -> str:
    if text in (LOCAL, PROCESS):
        return text
    if text.startswith("dns:///"):
        flags.address(text.removeprefix("dns:///"))
        return text
    for one in text.split(","):
        flags.address(one)
    return text


def devices(text: str) -> tuple[str, ...]:
    return tuple(flags.device(one) for one in re.split(r"\s*,\s*", text.strip()))


@dataclass(frozen=True, kw_only=True)
class EnginesConfig:
    engines: str = flag(
        "many engines",
        "--engines WHERE",
        "where speech is made: local, in this process; process, in another one of this machine; or engine servers: "
        "HOST:PORT,HOST:PORT,... or dns:///NAME:PORT, all addresses of a name (docs/scale.md)",
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

    @property
    def in_this_process(self) -> bool:
        return self.engines == LOCAL and self.devices is None

    @property
    def in_child_processes(self) -> bool:
        return self.engines == PROCESS or self.devices is not None
