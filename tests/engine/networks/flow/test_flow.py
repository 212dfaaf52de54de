"""What the flow promises beside the laws: bounded work and memory, addressed noise, batches, half precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.errors import ModelError
from engine.networks.flow.attention import Commit, Plan
from engine.networks.flow.conformer import EncoderConfig
from engine.networks.flow.estimator import EstimatorConfig
from engine.networks.flow.flow import FORMS, Flow, FlowConfig
from tests.engine.networks.flow.tiny_flow import (
    BINS,
    GUIDED,
    MEAN_FLOW,
    PLAIN,
    RATIO,
    SEED,
    SPEAKER,
    WAYS,
    next_window,
    random_prompt,
    random_tokens,
    stream,
    tiny_flow,
)

FULL_SIZE = FlowConfig(
    vocab=6561, mel_bins=80, speaker_width=192,
    encoder=EncoderConfig(width=512, heads=8, ff_width=2048, layers=6, up_layers=4, lookahead=3, ratio=2),
    estimator=EstimatorConfig(
        channels=256, heads=8, head_width=64, blocks=4, mid_stages=12, time_width=1024, mean_flow=False
    ),
    steps=10, schedule="cosine", guidance=0.7, temperature=1.0, mel_mean=0.0, mel_std=1.0, history_tokens=50,
)  # fmt: skip


@pytest.mark.parametrize("form", ["cached", "windowed"])
def test_work_and_memory_stop_growing_once_the_history_is_full(form: str) -> None:
    flow = tiny_flow(replace(PLAIN, form=form))
    frames: list[int] = []
    flow.estimator.register_forward_pre_hook(lambda _, inputs: frames.append(inputs[0].shape[1]))
    prompt, tokens = random_prompt(flow), random_tokens(400)
    frames.clear()
    state, sizes = flow.init_state(prompt, SEED), []
    for end in range(4, 400, 4):
        _, state = next_window(flow, tokens, Commit(end, 3), state)
        sizes.append(state.nbytes)
    assert len(set(sizes[1:])) == 1
    assert len(set(frames[2 * PLAIN.steps :])) == 1
    assert prompt.nbytes == random_prompt(flow).nbytes


def test_cumulative_windows_grow_with_all_that_was_said() -> None:
    flow = tiny_flow(replace(PLAIN, form="cumulative"))
    frames: list[int] = []
    flow.estimator.register_forward_pre_hook(lambda _, inputs: frames.append(inputs[0].shape[1]))
    stream(flow, random_tokens(12), [Commit(4, 3), Commit(8, 3), Commit(12, 0)], random_prompt(flow, 12))
    assert frames[:: PLAIN.steps] == [RATIO * (12 + end) for end in (4, 8, 12)]


def test_a_windowed_state_holds_the_prompts_rest_and_the_last_tokens_with_the_mel_that_was_heard() -> None:
    flow = tiny_flow(replace(PLAIN, form="windowed"))
    prompt, tokens = random_prompt(flow, 12), random_tokens(30)
    state, heard = flow.init_state(prompt, SEED), torch.zeros(1, PLAIN.mel_bins, 0)
    for end in (4, 8, 20):
        mel, state = next_window(flow, tokens, Commit(end, 3), state)
        heard = torch.cat((heard, mel), 2)
    rest, history = flow.lookahead, PLAIN.history_tokens
    assert state.context.tokens.tolist()[0] == [*prompt.whole.tokens[0, -rest:], *tokens[0, 20 - history : 20]]
    assert_close(flow.spectrogram(state.context.mel)[..., RATIO * rest :], heard[..., -RATIO * history :])
    assert_close(state.context.mel[:, : RATIO * rest], prompt.whole.mel[:, -RATIO * rest :])


@pytest.mark.parametrize("form", FORMS)
def test_bytes_of_a_state_are_its_own_and_not_the_prompts(form: str) -> None:
    """A voice is held once for all its segments: what they attend to in it is not counted as theirs."""
    flow = tiny_flow(replace(PLAIN, form=form))
    prompt, frame = random_prompt(flow, 12), 4 * 2 * PLAIN.mel_bins  # noise and mel
    keys = sum(part.numel() for step in prompt.memory.solver for part in step.keys.parts)
    assert prompt.nbytes > 4 * keys
    assert (keys == 0) == (form == "cumulative")
    run = 12 if form == "cumulative" else flow.lookahead
    assert flow.init_state(prompt, SEED).nbytes == run * (8 + RATIO * frame)


def test_what_left_the_history_no_longer_matters() -> None:
    """Convolution tails and layers pass a bounded past on, so a far enough past leaves the same state."""
    flow = tiny_flow(replace(PLAIN, history_tokens=1))
    prompt, record = random_prompt(flow), [Commit(end, 3) for end in range(4, 101, 4)]
    tokens = random_tokens(104)
    other = torch.cat((random_tokens(4, seed=8), tokens[:, 4:]), 1)
    ends = [stream(flow, text, record, prompt)[..., -2 * RATIO :] for text in (tokens, other)]
    assert_close(ends[0], ends[1])


def test_a_window_run_again_is_the_same_and_another_seed_is_not() -> None:
    flow = tiny_flow(PLAIN)
    prompt, tokens = random_prompt(flow), random_tokens(12)
    again = [flow.offline(tokens, prompt, seed) for seed in (SEED, SEED, SEED + 1)]
    assert_close(again[0], again[1], atol=0, rtol=0)
    assert (again[0] - again[2]).abs().max() > 0.1


def test_a_rescued_window_takes_the_missing_lookahead_as_silence() -> None:
    flow = tiny_flow(PLAIN)
    prompt, tokens = random_prompt(flow), random_tokens(20)
    full = stream(flow, tokens, [Commit(8, 3), Commit(20, 0)], prompt)
    rescued = stream(flow, tokens, [Commit(8, 0), Commit(20, 0)], prompt)
    ended = flow.offline(tokens[:, :8], prompt, SEED)
    assert_close(rescued[..., : 8 * RATIO], ended, atol=0, rtol=0)
    assert (rescued - full)[..., : 8 * RATIO].abs().max() > 1e-3


def test_a_whole_sequence_with_its_prompt_in_front_is_the_reference_run() -> None:
    """`cumulative`: empty prompt state, one final window, full attention over prompt and target."""
    for config in (GUIDED, MEAN_FLOW):
        flow = tiny_flow(replace(config, form="cumulative"))
        prompt, tokens = random_prompt(flow), random_tokens(30)
        assert prompt.block == 0
        mel = flow.offline(tokens, prompt, SEED)
        assert mel.shape == (1, config.mel_bins, RATIO * 30)
        assert_close(mel, flow.replay(tokens, [Commit(30, 0)], prompt, SEED), atol=1e-4, rtol=1e-4)


def test_a_segment_may_end_without_another_token() -> None:
    flow = tiny_flow(PLAIN)
    tokens = random_tokens(8)
    _, state = next_window(flow, tokens, Commit(5, 3), flow.init_state(random_prompt(flow), SEED))
    mel, after = flow.window(tokens[:, :0], 0, state, final=True)
    assert mel.shape == (1, PLAIN.mel_bins, 0)
    assert after is state


@pytest.mark.parametrize(("tokens", "n_new", "final"), [(9, 5, False), (4, 5, False), (6, 5, True)])
def test_a_window_of_impossible_size_is_refused(tokens: int, n_new: int, final: bool) -> None:
    flow = tiny_flow(PLAIN)
    with pytest.raises(ValueError, match="window"):
        flow.window(random_tokens(tokens), n_new, flow.init_state(random_prompt(flow), SEED), final=final)


def test_a_prompt_whose_mel_has_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="5 tokens has 10 mel frames, not 9"):
        tiny_flow(PLAIN).prepare_prompt(random_tokens(5), torch.zeros(1, 9, 8), torch.ones(1, 6))


def test_rows_of_a_batch_do_not_see_each_other() -> None:
    """Two sequences with other prompts, records and lengths, in one masked run, padded at the end."""
    flow = tiny_flow(PLAIN)
    rows = [random_tokens(30, seed=1), random_tokens(24, seed=2)]
    prompts = [6, 0]
    records = [[Commit(14, 3), Commit(30, 0)], [Commit(5, 1), Commit(16, 3), Commit(24, 0)]]
    padded = torch.cat([torch.nn.functional.pad(row, (0, 30 - row.shape[1])) for row in rows])

    def run(tokens: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
        mu = flow.masked_mu(tokens, plan)
        static = flow.conditions(mu, torch.zeros(len(tokens), 8), mu[:, :0])
        time = torch.full((len(tokens),), 0.3)
        return mu, flow.masked_estimate(0.5 * mu, static, time, time, plan.sight(RATIO))

    together = run(padded, Plan.of(prompts, records, 5, 30))
    for index, row in enumerate(rows):
        alone = run(row, Plan.of(prompts[index : index + 1], records[index : index + 1], 5, row.shape[1]))
        for a, b in zip(together, alone, strict=True):
            assert_close(a[index : index + 1, : b.shape[1]], b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_networks_in_bfloat16_stay_within_one_percent(way: FlowConfig, form: str) -> None:
    """Noise, mel and the solver's state stay float32, so only what the networks say is rounded."""
    whole, half = (tiny_flow(replace(way, form=form)).to(dtype) for dtype in (torch.float32, torch.bfloat16))
    tokens, record = random_tokens(40), [Commit(4, 3), Commit(12, 3), Commit(28, 1), Commit(40, 0)]
    expected, mel = (stream(flow, tokens, record, random_prompt(flow)) for flow in (whole, half))
    assert mel.dtype == torch.float32
    assert (mel - expected).abs().max() < 1e-2 * expected.abs().max()
    prompt = random_prompt(half)
    assert {part.dtype for step in prompt.memory.solver for part in step.keys.parts} == {torch.bfloat16}
    assert prompt.nbytes < random_prompt(whole).nbytes


