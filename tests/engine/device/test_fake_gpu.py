"""The fake GPU finds what would be overlooked without a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorDeviceMismatchError,
)

from tests.engine.device.fake_gpu import Crossing, fake_gpu

GPU = fake_gpu()

FAULTS: dict[str, tuple[Callable[[Tensor], object], type[Exception]]] = {
    "a number is asked for": (lambda x: x[0, 0].item(), DataDependentOutputException),
    "numbers are asked for": (lambda x: x.tolist(), DataDependentOutputException),
    "a decision is asked for": (lambda x: bool((x > 0).any()), DataDependentOutputException),
    "places are asked for": (lambda x: x.nonzero(), DynamicOutputShapeException),
    "a mask chooses": (lambda x: x[x > 0], DynamicOutputShapeException),
    "it waits for a copy to the host": (lambda x: x.cpu(), Crossing),
    "it waits for a copy from the host": (lambda x: torch.zeros(4).to(x.device), Crossing),
    "it is filled from the host": (lambda x: x.copy_(torch.zeros(3, 4)), Crossing),
    "the host's tensor chooses": (lambda x: x[torch.zeros(2, dtype=torch.int64)], Crossing),
    "a list chooses": (lambda x: x[[0, 1]], NotImplementedError),
    "numbers of the host become a tensor": (lambda x: torch.tensor([1.0], device=x.device), NotImplementedError),
    "a tensor was left on the host": (lambda x: x + torch.zeros(3, 4), FakeTensorDeviceMismatchError),
    "shapes do not fit": (lambda x: x @ x, RuntimeError),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_errors(fault: str) -> None:
    work, error = FAULTS[fault]
    with GPU.running():
        x = torch.zeros(3, 4, device=GPU.at)
        with pytest.raises(error):
            work(x)


@pytest.mark.parametrize("crossing", [lambda: GPU.upload([1, 2]), GPU.finish, lambda: GPU.exchange(2).send()])
def test_nothing_crosses_inside_a_graph(crossing: Callable[[], object]) -> None:
    with GPU.running():
        replay = GPU.capture()(lambda: crossing())
        with pytest.raises(Crossing, match="inside a graph"), GPU.counting():
            replay()


def test_launches_are_counted_and_views_are_none() -> None:
    with GPU.running(), GPU.counting() as counts:
        x = torch.zeros(3, 4, device=GPU.at)  # one
        x[:, 1:].mT.flatten().add_(1.0)  # two: what is flattened is copied
        row = x.unflatten(1, (2, 2))[0]  # none
        torch.nn.functional.linear(x, x)  # one
        GPU.upload([1, 2])  # one
        GPU.download(row)
    assert (counts.launches, counts.waits) == (5, 1)
    assert not counts.in_graphs
