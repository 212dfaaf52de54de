"""What a window attends to is the same wherever it lies: in the room behind a prompt, or gathered by copying."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.models.flow import FORMS, WINDOW_ROOM
from engine.models.keys import Attended, Keep, Keys
from tests.engine.models.tiny_flow import PLAIN, RATIO, SEED, random_prompt, random_tokens, tiny_flow

LAYERS, ROWS, HEADS, WIDTH = 3, 2, 2, 4
P, K, T = 7, 3, 2


def values(length: int, rows: int = ROWS) -> Tensor:
    return torch.randn(LAYERS, 2, rows, HEADS, length, WIDTH)


def with_room(prompt: Tensor, room: int) -> Keys:
    empty = torch.full((*prompt.shape[:-2], room, WIDTH), torch.nan)  # nobody may read what was not written
    return Keys((torch.cat((prompt, empty), -2),), prompt.shape[-2])


@pytest.mark.parametrize("room", [0, K + T - 1, K + T, 20])
@pytest.mark.parametrize("keep", [Keep(0), Keep(4), Keep(50), Keep(None, 6)])
def test_a_layer_gets_prompt_history_and_own_and_the_last_of_them_are_kept(room: int, keep: Keep) -> None:
    prompt, history, own = values(P), values(K), values(T)
    attended = Attended(with_room(prompt, room), Keys((history,), K), T, keep)
    whole = torch.cat((prompt, history, own), -2)
    for layer in range(LAYERS):
        assert torch.equal(attended(own[layer]), whole[layer])
    kept, count = attended.following, K + T if keep.last is None else min(keep.last, K + T)
    assert kept.length == count
    assert torch.equal(kept.parts[0][..., :count, :], whole[..., P + K + T - count :, :])
    assert kept.parts[0].shape[-2] == count + keep.room


def test_rows_of_several_voices_lie_one_below_the_other() -> None:
    prompts, histories, own = [values(P), values(P)], [values(K), values(K)], values(T, 2 * ROWS)
    several = Keys.joined([with_room(prompt, 20) for prompt in prompts])
    attended = Attended(several, Keys.joined([Keys((one,), K) for one in histories]), T, Keep(0))
    whole = torch.cat((torch.cat(prompts, 2), torch.cat(histories, 2), own), -2)
    for layer in range(LAYERS):
        assert torch.equal(attended(own[layer]), whole[layer])


@pytest.mark.parametrize("room", [0, 20])
def test_prompt_and_history_stay_as_they_are(room: int) -> None:
    prompt, history = with_room(values(P), room), Keys((values(K),), K)
    before = prompt.parts[0][..., :P, :].clone(), history.parts[0].clone()
    attended = Attended(prompt, history, T, Keep(4))
    for layer in range(LAYERS):
        attended(values(T)[layer])
    assert torch.equal(prompt.parts[0][..., :P, :], before[0])
    assert torch.equal(history.parts[0], before[1])


@pytest.mark.parametrize("form", FORMS)
def test_a_window_larger_than_the_room_is_the_same_run(form: str) -> None:
    """The masked run over the whole sequence knows of no room."""
    flow = tiny_flow(replace(PLAIN, form=form))
    for length in (WINDOW_ROOM, WINDOW_ROOM + PLAIN.history_tokens + 1, 3 * WINDOW_ROOM):
        tokens, prompt = random_tokens(length), random_prompt(flow)
        alone = flow.offline(tokens, prompt, SEED)
        pair, _ = flow.windows(tokens.expand(2, -1), length, [flow.init_state(prompt, SEED)] * 2, final=True)
        assert_close(pair[:1], alone, atol=1e-5, rtol=1e-5)
        assert_close(pair[1:], alone, atol=1e-5, rtol=1e-5)


def test_bytes_of_a_prompt_count_its_room() -> None:
    flow = tiny_flow(PLAIN)
    prompt = random_prompt(flow, 12)
    tokens = prompt.block + flow.lookahead + PLAIN.history_tokens + WINDOW_ROOM
    for step in prompt.memory.solver:
        assert step.keys.length == RATIO * prompt.block
        assert [part.shape[-2] for part in step.keys.parts] == [RATIO * tokens]
    keys = sum(part.nbytes for step in prompt.memory.solver for part in step.keys.parts)
    assert prompt.nbytes > keys
