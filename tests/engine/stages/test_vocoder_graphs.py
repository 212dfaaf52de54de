"""Windows of the vocoder that are captured give the samples of those that are launched one by one."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.checkpoints import load
from engine.device.graphs import row_buckets
from engine.model import Voice
from engine.networks.hift.hift import HiFT
from engine.networks.vocoder_state import VocoderState
from engine.scheduling import sizes
from engine.scheduling.jobs import VocoderWork
from engine.stages.vocoder import SoundState, VocoderStage
from engine.stages.vocoder_graphs import PlacedState, SilentState, VocoderGraphs
from tests.engine.networks.hift.test_hift_laws import CONFIGS
from tests.engine.recording import Counting, record
from tests.engine.tiny import write_tiny_model

ROWS, PLACES, LARGEST, RATIO = 4, 16, 16, 2


@pytest.fixture(params=CONFIGS, scope="module")
def hift(request: pytest.FixtureRequest) -> HiFT:
    torch.manual_seed(0)
    model = HiFT(CONFIGS[request.param]).eval().requires_grad_(False)
    model.f0_predictor.classifier.bias.fill_(120.0)
    for layer in (*model.ups, model.conv_pre, model.conv_post):
        layer.weight.mul_(2.0)
    return model


@pytest.fixture(scope="module")
def graphs(hift: HiFT) -> VocoderGraphs:
    return build(hift, record)


def build(hift: HiFT, capture: Any, places: int = PLACES) -> VocoderGraphs:
    return VocoderGraphs(hift, capture, places=places, batch=ROWS, largest=LARGEST, frames_per_token=RATIO)


def mels(rows: int, tokens: int, seed: int) -> list[Tensor]:
    whole = torch.randn(rows, 80, RATIO * tokens, generator=torch.Generator().manual_seed(seed))
    return list(whole.split(1))


def launched(
    hift: HiFT, pieces: Sequence[Tensor], states: Sequence[VocoderState], final: bool
) -> tuple[Tensor, list[VocoderState]]:
    with torch.inference_mode():
        wav, after = hift(torch.cat(list(pieces)), VocoderState.joined(states), final=final)
    return wav, after.parted()


@pytest.mark.parametrize("rows", [1, 2, ROWS])
def test_replayed_pieces_are_the_launched_ones_bit_for_bit(hift: HiFT, graphs: VocoderGraphs, rows: int) -> None:
    """The same operations on the same shapes, over new mel, seeds and places."""
    for run in range(2):
        seeds = [10 * run + row for row in range(rows)]
        ours: list[PlacedState | None] = [None] * rows
        theirs = [hift.init_state(seed) for seed in seeds]
        for number, tokens in enumerate((LARGEST, 3, 12)):
            given = mels(rows, tokens, 7 * run + number)
            expected, theirs = launched(hift, given, theirs, False)
            wav, sums, ours = graphs.run(given, seeds, ours, final=False)
            assert np.array_equal(wav, expected.numpy())
            assert_close(sums, torch.cat(given).sum((1, 2)).numpy())
        expected, _ = launched(hift, [mel[..., :0] for mel in given], theirs, True)
        wav, _, after = graphs.run([mel[..., :0] for mel in given], seeds, ours, final=True)
        assert np.array_equal(wav, expected.numpy())
        assert after == [None] * rows


@pytest.mark.parametrize("tokens", [11, 12, 23, 31])
@pytest.mark.parametrize("final", [False, True])
def test_pieces_of_no_size_are_run_as_several(hift: HiFT, graphs: VocoderGraphs, tokens: int, final: bool) -> None:
    given = mels(3, tokens, tokens)
    expected, _ = launched(hift, given, [hift.init_state(seed) for seed in range(3)], final)
    wav, sums, _ = graphs.run(given, range(3), [None] * 3, final=final)
    assert_close(wav, expected.numpy(), atol=1e-5, rtol=0)
    assert_close(sums, torch.cat(given).sum((1, 2)).numpy(), atol=1e-3, rtol=1e-5)


def test_utterances_come_and_go_and_sit_anywhere(hift: HiFT, graphs: VocoderGraphs) -> None:
    rng = random.Random(0)
    alive: list[tuple[int, PlacedState | None, VocoderState]] = []
    for number in range(40):
        if len(alive) < 5:
            alive.append((number, None, hift.init_state(number)))
        rng.shuffle(alive)
        is_new = alive[0][1] is None
        chosen = [one for one in alive if (one[1] is None) == is_new][: rng.randint(1, ROWS)]
        given = mels(len(chosen), rng.choice([size for size in sizes.sizes(LARGEST) if size >= 10]), number)
        final = rng.random() < 0.1
        seeds = [seed for seed, _, _ in chosen]
        expected, after = launched(hift, given, [state for *_, state in chosen], final)
        wav, _, placed = graphs.run(given, seeds, [state for _, state, _ in chosen], final=final)
        assert_close(wav, expected.numpy(), atol=1e-5, rtol=0)
        alive = [one for one in alive if one not in chosen]
        if not final:
            alive += list(zip(seeds, placed, after, strict=True))


def test_a_state_that_was_given_stays_as_it_was(graphs: VocoderGraphs) -> None:
    """So that the windows of a failed batch can be tried alone."""
    (given,) = mels(1, 12, 0)
    _, _, states = graphs.run([given], [5], [None], final=False)
    once, _, _ = graphs.run([given], [5], states, final=False)
    again, _, _ = graphs.run([given], [5], states, final=False)
    assert np.array_equal(once, again)


def test_a_state_can_leave_its_place(hift: HiFT, graphs: VocoderGraphs) -> None:
    first, second = mels(1, 12, 0)[0], mels(1, 8, 1)[0]
    _, _, (placed,) = graphs.run([first], [-3], [None], final=False)
    assert placed is not None
    _, state = hift(first, hift.init_state(-3))
    ours, _ = launched(hift, [second], [graphs.eager(placed)], True)
    theirs, _ = launched(hift, [second], [state], True)
    assert torch.equal(ours, theirs)


def test_places_that_nobody_holds_are_free_again(hift: HiFT) -> None:
    graphs = build(hift, Counting(), places=2)
    (given,) = mels(1, 12, 0)
    _, _, first = graphs.run([given], [1], [None], final=False)
    _, _, second = graphs.run([given], [1], first, final=False)
    assert not graphs.covers(second[0], 8, 1)
    del first
    gc.collect()
    assert graphs.covers(second[0], 8, 1)
    assert not graphs.covers(second[0], 8, 2)


def test_a_first_piece_without_sound_has_no_graph(hift: HiFT, graphs: VocoderGraphs) -> None:
    least = -(-hift.hold_back_samples // (RATIO * hift.samples_per_frame))
    assert not graphs.covers(None, RATIO * (least - 1), 1)
    assert graphs.covers(None, RATIO * 10, 1)
    firsts = sum(RATIO * size * hift.samples_per_frame > hift.hold_back_samples for size in sizes.sizes(LARGEST))
    assert len(graphs) == len(row_buckets(ROWS)) * (len(sizes.sizes(LARGEST)) + firsts + 1)


def test_a_segment_may_begin_with_a_window_without_sound(tmp_path: Path) -> None:
    """Its first windows wait until there is one, and the others have graphs; the last of them ends the segment."""
    model = load(str(write_tiny_model(tmp_path / "tiny")))
    assert isinstance(model.vocoder, HiFT)
    voice = model.prepare(model.voices["one"])
    stages = [VocoderStage(model, graphs=graphs) for graphs in (None, build(model.vocoder, Counting()))]
    for cuts in ((1, 1, 5, 3), (1, 12), (1, 1)):
        launched, by_graphs = (_segment(stage, voice, cuts) for stage in stages)
        assert isinstance(by_graphs[0][1].vocoder, SilentState)
        assert all(isinstance(state.vocoder, PlacedState) for _, state in by_graphs[1:-1])
        audio = [np.concatenate([samples for samples, _ in one]) for one in (launched, by_graphs)]
        assert_close(audio[1], audio[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.3, 2.0])
def test_every_window_has_a_graph_at_any_rate(tmp_path: Path, rate: float) -> None:
    """The tempo gives whole tokens. What is larger than the largest window is run as several, and a window of one token
    may come to nothing."""
    model = load(str(write_tiny_model(tmp_path / "tiny")))
    assert isinstance(model.vocoder, HiFT)
    voice = model.prepare(model.voices["one"])
    stages = [VocoderStage(model, graphs=graphs) for graphs in (None, build(model.vocoder, Counting()))]
    for cuts in ((1, 1, 1, 1, 12, 1, 1, 5, LARGEST, 3), (LARGEST, 1, 1, 1), (12,)):
        launched, by_graphs = (_segment(stage, voice, cuts, rate) for stage in stages)
        for _, state in by_graphs[:-1]:
            assert isinstance(state.vocoder, PlacedState | SilentState)
        audio = [np.concatenate([samples for samples, _ in one]) for one in (launched, by_graphs)]
        assert_close(audio[1], audio[0], atol=1e-5, rtol=0)
        assert len(audio[0]) == 960 * int(sum(cuts) / rate + 0.5)


def _segment(stage: VocoderStage, voice: Voice, cuts: Sequence[int], rate: float = 1.0) -> list[tuple[Any, SoundState]]:
    """What two utterances get together: of each window the audio, and the state of one of them."""
    states, said = [stage.open(voice, seed, rate) for seed in range(2)], []
    for number, tokens in enumerate(cuts):
        final, given = number == len(cuts) - 1, mels(2, tokens, 7 * number)
        works = [VocoderWork(mel=mel, segment=0, final=final, ends_sentence=True) for mel in given]
        done = stage.run(states, works)
        states = [state for _, state in done]
        said.append((np.stack([audio for audio, _ in done], 1), states[0]))
    return said
