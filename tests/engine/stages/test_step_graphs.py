"""The step that is captured gives what the ordinary one gives, whoever joins, leaves or stands still."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.device.graphs import Capture, CudaCapture, row_buckets
from engine.device.traces import TraceCapture
from engine.networks.linears import LOW_PRECISION, packed_weights
from engine.networks.t3.cache import T3Cache
from engine.networks.t3.t3 import T3
from engine.stages.step_graphs import StepGraphs, position_buckets
from tests.engine.networks.t3.test_t3 import KINDS, build, voice, written
from tests.engine.recording import Counting, record

ROWS = 5
STEPS = 60
CAPTURES = [pytest.param(record, id="recorded"), pytest.param(TraceCapture(), id="traced")]
BUCKET = 16  # positions, so that the 54 to 60 of the tiny models fall into four


def test_buckets_end_with_all_there_is() -> None:
    assert row_buckets(1) == [1]
    assert row_buckets(8) == [1, 2, 4, 8]
    assert row_buckets(10) == [1, 2, 4, 8, 10]
    assert position_buckets(600, 256) == [256, 512, 600]
    assert position_buckets(512, 256) == [256, 512]


class Both:
    """The same utterances through the ordinary step and through graphs, in two caches."""

    def __init__(self, t3: T3, capture: Capture, *, one_shape: bool = False) -> None:
        self.t3, self.caches = t3.requires_grad_(False), [t3.init_cache(ROWS), t3.init_cache(ROWS)]
        self.graphs = StepGraphs(t3, self.caches[1], capture, one_shape=one_shape, bucket=BUCKET)
        self.prefix, self.count = t3.conditioning(voice(t3)), 0

    def join(self, length: int, guided: bool) -> None:
        for cache in self.caches:
            self.t3.prefill(self.prefix, written(self.t3, length, length).to(self.t3.device), cache, self.count, guided)
        self.count += 2 if guided else 1

    def leave(self, row: int) -> None:
        self.count -= 1
        for cache in self.caches:
            if row < self.count:
                cache.move(self.count, row)
            else:
                cache.clear(row)

    def step(self, tokens: Tensor, still: list[int]) -> tuple[Tensor, Tensor]:
        expected, logits = self.t3.step(tokens, self.caches[0]), self.graphs.step(tokens, self.caches[1])
        for cache in self.caches:
            cache.take_back(still)
        return expected, logits

    def lengths(self, cache: T3Cache) -> list[int]:
        return cache.attention.lengths


def same_over_many_steps(both: Both, guidance: bool, seed: int, tolerance: float) -> None:
    rng, steps, longest = random.Random(seed), 0, 0
    while steps < STEPS:
        if both.count < ROWS - 1 and (not both.count or rng.random() < 0.2):
            both.join(rng.randint(3, 9), guidance and rng.random() < 0.5)
        if both.count and rng.random() < 0.05:
            both.leave(rng.randrange(both.count))
        for row in reversed(range(both.count)):
            if both.caches[0].spoken[row] >= both.t3.config.max_speech:
                both.leave(row)
        if both.count:
            tokens = torch.randint(24, (both.count,), generator=torch.Generator().manual_seed(steps))
            expected, logits = both.step(tokens, [row for row in range(both.count) if rng.random() < 0.2])
            assert_close(logits.cpu(), expected.float().cpu(), atol=tolerance, rtol=tolerance)
            ours, theirs = (both.lengths(cache) for cache in both.caches)
            assert ours == theirs
            steps, longest = steps + 1, max(longest, *ours)
    assert longest > 2 * BUCKET  # attention grew over several graphs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("seed", range(2))
def test_replayed_steps_give_the_logits_of_ordinary_ones(kind: str, capture: Capture, seed: int) -> None:
    t3 = build(kind)
    t3.tfmr.fuse()
    same_over_many_steps(Both(t3, capture), t3.config.guidance, seed, 1e-5)


@pytest.mark.parametrize("kind", ["base", "turbo"])
@pytest.mark.parametrize("precision", sorted(LOW_PRECISION))
def test_traced_steps_of_lower_precision_give_the_logits_of_ordinary_ones(kind: str, precision: str) -> None:
    t3 = build(kind)
    t3.quantize(precision)
    same_over_many_steps(Both(t3, TraceCapture(packed_weights(t3))), t3.config.guidance, 0, 1e-5)


def test_with_one_shape_too() -> None:
    t3 = build("base")
    both = Both(t3, record, one_shape=True)
    assert len(both.graphs) == 1
    same_over_many_steps(both, True, 0, 1e-5)


def test_there_is_a_graph_for_every_bucket_before_the_first_step() -> None:
    both = Both(build("turbo"), record)
    capacity, config = both.caches[0].attention.capacity, both.t3.config
    steps, texts = (len(position_buckets(most, BUCKET)) for most in (capacity, config.prefix_len + config.max_text))
    assert len(both.graphs) == len(row_buckets(ROWS)) * (steps + texts)  # with what the alignment needs


@pytest.mark.parametrize("kind", ["embedded", "turbo"])
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_replayed_step_tells_the_alignment_of_an_ordinary_one(kind: str, capture: Capture) -> None:
    both = Both(build(kind), capture)
    for length in (7, 4, 9):
        both.join(length, False)
    for token in range(4):
        tokens = torch.full((3,), token)
        _, expected = both.t3.step_aligned(tokens, both.caches[0], [2, 0])
        _, alignments = both.graphs.step_aligned(tokens, both.caches[1], [2, 0])
        assert_close(alignments, expected)


def test_a_full_cache_and_a_foreign_one_are_refused() -> None:
    t3 = build("turbo")
    cache = t3.init_cache(1, max_len=16)
    graphs = StepGraphs(t3, cache, record, bucket=BUCKET)
    t3.prefill(t3.conditioning(voice(t3)), written(t3, 8), cache)
    with pytest.raises(ValueError, match="cache of 16 positions is full"):
        graphs.step(torch.tensor([1]), cache)
    with pytest.raises(ValueError, match="the cache that it was captured with"):
        graphs.step(torch.tensor([1]), t3.init_cache(1, max_len=16))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_graphs_of_a_gpu_give_the_logits_of_its_ordinary_steps(kind: str) -> None:
    device = torch.device("cuda", 0)
    t3 = build(kind).to(device)
    t3.tfmr.fuse()
    both = Both(t3, CudaCapture(device))
    same_over_many_steps(both, t3.config.guidance, 0, 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_a_captured_step_follow_from_its_buckets_alone(kind: str) -> None:
    """Tensors without values: nobody can ask for one, or mix in one of the host's. In bfloat16, as on a GPU."""
    t3 = build(kind).to("meta", torch.bfloat16)
    t3.tfmr.fuse()
    counting = Counting()
    assert len(StepGraphs(t3, t3.init_cache(ROWS), counting, bucket=BUCKET)) == len(counting.seen) > 4
