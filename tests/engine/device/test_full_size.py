"""The published networks at full size, on a GPU that is not there (tests/engine/device/fake_gpu.py says what it finds).

Everything that a stage gives to a GPU is on it, nothing waits for it but where a stage says so, and the operations that
the host launches are within their budgets: launch_budgets.json holds them, as `launches` or, of a graph, as `kernels`,
and how often the host takes memory for them, as `allocations`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.checkpoints.names import Part
from engine.checkpoints.weights import blank
from engine.model import Model, Voice
from engine.networks.cloning.campplus import CAMPPlus, CAMPPlusConfig
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig
from engine.networks.cloning.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from engine.networks.flow.conformer import tables
from engine.networks.hift.hift import HiFT
from engine.scheduling.jobs import FlowWork, SegmentJob, VocoderWork
from engine.stages.flow import FlowStage, closing
from engine.stages.flow_graphs import IN_PLACE, FlowGraphs
from engine.stages.flow_prompts import FlowPrompts
from engine.stages.t3 import Row, T3Stage
from engine.stages.vocoder import SoundState, VocoderStage
from engine.stages.vocoder_graphs import VocoderGraphs
from engine.voices.cloning import Encoders, _run
from tests.engine.device.fake_gpu import Counts
from tests.engine.device.full_size import GPU, FakeFile, model, recorded, t3, voice

BUDGETS = Path(__file__).parent / "launch_budgets.json"
ROWS = 32
WINDOW = 25  # tokens
LOOKAHEAD = 3
STRETCHING = 8  # operations that a row at another speaking rate takes before the vocoder
ENCODER_LAYERS = 10  # of the flow: their scores have a bias, so that they want a prompt's keys beside the window's own


def within(name: str, counts: Counts, waits: int) -> None:
    """Whether it kept to its budget, and waited so often."""
    budget = json.loads(BUDGETS.read_text(encoding="utf-8"))[name]
    found = {"launches": counts.launches, "kernels": counts.in_graphs.total(), "allocations": counts.allocated.total()}
    over = {what: (found[what], most) for what, most in budget.items() if found[what] > most}
    assert not over, f"{name}: {over}; {counts}"
    assert counts.waits == waits


def begun(stage: T3Stage, variant: str, number: int) -> Row:
    job = SegmentJob(
        text="",
        voice=voice(variant),
        language="en",
        sampling={},
        seed=number,
        segment=0,
        aligned=variant == "embedded",
    )
    return stage.begin(job)


@pytest.mark.parametrize("variant", ["base", "multilingual", "turbo", "nano"])
def test_t3_reads_a_text_and_steps(variant: str) -> None:
    own, _ = model(variant), voice(variant)
    with GPU.running():
        stage = T3Stage(own, ROWS, capture=GPU.capture())
        with GPU.counting() as counts:
            row = begun(stage, variant, 0)
            assert stage.feed(row)
        within(f"{variant}: a text", counts, waits=1)
        stage.step([row])  # its first token, from what follows its text
        with GPU.counting() as counts:
            assert len(stage.step([row])) == 1
        assert counts.graphs == 1
        within(f"{variant}: a step", counts, waits=1)


def test_t3_tells_the_alignment_too() -> None:
    own, _ = model("embedded"), voice("embedded")
    with GPU.running():
        stage = T3Stage(own, ROWS, capture=GPU.capture())
        rows = [begun(stage, "embedded", number) for number in range(2)]
        assert all([stage.feed(row) for row in rows])
        stage.step(rows)
        with GPU.counting() as counts:
            stage.step(rows)
        within("embedded: a step with alignment", counts, waits=1)


def test_a_deterministic_step_is_a_graph_as_well() -> None:
    own, _ = model("turbo"), voice("turbo")
    with GPU.running():
        stage = T3Stage(own, ROWS, fixed_batch=True, capture=GPU.capture())
        row = begun(stage, "turbo", 0)
        assert stage.feed(row)
        stage.step([row])
        with GPU.counting() as counts:
            stage.step([row])
    within("turbo: a step", counts, waits=1)


def windows(stage: FlowStage, own: Voice, rows: int, tail: int = 0) -> Callable[..., Counts]:
    """Of several utterances with one voice, one after the other. A final one has so many tokens more."""
    states = [stage.open(own, seed) for seed in range(rows)]

    def run(n_new: int, lookahead: int = LOOKAHEAD, *, final: bool = False) -> Counts:
        nonlocal states
        work = FlowWork(tokens=(5,) * (n_new + lookahead), n_new=n_new, segment=0, final=final)
        with GPU.counting() as counts:
            done = stage.run(states, [work] * rows)
        frames = 2 * (n_new + final * tail)
        assert all(mel.shape == (1, 80, frames) and mel.device == GPU.at for mel, _ in done)
        states = [state for _, state in done]
        return counts

    return run


@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_flow_makes_windows(rows: int) -> None:
    run = windows(FlowStage(model("embedded")), voice("embedded"), rows)
    with GPU.running():
        run(WINDOW)
        within(f"embedded: a window of the flow, {rows} rows", run(WINDOW), waits=1)


@pytest.mark.parametrize(("variant", "rows"), [("base", ROWS), ("turbo", 1), ("turbo", ROWS)])
def test_the_published_flows_make_windows_by_graphs(variant: str, rows: int) -> None:
    own = model(variant)
    with GPU.running():
        prompts = FlowPrompts(own.flow, GPU.at, voices=2)
        graphs = FlowGraphs(own.flow, GPU.window_capture(), prompts, places=2 * ROWS, batch=ROWS, most=WINDOW + 6)
        stage = FlowStage(own, graphs)
        settled = stage.settle(voice(variant))
        assert settled.flow.place is not None
        for room in (512, 1024):  # which on a GPU the run before a capture has made
            tables(own.config.flow.encoder.width, room, GPU.at)
        run = windows(stage, settled, rows, len(closing(own)))
        # The last but one is committed with no lookahead, to be in time; then comes the segment's end.
        for counts in (run(12), run(WINDOW), run(WINDOW, 0), run(8, 0, final=True)):
            assert counts.graphs == 1
            within(f"{variant}: a window of the flow, {rows} rows", counts, waits=1)
            copied = counts.in_graphs["aten.index_select.out"]
            assert copied == ENCODER_LAYERS if rows >= IN_PLACE else copied > ENCODER_LAYERS


def heard(stage: VocoderStage, variant: str, rows: int, lengths: Sequence[int], rate: float = 1.0) -> list[Counts]:
    """Windows of so many tokens of several utterances; the third is final."""
    states: Sequence[SoundState] = [stage.open(voice(variant), seed, rate) for seed in range(rows)]
    counted = []
    for number, tokens in enumerate(lengths):
        mels: list[Tensor] = [torch.zeros(1, 80, 2 * tokens, device=GPU.at) for _ in range(rows)]
        final = number > 1
        works = [VocoderWork(mel=mel, segment=0, final=final, ends_sentence=False) for mel in mels]
        with GPU.counting() as counts:
            done = stage.run(states, works)
        states = [state for _, state in done]
        assert number != 1 or rate != 1.0 or all(len(audio) == tokens * 960 for audio, _ in done)
        counted.append(counts)
    return counted


def by_graphs(own: Model) -> VocoderStage:
    assert isinstance(own.vocoder, HiFT)
    return VocoderStage(
        own,
        graphs=VocoderGraphs(
            own.vocoder, GPU.window_capture(), places=2 * ROWS, batch=ROWS, largest=WINDOW, frames_per_token=2
        ),
    )


@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_vocoder_makes_samples(rows: int) -> None:
    with GPU.running():
        *_, counts = heard(VocoderStage(model("embedded")), "embedded", rows, (WINDOW, WINDOW))
        within(f"embedded: a window of the vocoder, {rows} rows", counts, waits=1)


@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_published_vocoder_makes_samples_by_graphs(rows: int) -> None:
    own = model("turbo")
    with GPU.running():
        first, later, final = heard(by_graphs(own), "turbo", rows, (12, WINDOW, 31))
    assert (first.graphs, later.graphs, final.graphs) == (1, 1, 3)  # 31 tokens are 25 and 6, and then comes the end
    within(f"turbo: a first window of the vocoder, {rows} rows", first, waits=1)
    within(f"turbo: a window of the vocoder, {rows} rows", later, waits=1)
    within(f"turbo: a final window of the vocoder, {rows} rows", final, waits=3)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.3, 2.0])
def test_the_vocoder_makes_samples_of_a_stretched_mel_by_graphs(rate: float) -> None:
    """Launched one by one it would be some 700 operations for every window."""
    with GPU.running():
        counted = heard(by_graphs(model("turbo")), "turbo", ROWS, (WINDOW, WINDOW, 31), rate)
    for counts in counted:
        assert counts.graphs == counts.waits > 0
        assert counts.launches - 3 * counts.graphs <= STRETCHING * ROWS


@pytest.mark.parametrize("rows", [1, ROWS])
def test_a_first_window_without_a_sound_waits_for_the_next_one(rows: int) -> None:
    """It had no graph, and neither had the rest of its segment: some 700 launches for every window."""
    own = model("turbo")
    with GPU.running():
        stage = by_graphs(own)
        states = [stage.open(voice("turbo"), seed) for seed in range(rows)]
        counted, lengths = [], []
        for tokens in (3, 5, 12, WINDOW):
            mels = [torch.zeros(1, 80, 2 * tokens, device=GPU.at) for _ in range(rows)]
            works = [VocoderWork(mel=mel, segment=0, final=False, ends_sentence=False) for mel in mels]
            assert len({stage.alike(state, work) for state, work in zip(states, works, strict=True)}) == 1
            with GPU.counting() as counts:
                done = stage.run(states, works)
            states = [state for _, state in done]
            counted.append(counts)
            lengths.append({len(audio) for audio, _ in done})
    assert [(counts.graphs, counts.waits) for counts in counted] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    assert lengths == [{0}, {0}, {20 * 960 - own.vocoder.hold_back_samples}, {WINDOW * 960}]
    within(f"turbo: a window of the vocoder, {rows} rows", counted[-1], waits=1)


@pytest.mark.parametrize("variant", ["base", "turbo"])
def test_a_voice_is_prepared(variant: str) -> None:
    own = model(variant)
    with GPU.running(), GPU.counting() as counts, GPU.free_to_cross():
        prepared = own.prepare(recorded(variant))
    assert {prepared.t3.kv.device, prepared.flow.speaker.device} == {GPU.at}
    within(f"{variant}: a voice", counts, waits=1)


def test_a_recording_is_heard() -> None:
    networks = (
        blank(lambda: VoiceEncoder(VoiceEncoderConfig())),
        blank(lambda: CAMPPlus(CAMPPlusConfig())),
        blank(lambda: SpeechTokenizer(SpeechTokenizerConfig())),
    )
    with GPU.running(), GPU.free_to_cross():
        for network in networks:
            FakeFile(network).fill(network, Part(""), GPU.at)
        encoders = Encoders(voice_encoder=networks[0], x_vector=networks[1], speech_tokenizer=networks[2])
        assert _run(encoders.voice_encoder, torch.zeros(1, 700, 40)).shape == (1, 256)
        assert _run(encoders.x_vector, torch.zeros(1, 998, 80)).shape == (1, 192)
        assert _run(encoders.speech_tokenizer, torch.zeros(1, 1000, 128)).shape == (1, 250)


def test_t3_in_bfloat16_keeps_its_stream_and_its_logits_in_float32() -> None:
    """They were rounded on a GPU, and not on a CPU, so that logits tied."""
    network = t3("turbo")
    assert network.dtype == network.speech_head.weight.dtype == torch.float32
    with GPU.running():
        cache = network.init_cache(1)
        logits = network.prefill(voice("turbo").t3, torch.zeros(1, 9, dtype=torch.int64, device=GPU.at), cache)
    assert (logits.dtype, cache.attention.kv.dtype) == (torch.float32, torch.bfloat16)
