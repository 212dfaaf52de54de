"""Windows of the flow that are captured on a grid give what windows of their exact shapes give, whether their prompts
are copied or read where they lie."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.device.device import Device
from engine.networks.flow.flow import Flow
from engine.networks.flow.state import FlowState
from engine.stages import flow_graphs
from engine.stages.flow_graphs import FlowGraphs, PlacedFlow
from engine.stages.flow_prompts import FlowPrompts
from tests.engine.device.efficient_attention import on_a_cpu
from tests.engine.networks.flow.tiny_flow import RATIO, WAYS, random_prompt, random_tokens, tiny_flow
from tests.engine.recording import Counting, record

ROWS, PLACES, MOST, VOICES, ROOM = 4, 12, 30, 3, 14


class Both:
    """The same segments, launched and by graphs."""

    def __init__(self, flow: Flow, capture: Any, voices: Sequence[int]) -> None:
        """Voices of so many tokens."""
        self.flow = flow
        prompts = FlowPrompts(flow, torch.device("cpu"), voices=VOICES, room=ROOM)
        self.graphs = FlowGraphs(flow, capture, prompts, places=PLACES, batch=ROWS, most=MOST)
        self.voices = [random_prompt(flow, count, seed) for seed, count in enumerate(voices)]
        self.settled = [self.graphs.settle(voice) for voice in self.voices]


@pytest.fixture(params=WAYS, scope="module")
def flow(request: pytest.FixtureRequest) -> Flow:
    return tiny_flow(replace(WAYS[request.param], form="windowed"))


@pytest.fixture(params=["copied", "in place"], scope="module")
def reading(request: pytest.FixtureRequest) -> Iterator[None]:
    """How several windows read their prompts."""
    if request.param == "copied":
        yield
        return
    with pytest.MonkeyPatch.context() as patch, on_a_cpu():
        patch.setattr(Device, "attends_in_place", True)
        patch.setattr(flow_graphs, "IN_PLACE", 2)
        yield


@pytest.fixture(scope="module")
def both(flow: Flow, reading: None) -> Both:
    return Both(flow, record, (12, 17, 4))


def window(flow: Flow, state: FlowState, tokens: Tensor, n_new: int, final: bool) -> tuple[Tensor, FlowState]:
    return flow.window(tokens, n_new, state, final=final)


def test_windows_of_any_lengths_and_voices_run_together(flow: Flow, both: Both) -> None:
    rng = random.Random(1)
    alive: list[tuple[PlacedFlow, FlowState]] = []
    mixed = 0
    for number in range(30):
        while len(alive) < 6:
            voice, seed = rng.randrange(3), rng.randrange(-100, 100)
            alive.append((PlacedFlow(both.settled[voice], seed), flow.init_state(both.voices[voice], seed)))
        rng.shuffle(alive)
        works = [(rng.choice([1, 3, 6, 12]), rng.randint(0, 3)) for _ in alive]
        first = both.graphs.alike(alive[0][0], sum(works[0]))
        chosen = [place for place, (one, _) in enumerate(alive) if both.graphs.alike(one, sum(works[place])) == first][
            :ROWS
        ]
        tokens = [random_tokens(sum(works[place]), 40 * number + place) for place in chosen]
        states = [alive[place][0] for place in chosen]
        assert both.graphs.covers(states[0], sum(works[chosen[0]]), len(chosen))
        done = both.graphs.run([row[0].tolist() for row in tokens], [works[place][0] for place in chosen], states)
        mixed += len({works[place] for place in chosen}) > 1
        for place, row, (mel, after) in zip(chosen, tokens, done, strict=True):
            final = rng.random() < 0.2 and works[place][1] == 0
            expected, follows = window(flow, alive[place][1], row, works[place][0], final)
            assert_close(mel, expected, atol=2e-4, rtol=1e-4)
            alive[place] = (after, follows)
        alive = [one for one in alive if one[0].position < 40]
    assert mixed > 10


def test_replayed_windows_are_the_launched_ones_bit_for_bit(flow: Flow, reading: None) -> None:
    ours, theirs = (Both(flow, capture, (12, 9)) for capture in (record, Counting()))
    states = [[PlacedFlow(one.settled[voice], voice) for voice in (0, 1)] for one in (ours, theirs)]
    for number, n_new in enumerate(((5, 3), (12, 1), (2, 9))):
        tokens = [random_tokens(new + 3, number)[0].tolist() for new in n_new]
        replayed = ours.graphs.run(tokens, n_new, states[0])
        launched = theirs.graphs.run(tokens, n_new, states[1])
        for (mel, _), (expected, _) in zip(replayed, launched, strict=True):
            assert torch.equal(mel, expected)
        states = [[state for _, state in done] for done in (replayed, launched)]


def test_a_state_that_was_given_stays_as_it_was(both: Both) -> None:
    """So that a proposal can be dropped."""
    tokens, state = [random_tokens(9)[0].tolist()], PlacedFlow(both.settled[0], 3)
    ((_, after),) = both.graphs.run(tokens, [6], [state])
    ((once, _),) = both.graphs.run(tokens, [6], [after])
    ((again, _),) = both.graphs.run(tokens, [6], [after])
    assert torch.equal(once, again)


def test_a_state_can_leave_its_place(flow: Flow, both: Both) -> None:
    state, expected = PlacedFlow(both.settled[1], 3), flow.init_state(both.voices[1], 3)
    assert torch.equal(both.graphs.eager(state).context.tokens, expected.context.tokens)
    for number, n_new in enumerate((4, 7)):
        tokens = random_tokens(n_new + 2, number)
        ((_, state),) = both.graphs.run([tokens[0].tolist()], [n_new], [state])
        _, expected = flow.window(tokens, n_new, expected)
        left = both.graphs.eager(state)
        assert (left.position, left.lengths) == (expected.position, expected.lengths)
        assert torch.equal(left.context.tokens, expected.context.tokens)
        assert torch.equal(left.context.noise, expected.context.noise)
        assert_close(left.context.mel, expected.context.mel, atol=2e-4, rtol=1e-4)


def test_a_voice_that_finds_no_place_is_as_it_was(flow: Flow) -> None:
    both = Both(flow, Counting(), (12,))
    others = [random_prompt(flow, 5, seed) for seed in range(VOICES)]
    settled = [both.graphs.settle(one) for one in others]
    assert [one.place is None for one in settled] == [False, False, True]
    assert settled[-1] is others[-1]
    long, short = random_prompt(flow, ROOM + 4), random_prompt(flow, 2)
    del settled
    gc.collect()
    assert both.graphs.settle(long) is long
    assert both.graphs.settle(short) is short  # none of it can be prepared: it is run in front of every segment
    assert both.graphs.settle(others[-1]).place is not None
    assert not both.graphs.covers(PlacedFlow(long, 0), 5)
    assert not both.graphs.covers(PlacedFlow(both.settled[0], 0), MOST + 1)


def test_a_settled_voice_speaks_as_before_where_windows_are_launched(flow: Flow, both: Both) -> None:
    tokens = random_tokens(8)
    mels = [flow.offline(tokens, prompt, 1) for prompt in (both.voices[0], both.settled[0])]
    assert_close(mels[0], mels[1], atol=1e-5, rtol=1e-5)
    assert mels[0].shape[2] == RATIO * 8


def test_mel_stays_as_long_as_somebody_holds_it(flow: Flow) -> None:
    """It has a place where the graphs write it, and is not copied; where places have run out, it is."""
    both = Both(flow, Counting(), (12,))
    tokens, state = [random_tokens(9)[0].tolist()], PlacedFlow(both.settled[0], 3)
    made = [both.graphs.run(tokens, [6], [replace(state, seed=seed)])[0][0] for seed in range(3 * PLACES)]
    kept = [mel.clone() for mel in made]
    assert len({mel.data_ptr() for mel in made}) == 3 * PLACES
    for seed in (50, 51):
        both.graphs.run(tokens, [6], [replace(state, seed=seed)])
    assert all(torch.equal(mel, before) for mel, before in zip(made, kept, strict=True))
    place = made.pop(0).data_ptr()
    gc.collect()
    ((again, _),) = both.graphs.run(tokens, [6], [state])
    assert again.data_ptr() == place
