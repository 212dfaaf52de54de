"""What a window attends to, and what it leaves for the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.networks.flow.flow import FORMS
from engine.networks.flow.keys import Attended, Keys
from tests.engine.networks.flow.tiny_flow import PLAIN, SEED, random_prompt, random_tokens, tiny_flow

LAYERS, ROWS, HEADS, WIDTH = 3, 2, 2, 4
T = 2


def values(length: int, rows: int = ROWS) -> Tensor:
    return torch.randn(LAYERS, 2, rows, HEADS, length, WIDTH)


@pytest.mark.parametrize("lengths", [(7, 3), (7, 0), (0, 3), (0, 0)])
@pytest.mark.parametrize("keep", [0, 1, 4, 50, None])
def test_a_layer_gets_prompt_history_and_own_and_the_last_of_them_are_kept(
    lengths: tuple[int, int], keep: int | None
) -> None:
    prompt, history, own = (values(length) for length in (*lengths, T))
    attended = Attended(Keys((prompt,)), Keys((history,)), T, keep)
    whole = torch.cat((prompt, history, own), -2)
    for layer in range(LAYERS):
        assert torch.equal(attended(own[layer]), whole[layer])
    assert attended.positions == whole.shape[-2]
    after_prompt = torch.cat((history, own), -2)
    count = after_prompt.shape[-2] if keep is None else min(keep, after_prompt.shape[-2])
    assert torch.equal(attended.following.parts[0], after_prompt[..., after_prompt.shape[-2] - count :, :])


def test_rows_of_several_voices_lie_one_below_the_other() -> None:
    prompts, histories, own = [values(7), values(7)], [values(3), values(3)], values(T, 2 * ROWS)
    prompt, history = (Keys.joined([Keys((one,)) for one in ones]) for ones in (prompts, histories))
    attended = Attended(prompt, history, T, 4)
    whole = torch.cat((torch.cat(prompts, 2), torch.cat(histories, 2), own), -2)
    for layer in range(LAYERS):
        assert torch.equal(attended(own[layer]), whole[layer])
    for part, rows in zip(attended.following.parted(2), whole.chunk(2, 2), strict=True):
        assert torch.equal(part.parts[0], rows[..., -4:, :])


@pytest.mark.parametrize("form", FORMS)
def test_windows_of_one_voice_may_run_at_the_same_time(form: str) -> None:
    """A prompt is read only: nothing that belongs to it is written while another window reads it."""
    flow = tiny_flow(replace(PLAIN, form=form))
    prompt = random_prompt(flow)
    parts = [part for step in prompt.memory.solver for part in step.tensors()] + prompt.memory.encoder.tensors()
    before = [part.clone() for part in parts]
    flow.offline(random_tokens(40), prompt, SEED)
    assert all(torch.equal(part, was) for part, was in zip(parts, before, strict=True))
