"""Which published checkpoint a directory holds, and whether all of it is there.

The T3 file says which variant it is. A `gapless.json` beside it may change the variant's configuration: a mapping of
ModelConfig's keys, merged into it (`{"flow": {"steps": 5}}`), and under `encoders` those of EncodersConfig.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.checkpoints.config import build
from engine.checkpoints.native import read_json
from engine.checkpoints.variants import RECOGNISED, VARIANTS, EncodersConfig, Variant
from engine.errors import InvalidConfig, ModelError
from engine.model import ModelConfig

OVERRIDES = "gapless.json"
SHOWN = 12  # files of a directory in an error


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A complete checkpoint's files, and what they say together."""

    variant: Variant
    directory: Path  # of T3 and the text files
    t3: Path
    s3gen: Path
    ve: Path
    voice: Path
    config: ModelConfig
    encoders: EncodersConfig


def find(directories: Sequence[Path], name: str | None = None) -> Layout:
    """The variant in the first directory; what it lacks may be in the others. Raises ModelError, InvalidConfig."""
    directory = directories[0]
    variant = _recognise(directory) if name is None else variant_named(name)
    found: dict[str, Path] = {}
    missing = []
    for role, names in variant.roles.items():
        paths = [path for place in directories for path in _files(place, names, variant if role == "T3" else None)]
        if role == "T3" and len({path.name for path in paths}) > 1:
            raise ModelError(f"{directory} holds several T3 files: {_names(paths)}; leave one of them")
        if paths:
            found[role] = paths[0]
        else:
            missing.append(f"{role} ({' or '.join(names)})")
    if missing:
        said = f"{directory} is {variant.name!r} and lacks {'; '.join(missing)}"
        raise ModelError(f"{said}. {_inventory(directory)}")
    config, encoders = configuration(variant, found["T3"].name, directory / OVERRIDES)
    return Layout(
        variant=variant,
        directory=directory,
        t3=found["T3"],
        s3gen=found["S3Gen"],
        ve=found["voice encoder"],
        voice=found["voice"],
        config=config,
        encoders=encoders,
    )


def variant_named(name: str) -> Variant:
    if name not in VARIANTS:
        raise InvalidConfig(f"unknown variant {name!r}; possible: {', '.join(VARIANTS)}")
    return VARIANTS[name]


def configuration(variant: Variant, t3: str, overrides: Path) -> tuple[ModelConfig, EncodersConfig]:
    """The variant's, for a T3 file of this name, with the file's changes where it exists."""
    config = replace(variant.config, text=replace(variant.config.text, languages=variant.languages(t3)))
    if not overrides.is_file():
        return config, variant.encoders
    changes = read_json(overrides)
    encoders = changes.pop("encoders", {})
    if not isinstance(encoders, Mapping):
        raise InvalidConfig(f"{overrides}.encoders: {encoders!r} is not a mapping")
    return (
        build(ModelConfig, _merged(asdict(config), changes), str(overrides)),
        build(EncodersConfig, _merged(asdict(variant.encoders), encoders), f"{overrides}.encoders"),
    )


def _merged(mapping: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(mapping)
    for key, change in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return merged


def _recognise(directory: Path) -> Variant:
    names = [path.name for path in directory.iterdir()]
    held = {variant.name: t3 for variant in RECOGNISED if (t3 := [name for name in names if variant.is_t3(name)])}
    if len(held) > 1:
        listed = "; ".join(f"{name} ({', '.join(t3)})" for name, t3 in held.items())
        raise ModelError(f"{directory} holds several variants: {listed}. Choose one with --variant")
    if not held:
        wanted = ", ".join(f"{variant.t3[0]} ({variant.name})" for variant in RECOGNISED)
        raise ModelError(
            f"{directory} is no model directory: neither config.json and t3.safetensors are there, nor one of {wanted}"
            f". {_nearest(names)}{_inventory(directory)}"
        )
    return VARIANTS[next(iter(held))]


def _files(directory: Path, names: Sequence[str], t3_of: Variant | None) -> list[Path]:
    """Existing files in the order of `names`."""
    if t3_of is None:
        return [path for name in names if (path := directory / name).is_file()]
    return sorted(path for path in directory.iterdir() if path.is_file() and t3_of.is_t3(path.name))


def _nearest(names: Sequence[str]) -> str:
    """Which variants it would be with a T3 file."""
    nearly = []
    for variant in RECOGNISED:
        rest = [alternatives for role, alternatives in variant.roles.items() if role != "T3"]
        if all(any(name in names for name in alternatives) for alternatives in rest):
            nearly.append(variant.name)
    return f"All else is there for {' or '.join(nearly)}. " if nearly else ""


def _inventory(directory: Path) -> str:
    paths = sorted(directory.iterdir())
    broken = [path for path in paths if path.suffix in (".incomplete", ".part", ".crdownload")]
    said = f"Found: {_names(paths) or 'nothing'}."
    return said + (f" Downloads that broke off: {_names(broken)}." if broken else "")


def _names(paths: Sequence[Path]) -> str:
    more = f", ... ({len(paths) - SHOWN} more)" if len(paths) > SHOWN else ""
    return ", ".join(path.name for path in paths[:SHOWN]) + more
