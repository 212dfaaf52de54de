"""JSON mapping -> frozen dataclass, strictly: unknown and missing keys are errors that say where."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from engine.errors import InvalidConfig

T = TypeVar("T")


def build(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """Builds the dataclass `cls` from `mapping`; nested dataclasses and tuples are built from mappings and lists.

    `where` is the path of the mapping in its file, for messages. Raises InvalidConfig."""
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls))}
    if unknown := sorted(set(mapping) - set(fields)):
        raise InvalidConfig(f"{where}: unknown keys {unknown}; known: {sorted(fields)}")
    required = {name for name, field in fields.items() if _is_required(field)}
    if missing := sorted(required - set(mapping)):
        raise InvalidConfig(f"{where}: missing keys {missing}")
    hints = typing.get_type_hints(cls)
    values = {key: _value(hints[key], value, f"{where}.{key}") for key, value in mapping.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise InvalidConfig(f"{where}: {error}") from error


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if value is None and type(None) in typing.get_args(hint):
            return None
        (hint,) = [option for option in typing.get_args(hint) if option is not type(None)]
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise InvalidConfig(f"{where}: {value!r} is not a mapping")
        return build(typing.cast(type[Any], hint), value, where)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise InvalidConfig(f"{where}: {value!r} is not a list")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, item, f"{where}[{index}]") for index, item in enumerate(value))
    accepted = (int, float) if hint is float else hint
    if isinstance(value, bool) is not (hint is bool) or not isinstance(value, accepted):
        raise InvalidConfig(f"{where}: {value!r} is not {'an' if hint is int else 'a'} {hint.__name__}")
    return value
