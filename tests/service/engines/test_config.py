"""Where engines are, as the command line says it."""

from __future__ import annotations

import importlib.util
import os
from unittest.mock import patch

import pytest

from service.engines.config import EnginesConfig
from service.engines.errors import CannotStart
from service.engines.ray_cluster import check_installed
from service.options import EnginesCommand, Options, read_options


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
        (["--min-engines", "2"], "'--min-engines' is for Ray (--engines ray)"),
        (["--engines", "process", "--engine-flags", "--model turbo"], "'--engine-flags' is for Ray"),
        (["--engines", "process", "--engine-tls-ca", "ca.pem"], "'--engine-tls-ca' is for engine servers elsewhere"),
        (["--devices", "cpu", "--engine-token-file", "token"], "'--engine-token-file' is for engine servers elsewhere"),
        (["--engines", "a:1,b:1", "--model", "turbo", "--deterministic"], "--model, --deterministic: engine servers"),
        (
            ["--engines", "dns:///a:1", "--max-utterances", "3"],
            "--max-utterances: engine servers have flags of their own",
        ),
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


def test_variables_that_another_process_needs_are_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert options("--engines", "a:1", GAPLESS_VOICES="/data/voices", GAPLESS_MODEL="turbo").engines.run_already
    with patch.dict(os.environ, {"GAPLESS_ENGINE_TLS_CA": "ca.pem"}, clear=True):
        assert isinstance(read_options(["engines", "a:1"], "1.0"), EnginesCommand)
    with pytest.raises(SystemExit):
        options(GAPLESS_ENGINE_TLS_CA="ca.pem")
    assert "variable GAPLESS_ENGINE_TLS_CA is for engine servers elsewhere" in " ".join(capsys.readouterr().err.split())


def test_a_part_of_a_card_whole_cards_and_flags_with_quotes_are_taken() -> None:
    def engines(*arguments: str) -> EnginesConfig:
        return options("--engines", "ray", *arguments).engines

    assert [engines("--engine-gpus", number).engine_gpus for number in ("0.25", "2")] == [0.25, 2.0]
    assert engines("--engine-flags", "--tls-cert 'a b.pem'").engine_flags == "--tls-cert 'a b.pem'"


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CannotStart, match=r"pip install '\.\[ray\]'"):
        check_installed()
