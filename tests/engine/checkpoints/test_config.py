"""Configuration is strict: what is not known, missing or out of range is an error that says where."""

from dataclasses import dataclass, field

import pytest

from engine.checkpoints.config import build
from engine.errors import InvalidConfig


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 4

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError(f"width is {self.width}, it must be even")


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    sizes: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    inner: Inner = field(default_factory=Inner)
    other: Inner | None = None


def test_nested_values_are_built() -> None:
    mapping = {"name": "a", "sizes": [1, 2], "pairs": [[1, 2]], "inner": {"width": 6}, "other": {"width": 8}}
    assert build(Outer, mapping, "c") == Outer(
        name="a", sizes=(1, 2), pairs=((1, 2),), inner=Inner(width=6), other=Inner(width=8)
    )


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"name": "a", "colour": 1}, r"c: unknown keys \['colour'\]; known: .*'inner'"),
        ({}, r"c: missing keys \['name'\]"),
        ({"name": "a", "inner": {"depth": 1}}, r"c\.inner: unknown keys \['depth'\]"),
        ({"name": "a", "inner": {"width": 5}}, r"c\.inner: width is 5, it must be even"),
        ({"name": "a", "sizes": ["x"]}, r"c\.sizes\[0\]: 'x' is not an int"),
        ({"name": 3}, r"c\.name: 3 is not a str"),
        ({"name": "a", "inner": 3}, r"c\.inner: 3 is not a mapping"),
    ],
)
def test_errors_say_where_and_what(mapping: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        build(Outer, mapping, "c")
