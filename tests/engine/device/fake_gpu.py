"""A GPU that does not exist: tensors of any size on it take no memory, and operations no arithmetic.

`torch` knows it as the device "fakegpu". Inside `FakeGpu.running()` every tensor is fake: operations check devices and
shapes and tell the shape of what they give. What a real GPU would do and a test must not overlook is an error here:

    a tensor of the host beside one of the device            FakeTensorDeviceMismatchError, or Crossing
    `item`, `tolist`, `bool`, `nonzero`, a mask as an index  DataDependentOutputException, DynamicOutputShapeException
    `torch.tensor(numbers, device=...)`, a list as an index  NotImplementedError
    `.to(device)`, `.cpu()`, `copy_` between the two         Crossing

Values cross by the ways of `engine.device.device.Device` only, which are counted; inside a captured graph not even so.
Operations that a GPU would launch are counted by name, views are none. So is, outside graphs, whatever takes memory of
the device, or memory of the host that a copy goes to or comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from engine.device.device import Device, Exchange, Inbox, Lane
from engine.device.gpus import Cuda

NAME = "fakegpu"


class Crossing(AssertionError):
    """A value went between host and device behind the back of `Device`, or inside a graph."""


class Counts:
    """What the host did for a piece of work."""

    def __init__(self) -> None:
        self.launched: Counter[str] = Counter()  # operations by name, those of graphs not among them
        self.in_graphs: Counter[str] = Counter()
        self.allocated: Counter[str] = Counter()  # by whom memory was taken outside graphs
        self.graphs = self.uploads = self.waits = 0

    @property
    def launches(self) -> int:
        """Operations, graphs and copies that the host gives to the device."""
        return self.launched.total() + self.graphs + self.uploads

    def __str__(self) -> str:
        others = f"{self.launched.most_common(12)}, memory by {self.allocated.most_common(12)}"
        return f"{self.launches} launches, {self.waits} waits; {others}; {self.in_graphs.most_common(40)}"


class _Watch(TorchDispatchMode):
    """Counts what is launched and refuses what crosses."""

    def __init__(self, gpu: FakeGpu) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._gpu = gpu

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        result = operation(*args, **(kwargs or {}))
        if operation is torch.ops.aten.scaled_dot_product_attention.default:
            result = _as_kernels_write(result)
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        # A number that Python wrapped goes along as an argument of the kernel, wherever it is said to be.
        kinds = {tensor.device.type for tensor in [*given, *made] if tensor.dim() or tensor.device.type != "cpu"}
        if len(kinds) > 1 and not self._gpu.loading:
            raise Crossing(f"{operation}: {sorted(kinds)}")
        if kinds == {NAME}:
            is_new = _is_new(given, made)
            if operation._schema.is_mutable or (is_new and not _is_empty(operation)):
                self._gpu.count(str(operation))
            if is_new:
                self._gpu.took_memory(str(operation))
        return result


def _as_kernels_write(attended: Tensor) -> Tensor:
    """[B, H, T, D] as CUDA's kernels leave it: the heads of a position lie together, and joining them is a view."""
    return attended.transpose(1, 2).contiguous().transpose(1, 2)


def _is_empty(operation: Any) -> bool:
    return bool(operation.name().startswith(("aten::empty", "aten::new_empty")))


def _is_new(given: Sequence[Tensor], made: Sequence[Tensor]) -> bool:
    """Whether there is memory in what was made that was not in what was given."""
    known = {_memory(tensor) for tensor in given}
    return any(_memory(tensor) not in known and tensor.numel() for tensor in made)


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class FakeCapture:
    """A capture whose graphs run what they hold, as one launch, and let nothing cross meanwhile."""

    any_shape = False

    def __init__(self, gpu: FakeGpu) -> None:
        self._gpu = gpu

    def __call__(self, work: Callable[..., object], *memory: Tensor) -> Callable[[], None]:
        def replay() -> None:
            self._gpu.counts.graphs += 1
            with self._gpu.inside_a_graph():
                work(*memory)

        return replay


