"""T3 in one batch: who else is there, who leaves and who stands still changes nothing of what a row says."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from engine.checkpoints import load
from engine.device.graphs import Capture
from engine.device.traces import TraceCapture
from engine.model import Model, Voice
from engine.networks.t3.t3 import T3
from engine.scheduling.jobs import SegmentJob
from engine.stages.t3 import Row, T3Stage
from tests.engine.recording import record
from tests.engine.tiny import write_tiny_model

TEXTS = ("hello there.", "a text of another length, and longer.", "yes.", "one two three four.", "so it goes.")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "guided"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    model = load(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))
    if not request.param:
        return model
    torch.manual_seed(1)
    config = replace(model.config.t3, guidance=True, emotion=True, start_count=2)
    t3 = T3(config).eval().requires_grad_(False)
    return replace(model, t3=t3, config=replace(model.config, t3=config))


@pytest.fixture(scope="module")
def voice(model: Model) -> Voice:
    return model.prepare(model.voices["one"])


def job(voice: Voice, index: int) -> SegmentJob:
    sampling = {"cfg_weight": 0.0 if index % 3 == 2 else 0.5, "temperature": 0.5 + 0.1 * (index % 7)}
    text = TEXTS[index % len(TEXTS)]
    return SegmentJob(text=text, voice=voice, language="en", sampling=sampling, seed=index, segment=0)


def spoken_alone(model: Model, voice: Voice, index: int) -> list[int]:
    stage = T3Stage(model, 1)
    row = stage.begin(job(voice, index))
    while not stage.feed(row):
        pass
    while stage.step([row])[0] is not None:
        pass
    return row.tokens


@pytest.mark.parametrize("capture", [None, record], ids=["launched", "captured"])
@pytest.mark.parametrize(("fixed_batch", "steps"), [(False, 0.8), (False, 0.3), (True, 0.8)])
def test_a_row_among_others_says_what_it_says_alone(
    model: Model, voice: Voice, fixed_batch: bool, steps: float, capture: Capture | None
) -> None:
    """Rows join, stand still, are fed in pieces, stop and are cancelled at random; the step may be a graph."""
    rng, names = random.Random(3), itertools.count()
    stage = T3Stage(model, 4, fixed_batch=fixed_batch, capture=capture)
    feeding: dict[int, Row] = {}
    running: dict[int, Row] = {}
    said: dict[int, list[int]] = {}
    while len(said) < 6:
        if len(feeding) + len(running) < 4 and rng.random() < 0.5:
            index = next(names)
            feeding[index] = stage.begin(job(voice, index))
        for index, row in list(feeding.items()):
            stage._feed = rng.randint(1, 4)
            if stage.feed(row):
                running[index] = feeding.pop(index)
        stepping = {index: row for index, row in running.items() if rng.random() < steps}
        for (index, row), token in zip(stepping.items(), stage.step(list(stepping.values())), strict=True):
            if token is None:
                said[index] = row.tokens
                stage.release(running.pop(index))
        if running and rng.random() < 0.02:
            stage.release(running.pop(rng.choice(list(running))))
    for index, tokens in said.items():
        assert tokens == spoken_alone(model, voice, index)
    assert max(map(len, said.values())) > 20


@pytest.mark.parametrize("capture", [None, record], ids=["launched", "captured"])
def test_a_row_says_the_tokens_that_it_is_given_and_then_draws(
    model: Model, voice: Voice, capture: Capture | None
) -> None:
    """The same ones give the same rest; others give another, the same of a step that is a graph."""
    alone = spoken_alone(model, voice, 1)
    half = len(alone) // 2

    def said(stage: T3Stage, given: list[int]) -> list[int]:
        row = stage.begin(replace(job(voice, 1), tokens=tuple(given)))
        while not stage.feed(row):
            pass
        while stage.step([row])[0] is not None:
            pass
        stage.release(row)
        return row.tokens

    stage = T3Stage(model, 2, capture=capture)
    assert said(stage, alone[:half]) == alone
    others = [token ^ 1 for token in alone[:half]]
    spoken = said(stage, others)
    assert spoken[:half] == others
    assert spoken == said(T3Stage(model, 2), others)


def test_on_a_cpu_few_rows_are_computed_for_few(model: Model, voice: Voice) -> None:
    """A first sound among sixteen listeners who had enough ahead took steps three times as long as it needed."""
    stage, computed = T3Stage(model, 16), list[int]()
    advance = stage._advance

    def counted(tokens: list[int], aligned: Sequence[Row]) -> torch.Tensor:
        computed.append(len(tokens))
        return advance(tokens, aligned)

    stage._advance = counted  # type: ignore[method-assign]
    rows = [stage.begin(job(voice, 3 * index + 2)) for index in range(8)]
    for row in rows:
        while not stage.feed(row):
            pass
    stage.step(rows)
    stage.step(rows)
    for stepping in (rows[-1:], [rows[3], rows[-1]], rows[2:]):
        stage.step(stepping)
        stage.step(stepping)
    assert computed == [8, 1, 1, 2, 2, 7, 7]
    for row, tokens in zip(rows, (2, 2, 4, 6, 4, 4, 4, 8), strict=True):
        assert len(row.tokens) == tokens
    assert stage._owners == [owner for slot in range(8) for owner in rows if owner.slots == [slot]]


def test_after_all_left_every_slot_is_free_again(model: Model, voice: Voice) -> None:
    stage = T3Stage(model, 3)
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        rows = [stage.begin(job(voice, index)) for index in range(3)]
        for row in rows:
            while not stage.feed(row):
                pass
        stage.step(rows)
        for index in order:
            stage.release(rows[index])
        assert not any(stage._cache.attention.lengths)
        assert not stage._owners


def test_beside_others_a_text_is_fed_in_pieces_and_alone_at_once(model: Model, voice: Voice) -> None:
    stage = T3Stage(model, 2)
    first = stage.begin(job(voice, 1))
    assert stage.feed(first)
    second = stage.begin(job(voice, 1))
    feeds = 1
    while not stage.feed(second):
        feeds += 1
    assert feeds > 1


@pytest.mark.parametrize("capture", [None, record, TraceCapture()], ids=["launched", "captured", "traced"])
def test_rows_that_want_it_know_what_of_their_text_each_token_is(model: Model, capture: Capture | None) -> None:
    """Beside others, moved to another slot and after standing still it is the same as alone; the others have none."""
    aligned = T3(replace(model.config.t3, aligned_heads=((0, 0), (0, 1)))).eval().requires_grad_(False)
    aligned.load_state_dict(model.t3.state_dict())
    model = replace(model, t3=aligned, config=replace(model.config, t3=aligned.config))
    voice = model.prepare(model.voices["one"])

    def attention(company: int) -> list[list[float]]:
        stage = T3Stage(model, 1 + company, capture=capture)
        others = [stage.begin(job(voice, index)) for index in range(company)]
        row = stage.begin(replace(job(voice, company), aligned=True, seed=7, text=TEXTS[0], sampling={}))
        for one in (*others, row):
            while not stage.feed(one):
                pass
        seen: list[list[float]] = []
        for step in range(12):
            stage.step(others if step % 3 == 1 else [*others, row])
            if step % 3 != 1:
                assert (row.attention is None) == (not seen and step == 0)
                seen.append([] if row.attention is None else row.attention.tolist())
            if step == 6 and others:
                stage.release(others.pop(0))
        assert all(other.attention is None for other in others)
        return seen

    alone, beside = attention(0), attention(2)
    assert alone[0] == beside[0] == []
    for one, other in zip(alone[1:], beside[1:], strict=True):
        assert sum(one) == pytest.approx(1.0, abs=1e-5)
        assert len(one) == len(TEXTS[0]) + 2
        assert one == pytest.approx(other, abs=1e-4)
