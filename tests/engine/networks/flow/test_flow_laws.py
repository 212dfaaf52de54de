"""The laws of streaming over the flow: plain, with guidance, as mean-flow, predicting the mel, in every form."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from engine.networks.flow.attention import Commit
from engine.networks.flow.flow import FORMS, Flow, FlowConfig
from tests.engine.networks.flow.tiny_flow import (
    RATIO,
    SEED,
    WAYS,
    next_window,
    random_prompt,
    random_tokens,
    stream,
    tiny_flow,
)

LENGTH = 40
RECORDS = {
    "served": [Commit(4, 3), Commit(12, 3), Commit(28, 3), Commit(40, 0)],
    "token by token, then a long one": [*(Commit(end, 3) for end in range(1, 9)), Commit(40, 0)],
    "rescued": [Commit(4, 1), Commit(9, 0), Commit(10, 2), Commit(30, 3), Commit(38, 2), Commit(40, 0)],
    "one": [Commit(40, 0)],
}


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=WAYS)
def flow(request: pytest.FixtureRequest, form: str) -> Flow:
    return tiny_flow(replace(WAYS[request.param], form=form))


@pytest.mark.parametrize("prompt_tokens", [0, 2, 12])
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_cached_windows_equal_their_replay_in_one_masked_run(
    way: FlowConfig, record: list[Commit], prompt_tokens: int
) -> None:
    flow = tiny_flow(way)
    tokens, prompt = random_tokens(LENGTH), random_prompt(flow, prompt_tokens)
    assert_close(stream(flow, tokens, record, prompt), flow.replay(tokens, record, prompt, SEED), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prompt_tokens", [0, 2, 12])
def test_one_window_of_any_form_equals_one_masked_run(flow: Flow, prompt_tokens: int) -> None:
    tokens, prompt, record = random_tokens(LENGTH), random_prompt(flow, prompt_tokens), RECORDS["one"]
    assert_close(flow.offline(tokens, prompt, SEED), flow.replay(tokens, record, prompt, SEED), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_cumulative_window_is_the_end_of_a_first_window_over_everything(way: FlowConfig) -> None:
    flow = tiny_flow(replace(way, form="cumulative"))
    tokens, prompt, record = random_tokens(LENGTH), random_prompt(flow), RECORDS["rescued"]
    mel, begin = stream(flow, tokens, record, prompt), 0
    for commit in record:
        whole, _ = next_window(flow, tokens, commit, flow.init_state(prompt, SEED))
        frames = slice(RATIO * begin, RATIO * commit.end)
        assert_close(mel[..., frames], whole[..., frames])
        begin = commit.end


def test_windows_that_are_runs_of_their_own_have_no_replay() -> None:
    flow = tiny_flow(replace(WAYS["plain"], form="windowed"))
    with pytest.raises(ValueError, match="runs of their own"):
        flow.replay(random_tokens(LENGTH), RECORDS["served"], random_prompt(flow), SEED)


def test_offline_is_one_final_window(flow: Flow) -> None:
    tokens, prompt = random_tokens(LENGTH), random_prompt(flow)
    assert_close(flow.offline(tokens, prompt, SEED), stream(flow, tokens, [Commit(LENGTH, 0)], prompt))


def test_tokens_behind_the_lookahead_never_change_what_was_heard(flow: Flow) -> None:
    tokens, record, prompt = random_tokens(LENGTH), RECORDS["rescued"], random_prompt(flow)
    mel = stream(flow, tokens, record, prompt)
    for commit in record[:-1]:
        known = commit.end + commit.seen
        other = torch.cat((tokens[:, :known], random_tokens(LENGTH - known, seed=9)), 1)
        heard = RATIO * commit.end
        assert_close(stream(flow, other, record, prompt)[..., :heard], mel[..., :heard], atol=1e-5, rtol=1e-5)


def test_interleaved_utterances_give_what_each_gives_alone(flow: Flow) -> None:
    prompt, tokens = random_prompt(flow), [random_tokens(LENGTH, seed) for seed in (4, 5)]
    records = [RECORDS["served"], RECORDS["rescued"][:4]]
    alone = [stream(flow, *pair, prompt) for pair in zip(tokens, records, strict=True)]
    states, heard = [flow.init_state(prompt, SEED) for _ in tokens], [torch.zeros(1, alone[0].shape[1], 0)] * 2
    for commits in zip(*records, strict=True):
        for index, commit in enumerate(commits):
            mel, states[index] = next_window(flow, tokens[index], commit, states[index])
            heard[index] = torch.cat((heard[index], mel), 2)
    assert_close(heard, alone, atol=0, rtol=0)


def test_a_forked_state_continues_the_same_in_both_copies(flow: Flow) -> None:
    tokens, prompt, record = random_tokens(LENGTH), random_prompt(flow), RECORDS["served"]
    _, state = next_window(flow, tokens, record[0], flow.init_state(prompt, SEED))
    fork = copy.deepcopy(state)
    first, _ = next_window(flow, tokens, record[1], state)
    dropped, _ = next_window(flow, tokens, Commit(9, 0), fork)  # a proposal that is thrown away
    second, _ = next_window(flow, tokens, record[1], fork)
    assert dropped.shape[2] == RATIO * (9 - 4)
    assert_close(second, first, atol=0, rtol=0)
    assert_close(next_window(flow, tokens, record[1], state)[0], first, atol=0, rtol=0)
