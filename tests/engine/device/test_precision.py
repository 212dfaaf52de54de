"""Which arithmetic and which device a request for them means; what is not to be had is an error that says what is."""

from __future__ import annotations

import pytest
import torch

from engine.device.device import find_device
from engine.device.precision import OFFERED, Precision
from engine.errors import InvalidConfig

CPU = torch.device("cpu")


def test_nothing_said_is_the_safe_default_of_the_device() -> None:
    assert Precision.parse("", CPU) == Precision(t3="float32", flow="float32", vocoder="float32")


def test_one_name_is_for_every_stage_that_offers_it() -> None:
    assert Precision.parse("bfloat16", CPU) == Precision(t3="bfloat16", flow="bfloat16", vocoder="bfloat16")
    assert Precision.parse("int8", CPU) == Precision(t3="int8")


def test_stages_are_named_one_by_one() -> None:
    assert Precision.parse("t3=int8, vocoder=bfloat16", CPU) == Precision(t3="int8", vocoder="bfloat16")


@pytest.mark.parametrize("text", ["float8", "t3=float16", "flow=int8", "t4=int8", "t3"])
def test_what_no_stage_offers_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(InvalidConfig, match=r"possible on cpu: t3=float32\|bfloat16\|int8"):
        Precision.parse(text, CPU)


def test_every_stage_offers_something_on_every_device() -> None:
    assert all(set(devices) == {"cpu", "cuda", "mps"} and all(devices.values()) for devices in OFFERED.values())


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cpu:x", "cpu:1", ""])
def test_a_device_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(InvalidConfig, match=r"on this machine: auto, .*cpu"):
        find_device(name)


def test_auto_takes_what_is_here() -> None:
    assert find_device("auto").type in ("cuda", "mps", "cpu")
    assert find_device("cpu") == CPU