class _FakeExchange(Exchange):
    def __init__(self, gpu: FakeGpu, shape: Sequence[int]) -> None:
        self._gpu = gpu
        self.host = np.zeros(tuple(shape), np.int64)
        self.tensor = torch.zeros(tuple(shape), dtype=torch.int64, device=gpu.at)

    def send(self) -> Tensor:
        self._gpu.crossed("an upload")
        self._gpu.counts.uploads += 1
        return self.tensor


class _FakeInbox(Inbox):
    def __init__(self, gpu: FakeGpu, tensors: Sequence[Tensor]) -> None:
        self._gpu, self._tensors = gpu, tuple(tensors)

    def receive(self, count: int) -> list[NDArray[Any]]:
        self._gpu.finish()
        return self._gpu.fetched(*(tensor[:count] for tensor in self._tensors))


class FakeGpu(Cuda):
    """What CUDA's `Device` says of itself, but for what needs the real one."""

    has_bfloat16 = True
    attends_in_place = True

    def __init__(self, at: torch.device) -> None:
        super().__init__(at)
        self.counts = Counts()
        self.loading = False
        self._in_graph = False
        self._mode = FakeTensorMode()  # one for all tests, so that tensors of one may be used by another

    @contextmanager
    def running(self) -> Iterator[None]:
        with torch.inference_mode(), self._mode, _Watch(self):
            yield

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        before, self.counts = self.counts, Counts()
        try:
            yield self.counts
        finally:
            self.counts = before

    @contextmanager
    def free_to_cross(self) -> Iterator[None]:
        """For loading and cloning, which may wait for copies, and begin with real tensors of the host."""
        self.loading = self._mode.allow_non_fake_inputs = True
        try:
            yield
        finally:
            self.loading = self._mode.allow_non_fake_inputs = False

    @contextmanager
    def inside_a_graph(self) -> Iterator[None]:
        self._in_graph = True
        try:
            yield
        finally:
            self._in_graph = False

    def count(self, operation: str) -> None:
        (self.counts.in_graphs if self._in_graph else self.counts.launched)[operation] += 1

    def took_memory(self, operation: str) -> None:
        if not self._in_graph:
            self.counts.allocated[operation] += 1

    def crossed(self, how: str) -> None:
        if self._in_graph:
            raise Crossing(f"{how} inside a graph")

    def take_stream(self, lane: Lane) -> None:
        pass

    def keep_until_read(self, tensor: Tensor) -> None:
        pass

    def finish(self) -> None:
        self.crossed("a wait")
        self.counts.waits += 1

    def upload(self, values: Any) -> Tensor:
        self.crossed("an upload")
        self.counts.uploads += 1
        host = Device.upload(self, values)
        self.took_memory("pinned, to upload")
        return torch.empty(host.shape, dtype=host.dtype, device=self.at)

    def download(self, *tensors: Tensor) -> list[NDArray[Any]]:
        self.finish()
        self.took_memory("pinned, to download")
        return self.fetched(*tensors)

    def fetched(self, *tensors: Tensor) -> list[NDArray[Any]]:
        assert all(tensor.device == self.at for tensor in tensors)
        return [np.zeros(tuple(tensor.shape), _NUMPY[tensor.dtype]) for tensor in tensors]

    def exchange(self, *shape: int) -> Exchange:
        return _FakeExchange(self, shape)

    def inbox(self, *tensors: Tensor) -> Inbox:
        return _FakeInbox(self, tensors)

    def capture(self, packed: Sequence[Tensor] = ()) -> FakeCapture:
        return FakeCapture(self)

    def window_capture(self) -> FakeCapture:
        return FakeCapture(self)

    def free_bytes(self) -> int:
        return 80 << 30


_NUMPY = {torch.float32: np.float32, torch.int64: np.int64}


def fake_gpu() -> FakeGpu:
    """The one of this process. A second device of that kind cannot be had."""
    if NAME not in Device.kinds:
        _setup_privateuseone_for_python_backend(NAME)
        Device.kinds[NAME] = FakeGpu
    gpu = Device.of(torch.device(NAME, 0))
    assert isinstance(gpu, FakeGpu)
    return gpu
