"""Where engines are, as the command line says it."""

from __future__ import annotations

import importlib.util
import os
from unittest.mock import patch

import pytest

from service.engines.errors import CannotStart
from service.engines.ray_cluster import check_installed
from service.options import Options, read_options


def options(*arguments: str, **environ: str) -> Options:
    with patch.dict(os.environ, environ, clear=True):
        read = read_options(arguments, "1.0")
    assert isinstance(read, Options)
    return read


@pytest.mark.parametrize(
    ("engines", "named", "address"),
    [
        ("ray", None, "local"),
        ("ray", "local", "local"),
        ("ray", "10.0.0.1:6379", "10.0.0.1:6379"),
        ("ray", "auto", "auto"),
        ("ray", "ray://head:10001", "ray://head:10001"),
        ("ray:10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.1:6379"),
        ("ray:auto", None, "auto"),
        ("ray://head:10001", None, "ray://head:10001"),
        ("rayhost:50061", None, None),
        ("process", "10.0.0.1:6379", None),
        ("local", None, None),
    ],
)
def test_a_cluster_of_ray_is_named_as_ray_names_it(engines: str, named: str | None, address: str | None) -> None:
    environ = {} if named is None else {"RAY_ADDRESS": named}
    assert options("--engines", engines, **environ).engines.ray_address == address


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--engines", "ray:6379"], "'6379' is not host:port"),
        (["--engines", "ray://head"], "'head' is not host:port"),
        (["--engines", "ray", "--device", "cuda:1"], "Ray chooses the card"),
        (["--min-engines", "3", "--max-engines", "2"], "--max-engines 2 is less than --min-engines 3"),
        (["--engine-flags", "--tls-cert 'a"], "cannot be read: No closing quotation"),
        (["--engine-gpus", "1.5"], "'1.5' is neither a part of a card nor a whole number"),
        (["--engine-gpus", "65"], "'65' is not a number from 0 to 64"),
        (["engines", "ray"], "'ray' names no addresses"),
        (["engines", "ray:head:1"], "'ray:head:1' names no addresses"),
        (["engines", "process"], "'process' names no addresses"),
    ],
)
def test_what_does_not_fit_is_told(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        options(*arguments)
    assert end.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.split())


def test_a_part_of_a_card_whole_cards_and_flags_with_quotes_are_taken() -> None:
    assert [options("--engine-gpus", number).engines.engine_gpus for number in ("0.25", "2")] == [0.25, 2.0]
    assert options("--engine-flags", "--tls-cert 'a b.pem'").engines.engine_flags == "--tls-cert 'a b.pem'"


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CannotStart, match=r"pip install '\.\[ray\]'"):
        check_installed()
