"""Windows of several segments in one run: each gets what it would get alone, and keeps nothing of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.networks.flow.flow import FORMS, Flow
from engine.networks.flow.state import FlowPrompt, FlowState
from tests.engine.networks.flow.tiny_flow import WAYS, random_prompt, random_tokens, tiny_flow

N_NEW, SEEN = 4, 3
TOLERANCE = 1e-5  # of the largest value: sums are taken in another order


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=WAYS)
def flow(request: pytest.FixtureRequest, form: str) -> Flow:
    return tiny_flow(replace(WAYS[request.param], form=form))


def advanced(flow: Flow, prompt: FlowPrompt, seed: int, windows: int) -> FlowState:
    """A segment after some windows of tokens of its own."""
    state = flow.init_state(prompt, seed)
    for index in range(windows):
        _, state = flow.window(random_tokens(N_NEW + SEEN, 100 * seed + index), N_NEW, state)
    return state


def together(
    flow: Flow, states: Sequence[FlowState], final: bool = False
) -> tuple[Tensor, list[FlowState], list[tuple[Tensor, FlowState]]]:
    """One window of each state: in one run, and alone."""
    length = N_NEW + (0 if final else SEEN)
    tokens = torch.cat([random_tokens(length, 50 + index) for index in range(len(states))])
    alone = [flow.window(tokens[index : index + 1], N_NEW, state, final) for index, state in enumerate(states)]
    mel, following = flow.windows(tokens, N_NEW, states, final)
    return mel, following, alone


def tensors(value: Any) -> Iterator[Tensor]:
    """Of a segment; its voice is shared and not looked into."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from tensors(part)
    elif is_dataclass(value) and not isinstance(value, FlowPrompt):
        for field in fields(value):
            yield from tensors(getattr(value, field.name))


def assert_same(given: Tensor, expected: Tensor) -> None:
    assert given.shape == expected.shape
    if expected.numel():
        assert (given - expected).abs().max() <= TOLERANCE * expected.abs().max()


@pytest.mark.parametrize("final", [False, True])
def test_segments_of_other_seeds_positions_and_voices_get_what_each_gets_alone(flow: Flow, final: bool) -> None:
    grows = flow.config.form == "cumulative"  # there a state's shapes tell its position
    prompts = [random_prompt(flow, 12, seed) for seed in (2, 5)]
    states = [advanced(flow, prompts[0], 11, 3), advanced(flow, prompts[1], 12, 3 if grows else 5)]
    states.append(advanced(flow, prompts[0], 13, 3 if grows else 4))
    mel, following, alone = together(flow, states, final)
    for index, (expected, state) in enumerate(alone):
        assert_same(mel[index : index + 1], expected)
        for given, own in zip(tensors(following[index]), tensors(state), strict=True):
            assert_same(given, own)
    again, _, alone = together(flow, following)  # and so on from the states that came out
    for index, (expected, _) in enumerate(alone):
        assert_same(again[index : index + 1], expected)


def test_a_state_from_a_batch_shares_no_memory_with_the_others(flow: Flow) -> None:
    prompts = [random_prompt(flow, 12, seed) for seed in (2, 5)]
    states = [advanced(flow, prompt, seed, 3) for seed, prompt in enumerate(prompts, 11)]
    _, following, alone = together(flow, states)
    first, second = ({part.untyped_storage().data_ptr() for part in tensors(state)} for state in following)
    assert not (first & second) - {0}
    for state, (_, own) in zip(following, alone, strict=True):
        held = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in tensors(state)}
        lone = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in tensors(own)}
        assert sum(held.values()) <= sum(lone.values())


def test_a_batch_leaves_the_states_it_was_given_as_they_were(flow: Flow) -> None:
    states = [advanced(flow, random_prompt(flow), seed, 2) for seed in (11, 12)]
    before = [[part.clone() for part in tensors(state)] for state in states]
    together(flow, states)
    for state, parts in zip(states, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(tensors(state), parts, strict=True))


def test_keys_are_equal_where_shapes_are(flow: Flow) -> None:
    prompt, form = random_prompt(flow, 12), flow.config.form
    fresh, later = flow.init_state(prompt, 1), [advanced(flow, prompt, 2, windows) for windows in (3, 4)]

    def key(state: FlowState, n_new: int = N_NEW, seen: int = SEEN, final: bool = False) -> object:
        return flow.batch_key(state, n_new, seen, final)

    assert key(fresh) == key(flow.init_state(random_prompt(flow, 12, 5), 9))
    assert (key(later[0]) == key(later[1])) == (form != "cumulative")
    others = [key(fresh, N_NEW + 1), key(fresh, seen=2), key(fresh, seen=0), key(fresh, seen=0, final=True)]
    others += [key(flow.init_state(random_prompt(flow, 11), 1)), key(later[0]), key(fresh)]
    assert len(set(others)) == len(others)


def test_windows_of_several_keys_are_refused(flow: Flow) -> None:
    states = [flow.init_state(random_prompt(flow, length), 1) for length in (12, 11)]
    with pytest.raises(ValueError, match="several batch keys"):
        together(flow, states)
