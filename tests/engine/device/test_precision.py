"""Which arithmetic and which device a request for them means; what is not to be had is an error that says what is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from engine.checkpoints import is_large
from engine.device.choice import find_device, warn_if_never_run
from engine.device.gpus import Cuda
from engine.device.precision import OFFERED, Precision, offered
from engine.errors import InvalidConfig
from engine.model import EMBEDDED
from tests.engine.device.fake_gpu import FakeGpu

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


ALL = {"cuda": 2, "mps": 1, "cpu": 1}


def test_auto_is_a_gpu_for_models_that_need_one() -> None:
    """It took CUDA, or Apple's GPU, which nobody has run, for the embedded voice too, which a CPU speaks faster."""
    assert find_device("auto", counts=ALL) == torch.device("cuda", 0)
    assert find_device("auto", needs_gpu=False, counts=ALL) == CPU
    assert find_device("auto", counts={**ALL, "cuda": 0}) == CPU
    assert find_device("mps", counts=ALL) == torch.device("mps", 0)
    assert find_device("cuda", counts=ALL) == torch.device("cuda", 0)
    assert find_device("cuda:1", counts=ALL) == torch.device("cuda", 1)
    assert find_device("cpu") == CPU


def test_models_need_one_that_are_not_in_the_projects_own_layout(tmp_path: Path) -> None:
    assert not is_large("embedded")
    assert not is_large(EMBEDDED)
    assert is_large("turbo")
    assert is_large(tmp_path)


def test_what_was_never_run_is_said(caplog: pytest.LogCaptureFixture) -> None:
    warn_if_never_run(CPU)
    assert not caplog.records
    warn_if_never_run(torch.device("mps", 0))
    assert "mps:0: this was never run on Apple's GPUs" in caplog.text


class Turing(Cuda):
    has_bfloat16 = False


def test_a_gpu_that_imitates_bfloat16_gets_float32() -> None:
    """It was the default of T3 on every CUDA device, also below compute capability 8.0."""
    old, new = (kind(torch.device("cuda", 0)) for kind in (Turing, FakeGpu))
    assert {names[0] for names in offered(old).values()} == {"float32"}
    assert {stage: names[0] for stage, names in offered(new).items()} == {
        "t3": "bfloat16",
        "flow": "tf32",
        "vocoder": "float32",
    }


def test_one_place_says_how_matrices_are_multiplied() -> None:
    """Nothing did: the flow's products were slow float32, and the pitch's convolutions were rounded to TF32."""
    matmul, cudnn = torch.backends.cuda.matmul, cast(Any, torch.backends.cudnn)
    kinds = [(matmul, "fp32_precision"), (cudnn.conv, "fp32_precision"), (cudnn.rnn, "fp32_precision")]
    kinds.append((matmul, "allow_bf16_reduced_precision_reduction"))
    before = [getattr(*kind) for kind in kinds]
    try:
        Cuda(torch.device("cuda", 0)).multiply(tf32=True)
        assert [getattr(*kind) for kind in kinds] == ["tf32", "ieee", "ieee", False]
        Cuda(torch.device("cuda", 0)).multiply(tf32=False)
        assert matmul.fp32_precision == "ieee"
    finally:
        for (owner, name), value in zip(kinds, before, strict=True):
            setattr(owner, name, value)
