"""How do the three forms of the flow differ in cost and in sound?

For each form it measures the cost of a window, the mel against one shot, the joins, and what preparing the prompt
changes.

    python -m benchmarks.parity.flow_forms --size full --json out/flow_forms.json --svg out/flow_forms.svg

One shot is `cumulative` with one final window: full attention over prompt and speech, as the reference runs it. Two
subjects: random weights of the mean-flow variants (full size, or reduced with `--size tiny`), of random tokens, and
the embedded voice's weights, trained with block masks but run in full attention, of the tokens it speaks texts with.
`cumulative` costs more with every window, so it is timed over `--cumulative-seconds` only.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.parity.streaming_loss import draw_tokens
from benchmarks.support.charts import Curve, curves
from benchmarks.support.machine import describe, machine
from benchmarks.support.random_checkpoint import LN_MEL, PROMPT_TOKENS, Values, tiny
from benchmarks.support.texts import TEXTS
from engine.checkpoints import load, names
from engine.checkpoints.variants import VARIANTS
from engine.networks.flow.attention import Commit
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT

TOKENS_PER_S = 25
SEED = 1
DECIBEL = 8.686  # of one neper: mels are natural logarithms of amplitudes
AROUND_MS = 10  # on either side of a join
MAX_JOIN, MAX_GROWTH = 1.5, 1.2
COST_WINDOW = 25  # tokens


@dataclass(frozen=True)
class Subject:
    name: str
    flow: Flow
    hift: HiFT
    prompt: tuple[Tensor, Tensor, Tensor]  # tokens, mel, speaker
    speech: Sequence[Tensor]  # segments [1, T]
    sizes: tuple[int, ...]  # of windows, the last repeats
    histories: tuple[int, ...]  # tokens, to be compared


@dataclass(frozen=True)
class Row:
    """One way of streaming, against one shot of the same tokens and noise."""

    form: str
    history: int | None
    window_ms: float  # median of the windows of the largest size but each segment's first
    l1: float  # sum |difference| / sum |one shot less its mean|, of ln mel
    l2: float
    decibel: float  # mean |difference|
    join: float  # median sample step at a join / median step within 10 ms around
    join_one_shot: float  # the same places of the one-shot waveform


@dataclass(frozen=True)
class Cost:
    form: str
    seconds: float
    windows_ms: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Last quarter over first, without the first window, which has no history yet."""
        later = self.windows_ms[2:]
        quarter = max(1, len(later) // 4)
        return statistics.median(later[-quarter:]) / statistics.median(later[:quarter])


def random_subject(size: str) -> Subject:
    variant = VARIANTS["turbo"]
    flow_config, hift_config = variant.config.flow, variant.config.hift
    if size == "tiny":
        flow_config = _reduced(flow_config, tiny(variant)["flow"])
        hift_config = _reduced(hift_config, tiny(variant)["hift"])
    flow, hift, values = Flow(flow_config), HiFT(hift_config), Values(0)
    for network, part in ((flow, names.FLOW), (hift, names.VOCODER)):
        _fill(network, part, values)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(flow_config.vocab, (1, PROMPT_TOKENS + 100), generator=generator)
    feat = LN_MEL + values.normal("prompt_feat", (1, flow.ratio * PROMPT_TOKENS, flow_config.mel_bins))
    prompt = (codes[:, :PROMPT_TOKENS], feat, values.normal("embedding", (1, flow_config.speaker_width)))
    title = f"random weights, mean flow, {sum(p.numel() for p in flow.parameters()) / 1e6:.1f} M"
    return Subject(title, flow, hift, prompt, [codes[:, PROMPT_TOKENS:]], (12, 25), (12, 25, 50, 75))


def _reduced(config: Any, changes: Mapping[str, Any]) -> Any:
    """Nested configurations with nested changes."""
    nested = {key: _reduced(getattr(config, key), new) for key, new in changes.items() if isinstance(new, Mapping)}
    return replace(config, **{**changes, **nested})


def _fill(network: nn.Module, part: names.Part, values: Values) -> None:
    own = network.eval().requires_grad_(False).state_dict()
    for name, source in part.sources(own).items():
        shapes = zip(source.names, source.shapes(own[name].shape), strict=True)
        own[name].copy_(source.build([values(stored, shape) for stored, shape in shapes]))


def embedded_subject(utterances: int) -> Subject:
    model = load()
    voice = model.voices[model.config.default_voice]
    texts = [piece for text in TEXTS[:utterances] for piece in model.text.pieces(text, model.text.languages[0])]
    speech = [torch.tensor([draw_tokens(model, text, voice.name, SEED)]) for text in texts]
    prompt = (voice.prompt_token, voice.prompt_feat, voice.embedding)
    name = f"embedded voice in full attention, {len(speech)} segments"
    return Subject(name, model.flow, model.vocoder, prompt, speech, (6, 12, 25), (12, 25, 50))


def in_form(flow: Flow, form: str, history: int | None) -> Flow:
    """The same weights under another form."""
    twin = copy.copy(flow)
    twin.config = replace(flow.config, form=form, history_tokens=history or flow.config.history_tokens)
    return twin


def record(total: int, sizes: Sequence[int], lookahead: int) -> Iterator[Commit]:
    """Windows of `sizes` as a service takes them; what does not fill one with its lookahead is the final window."""
    end, index = 0, 0
    while end + (size := sizes[min(index, len(sizes) - 1)]) + lookahead <= total:
        end, index = end + size, index + 1
        yield Commit(end, lookahead)
    yield Commit(total, 0)


def streamed(flow: Flow, subject: Subject, tokens: Tensor, commits: Sequence[Commit]) -> tuple[Tensor, list[float]]:
    """Mel [1, F, 2T], and the milliseconds of every window: the less of two runs, since a state can be used again."""
    state = flow.init_state(flow.prepare_prompt(*subject.prompt), SEED)
    pieces, costs = [], []
    for commit in commits:
        begin, before, taken = state.position, state, []
        final = commit.end == tokens.shape[1]
        for _ in range(2):
            started = time.perf_counter()
            mel, state = flow.window(tokens[:, begin : commit.end + commit.seen], commit.end - begin, before, final)
            taken.append(1e3 * (time.perf_counter() - started))
        costs.append(min(taken))
        pieces.append(mel)
    return torch.cat(pieces, 2), costs


@torch.inference_mode()
def steps_at(subject: Subject, mel: Tensor, ends: Sequence[int]) -> tuple[list[float], list[float]]:
    """Sample steps of the waveform at the joins behind the tokens `ends`, and those around them."""
    hop, rate = subject.hift.config.hop, subject.hift.config.sample_rate
    wav, _ = subject.hift(mel, subject.hift.init_state(SEED), final=True)
    steps = wav[0].diff().abs()
    around = AROUND_MS * rate // 1000
    joins = [subject.flow.ratio * hop * end - 1 for end in ends]
    return [float(steps[at]) for at in joins], [x for at in joins for x in steps[at - around : at + around].tolist()]


def one_shots(subject: Subject) -> list[Tensor]:
    flow = in_form(subject.flow, "cumulative", None)
    prompt = flow.prepare_prompt(*subject.prompt)
    return [flow.offline(tokens, prompt, SEED) for tokens in subject.speech]


def compare(subject: Subject, wholes: Sequence[Tensor], form: str, history: int | None, *, cut: bool = True) -> Row:
    """`cut` off: one window of that form."""
    flow, mels, costs = in_form(subject.flow, form, history), [], []
    steps: dict[str, tuple[list[float], list[float]]] = {"own": ([], []), "whole": ([], [])}
    for tokens, whole in zip(subject.speech, wholes, strict=True):
        total = tokens.shape[1]
        commits = list(record(total, subject.sizes, flow.lookahead)) if cut else [Commit(total, 0)]
        mel, ms = streamed(flow, subject, tokens, commits)
        mels.append(mel)
        ends = [0, *(commit.end for commit in commits)]
        costs += [cost for cost, (a, b) in zip(ms, pairwise(ends), strict=True) if a and b - a == subject.sizes[-1]]
        for name, spoken in (("own", mel), ("whole", whole)):
            for found, more in zip(steps[name], steps_at(subject, spoken, ends[1:-1]), strict=True):
                found.extend(more)
    theirs = torch.cat(list(wholes), 2)
    off, spread = torch.cat(mels, 2) - theirs, theirs - theirs.mean()
    join, join_whole = (statistics.median(at) / statistics.median(near) if at else 0.0 for at, near in steps.values())
    return Row(
        form=form if cut else f"{form}, one window",
        history=history,
        window_ms=statistics.median(costs) if costs else 0.0,
        l1=float(off.abs().sum() / spread.abs().sum()),
        l2=float(off.norm() / spread.norm()),
        decibel=DECIBEL * float(off.abs().mean()),
        join=join,
        join_one_shot=join_whole,
    )


def cost(subject: Subject, form: str, history: int, seconds: float) -> Cost:
    """Of one long segment of random tokens, in windows of one size."""
    flow = in_form(subject.flow, form, history)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(flow.config.vocab, (1, round(seconds * TOKENS_PER_S)), generator=generator)
    commits = list(record(tokens.shape[1], (COST_WINDOW,), flow.lookahead))[:-1]
    _, ms = streamed(flow, subject, tokens, commits)
    return Cost(form, COST_WINDOW / TOKENS_PER_S * len(ms), tuple(ms))


def report(subject: Subject, rows: Sequence[Row], alone: Row, costs: Sequence[Cost]) -> None:
    print(f"\n{subject.name}; windows of {', '.join(map(str, subject.sizes))} tokens")
    print(
        f"{'form':24}{'history':>8}{'ms/window':>11}{'rel L1':>9}{'rel L2':>9}{'dB':>7}{'joins':>7}{'(one shot)':>11}"
    )
    for row in rows:
        print(
            f"{row.form:24}{row.history or '-':>8}{row.window_ms:11.0f}{row.l1:9.4f}{row.l2:9.4f}{row.decibel:7.2f}"
            f"{row.join:7.2f}{row.join_one_shot:11.2f}"
        )
    print(
        f"preparing the prompt alone, one window: rel L1 {alone.l1:.4f}, rel L2 {alone.l2:.4f}, {alone.decibel:.2f} dB"
    )
    for entry in costs:
        limit = "" if entry.form == "cumulative" else f" (at most {MAX_GROWTH})"
        print(f"{entry.form} over {entry.seconds:.0f} s: last quarter over first {entry.growth:.2f}{limit}")


def run(subject: Subject, seconds: float, cumulative_seconds: float) -> dict[str, Any]:
    wholes = one_shots(subject)
    ways: list[tuple[str, int | None]] = [("cumulative", None), ("cached", subject.flow.config.history_tokens)]
    rows = [compare(subject, wholes, *way) for way in [*ways, *(("windowed", h) for h in subject.histories)]]
    alone = compare(subject, wholes, "windowed", None, cut=False)
    history = subject.flow.config.history_tokens
    costs = [
        cost(subject, form, history, length)
        for form, length in (("windowed", seconds), ("cached", seconds), ("cumulative", cumulative_seconds))
    ]
    report(subject, rows, alone, costs)
    return {
        "subject": subject.name,
        "rows": [asdict(row) for row in rows],
        "prompt_alone": asdict(alone),
        "costs": [asdict(entry) | {"growth": entry.growth} for entry in costs],
    }


def picture(result: dict[str, Any]) -> str:
    lines = [
        Curve(label=entry["form"], points=tuple((float(i + 1), ms) for i, ms in enumerate(entry["windows_ms"])))
        for entry in result["costs"]
    ]
    title = f"Cost of a flow window of {COST_WINDOW} tokens (1 s of speech)"
    return curves(title, result["subject"], "seconds of speech so far", "ms", lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--size", choices=("full", "tiny"), default="tiny", help="of the random weights")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the long segment")
    parser.add_argument("--cumulative-seconds", type=float, default=12.0)
    parser.add_argument("--utterances", type=int, default=10, help="texts of the embedded voice")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} thread(s) on {describe()}")
    subjects = (random_subject(arguments.size), embedded_subject(arguments.utterances))
    results = [run(subject, arguments.seconds, arguments.cumulative_seconds) for subject in subjects]
    if arguments.json:
        facts = {"machine": machine(), "threads": arguments.threads, "subjects": results}
        arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if arguments.svg:
        arguments.svg.write_text(picture(results[0]), encoding="utf-8")


if __name__ == "__main__":
    main()
