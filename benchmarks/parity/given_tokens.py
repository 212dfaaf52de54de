"""Our engine speaking a given list of speech tokens: T3 computes every step, and what it says is not listened to.

So two engines, or two precisions of one, do the same work and speak the same tokens, whatever their logits are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor

from engine.engine import LocalEngine
from engine.messages import AudioChunk, Event, Failed, Finished, Utterance
from engine.model import Model
from engine.networks.t3.t3 import T3Conditioning
from engine.options import EngineOptions
from engine.scheduling.jobs import Stages, TokenStage
from engine.stages.t3 import Row

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0.0, "repetition_penalty": 1.0}
SOUND_MS = 40  # of sound make the first audio
LIMIT_S = 300.0
OPTIONS = EngineOptions(max_utterances=1, by_deadline=False)  # the ladder's windows: the same in every run


class Told:
    """A TokenStage whose rows say the tokens of a list and then stop: drawn and put in place of what T3 drew, so that
    its next step is told them too."""

    def __init__(self, stage: TokenStage, tokens: Sequence[int]) -> None:
        self._stage = stage
        self._tokens = tokens
        self._said: dict[Row, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def step(self, rows: Sequence[Row]) -> list[int | None]:
        self._stage.step(rows)
        return [self._next(row) for row in rows]

    def release(self, row: Row) -> None:
        self._said.pop(row, None)
        self._stage.release(row)

    def _next(self, row: Row) -> int | None:
        count = self._said[row] = self._said.get(row, 0) + 1
        row.tokens[:] = self._tokens[:count]
        return self._tokens[count - 1] if count <= len(self._tokens) else None


@dataclass
class Heard:
    """One utterance, in seconds from the moment its text was given."""

    first_audio_s: float = 0.0
    total_s: float = 0.0
    samples: int = 0
    t3_s: float = 0.0  # of work, as the two others
    flow_s: float = 0.0
    vocoder_s: float = 0.0
    windows: list[int] = field(default_factory=list)  # tokens of each


class Speaker:
    """An engine over a model, for one utterance at a time."""

    def __init__(self, model: Model, tokens: Sequence[int], options: EngineOptions = OPTIONS) -> None:
        # No silence is appended, and nothing is cut: what is spoken is the list.
        text = replace(model.config.text, base_tokens=len(tokens) + 1, tokens_per_text_token=0.0)
        config = replace(model.config, text=text, tail=replace(model.config.tail, silence_token=None))
        self._muted = model.samples(config.tail.muted_ms)
        self._sound = model.samples(SOUND_MS)

        def told(stages: Stages) -> Stages:
            return replace(stages, tokens=cast(TokenStage, Told(stages.tokens, tokens)))

        self._engine = LocalEngine(replace(model, config=config), options, told)
        self._count = 0

    def speak(self, text: str) -> Heard:
        """Raises what the utterance failed with."""
        self._count += 1
        name = f"utterance-{self._count}"
        heard, done = Heard(), threading.Event()
        failures: list[Exception] = []

        def take(event: Event) -> None:
            now = time.perf_counter() - started
            if isinstance(event, AudioChunk):
                self._note(heard, event, now)
                self._engine.release(name, event.num_samples)
            elif isinstance(event, Failed):
                failures.append(event.error)
            if isinstance(event, Failed | Finished):
                heard.total_s = now
                done.set()

        started = time.perf_counter()
        self._engine.submit(Utterance(id=name, seed=0, sampling=GREEDY), take)
        self._engine.push_text(name, text)
        self._engine.end_input(name)
        if not done.wait(LIMIT_S):
            raise TimeoutError(f"{name} did not end within {LIMIT_S:g} s")
        if failures:
            raise failures[0]
        return heard

    def _note(self, heard: Heard, chunk: AudioChunk, now: float) -> None:
        heard.samples += chunk.num_samples
        if not heard.first_audio_s and heard.samples >= self._muted + self._sound:
            heard.first_audio_s = now
        timings = chunk.timings
        heard.t3_s += timings.t3_busy_ns / 1e9
        heard.flow_s += (timings.flow_end_ns - timings.flow_start_ns) / 1e9
        heard.vocoder_s += (timings.vocoder_end_ns - timings.vocoder_start_ns) / 1e9
        heard.windows.append(timings.window_tokens)

    def close(self) -> None:
        self._engine.close()


@dataclass(frozen=True)
class Deviation:
    """Of one precision from another."""

    logits: float  # max |difference| / max |reference|
    same_choice: float  # share of steps whose likeliest token is the same
    mel: float  # max |difference| / max |reference|
    mel_mean: float  # mean |difference| of ln mel


@torch.inference_mode()
def deviation(model: Model, exact: Model, text: str, tokens: Sequence[int]) -> Deviation:
    ours, theirs = (_steps(one, text, tokens) for one in (model, exact))
    mels = [_mel(one, tokens) for one in (model, exact)]
    return Deviation(
        logits=_relative(ours, theirs),
        same_choice=float((ours.argmax(1) == theirs.argmax(1)).float().mean()),
        mel=_relative(mels[0], mels[1]),
        mel_mean=float((mels[0] - mels[1]).abs().mean()),
    )


def _relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def _steps(model: Model, text: str, tokens: Sequence[int]) -> Tensor:
    """The logits [steps, V] of a list of tokens."""
    t3, voice = model.t3, model.voices[model.config.default_voice]
    prefix = t3.conditioning(T3Conditioning(speaker=voice.speaker, prompt=voice.t3_prompt))
    ids = t3.frame_text(torch.tensor([model.text.encode(text, model.text.languages[0])]))
    cache = t3.init_cache(1, t3.config.prefix_len + ids.shape[1] + t3.config.start_count + len(tokens))
    logits = [t3.prefill(prefix, ids, cache)]
    logits += [t3.step(torch.tensor([token]), cache) for token in tokens[:-1]]
    return torch.cat(logits).float()


def _mel(model: Model, tokens: Sequence[int]) -> Tensor:
    prompt = model.prepare(model.voices[model.config.default_voice]).flow
    return model.flow.offline(torch.tensor([list(tokens)]), prompt, 0).float()
