"""What does speculation bring, and what does it cost?

It measures when playback starts and ends, how much work is dropped, and how rescued frames differ.

    python -m benchmarks.continuity.speculation --token-ms 40 33 25 20 --json rescue.json

The same engine with speculation off and on, T3 throttled, the same utterances and seeds in turns (A B, B A, ...). Off
is the deadline scheduler that waits for the whole lookahead. A rescued window was run with less lookahead than the flow
is made for, so as not to come late; its frames are compared with those of the same window, from the same state, with
all of it. 1 dB of mel is a step of 12 % in the amplitude of a band.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.continuity.ablation import Row, figures, row
from benchmarks.support.local_utterance import speak
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.texts import texts
from benchmarks.support.throttle import Throttle
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.loading import warm_up
from engine.messages import Utterance
from engine.model import Model
from engine.options import EngineOptions
from engine.scheduling.jobs import FlowWork, MelStage, Stages

DB = 20 / math.log(10)  # of one step in ln mel, which is of amplitudes


@dataclass(frozen=True)
class _State:
    """The inner stage's state, and where in its segment it stands."""

    inner: Any
    segment: int = -1
    spoken: int = 0


@dataclass(frozen=True)
class Rescued:
    """A window that was run without its whole lookahead."""

    state: _State
    work: FlowWork
    mel: torch.Tensor  # [1, F, T]


class Watched:
    """A MelStage that remembers rescued windows, of one utterance at a time, and can tell how they differ."""

    def __init__(self, stage: MelStage, lookahead: int) -> None:
        self._stage = stage
        self._lookahead = lookahead
        self.forget()

    def forget(self) -> None:
        self._rescued: list[Rescued] = []
        self._tokens: dict[int, dict[int, int]] = {}  # of each segment, by position
        self.frames = 0  # of all windows that were run

    def open(self, voice: Any, seed: int) -> _State:
        return _State(self._stage.open(voice, seed))

    def alike(self, state: _State, work: FlowWork) -> Hashable:
        return self._stage.alike(state.inner, work)

    def run(self, states: Sequence[_State], works: Sequence[FlowWork]) -> list[tuple[Any, _State]]:
        done = self._stage.run([state.inner for state in states], works)
        return [self._note(*each) for each in zip(states, works, done, strict=True)]

    def _note(self, state: _State, work: FlowWork, done: tuple[Any, Any]) -> tuple[Any, _State]:
        mel, inner = done
        begins_at = state.spoken if work.segment == state.segment else 0
        here = _State(state.inner, work.segment, begins_at)
        self._tokens.setdefault(work.segment, {}).update(enumerate(work.tokens, begins_at))
        self.frames += mel.shape[2]
        if not work.final and len(work.tokens) < work.n_new + self._lookahead:
            self._rescued.append(Rescued(here, work, mel))
        return mel, _State(inner, work.segment, begins_at + work.n_new)

    def differences_db(self) -> list[float]:
        """Of each rescued frame, on average over its bins, to what the whole lookahead would have made of it."""
        return [db for window in self._rescued for db in self._difference(window)]

    def _difference(self, window: Rescued) -> Iterable[float]:
        work, tokens = window.work, self._tokens[window.work.segment]
        seen = range(window.state.spoken, window.state.spoken + work.n_new + self._lookahead)
        whole = replace(work, tokens=tuple(tokens[position] for position in seen if position in tokens))
        ((mel, _),) = self._stage.run([window.state.inner], [whole])
        return [DB * value for value in (mel - window.mel).abs().mean(1)[0].tolist()]


@dataclass
class Side:
    """An engine, and what was seen of it."""

    engine: LocalEngine
    watched: Watched
    rows: list[Row] = field(default_factory=list)
    frames: int = 0
    rescued_db: list[float] = field(default_factory=list)

    def speak(self, utterance: Utterance, text: str, muted_s: float) -> None:
        self.watched.forget()
        self.rows.append(row(text, speak(self.engine, utterance, text), muted_s))
        self.frames += self.watched.frames
        self.rescued_db += self.watched.differences_db()


def side(model: Model, throttle: Throttle, speculate: bool) -> Side:
    watching: list[Watched] = []

    def wrap(stages: Stages) -> Stages:
        watching.append(Watched(stages.mel, model.flow.lookahead))
        return throttle.wrap(model)(replace(stages, mel=watching[0]))

    return Side(LocalEngine(model, EngineOptions(max_utterances=1, speculate=speculate), wrap), watching[0])


def measure(model: Model, throttle: Throttle, utterances: int) -> dict[str, dict[str, Any]]:
    sides = {name: side(model, throttle, name == "on") for name in ("off", "on")}
    with contextlib.ExitStack() as stack:
        for one in sides.values():
            stack.enter_context(contextlib.closing(one.engine))
            warm_up(one.engine, model.config.default_voice)
        for index, text in enumerate(texts(utterances)):
            order = list(sides.items())
            for name, one in order if index % 2 else reversed(order):
                utterance = Utterance(id=f"{name}-{index}", seed=index)
                one.speak(utterance, text, model.config.tail.muted_ms / 1e3)
    return {name: found(one) for name, one in sides.items()}


def found(one: Side) -> dict[str, Any]:
    db = one.rescued_db
    rescued = {"share": len(db) / one.frames, "mean_db": sum(db) / len(db) if db else 0.0}
    rescued |= {"p95_db": percentile(db, 95) if db else 0.0, "max_db": max(db, default=0.0)}
    return figures(one.rows) | {"rescued": rescued, "utterances": [asdict(row) for row in one.rows]}


COLUMNS = (
    f"{'T3, ms a token':>14}{'speculation':>13}{'TTFA':>8}{'starts':>8}{'C50':>6}{'C100':>6}{'worst':>8}{'tail':>8}"
    f"{'dropped':>9}{'rescued':>9}{'mean dB':>9}{'p95 dB':>8}"
)


def line(token_ms: float, name: str, case: dict[str, Any]) -> str:
    p50 = {what: case[what]["p50"] for what in ("ttfa_s", "start_s", "tail_s")}
    rescued = case["rescued"]
    return (
        f"{token_ms:14g}{name:>13}{p50['ttfa_s']:8.3f}{p50['start_s']:8.3f}{case['c50']:6.0%}{case['c100']:6.0%}"
        f"{case['worst_s']['max']:8.3f}{p50['tail_s']:8.3f}{case['discarded']:9.0%}{rescued['share']:9.1%}"
        f"{rescued['mean_db']:9.2f}{rescued['p95_db']:8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument(
        "--token-ms", type=float, nargs="+", default=[40, 33, 25, 20], help="of T3; 0: as fast as it is"
    )
    parser.add_argument("--utterances", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write everything there, every chunk of every utterance included")
    arguments = parser.parse_args()
    model, measured = load(arguments.model), []
    print(f"{arguments.utterances} utterances, {model.config.name}, medians in s, on {describe()}\n\n{COLUMNS}")
    for token_ms in arguments.token_ms:
        cases = measure(model, Throttle(token_s=token_ms / 1e3), arguments.utterances)
        measured.append({"token_ms": token_ms, "cases": cases})
        for name, case in cases.items():
            print(line(token_ms, name, case), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "measured": measured}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