@pytest.mark.parametrize("form", FORMS)
def test_a_proposal_in_bfloat16_can_be_dropped_and_run_again(form: str) -> None:
    flow = tiny_flow(replace(GUIDED, form=form)).to(torch.bfloat16)
    tokens = random_tokens(20)
    _, state = next_window(flow, tokens, Commit(4, 3), flow.init_state(random_prompt(flow), SEED))
    first, _ = next_window(flow, tokens, Commit(12, 3), state)
    next_window(flow, tokens, Commit(9, 0), state)
    assert_close(next_window(flow, tokens, Commit(12, 3), state)[0], first, atol=0, rtol=0)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_left_behind_on_another_device(form: str) -> None:
    """The device `meta` holds no data, and like any other it refuses tensors of the CPU."""
    flow = tiny_flow(replace(GUIDED, form=form)).to("meta")
    tokens, speaker = random_tokens(12).to("meta"), torch.empty(1, SPEAKER, device="meta")
    prompt = flow.prepare_prompt(tokens, torch.empty(1, RATIO * 12, BINS, device="meta"), speaker)
    _, state = next_window(flow, tokens, Commit(4, 3), flow.init_state(prompt, SEED))
    mel, state = next_window(flow, tokens, Commit(12, 0), state)
    assert mel.shape == (1, BINS, RATIO * 8)
    assert {part.device.type for part in _tensors(state)} == {"meta"}


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    parts = value if isinstance(value, tuple) else ()
    if is_dataclass(value):
        parts = tuple(getattr(value, field.name) for field in fields(value))
    for part in parts:
        yield from _tensors(part)


@pytest.mark.parametrize(("mean_flow", "millions"), [(False, 112.55), (True, 114.65)])
def test_full_size_has_the_parameters_of_the_released_flow(mean_flow: bool, millions: float) -> None:
    with torch.device("meta"):
        flow = Flow(replace(FULL_SIZE, estimator=replace(FULL_SIZE.estimator, mean_flow=mean_flow)))
    assert sum(parameter.numel() for parameter in flow.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
