"""How far does streamed audio differ from the same utterance computed in one piece?

Both have the same seed and the same record of windows.

    python -m benchmarks.parity.streaming_loss

One shot: all tokens of a segment through the flow in one masked run over the record, all mel through the vocoder in one
final chunk. Reported: the largest difference anywhere, and the largest difference of the step from one sample to the
next at the joins of chunks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.support.machine import describe
from benchmarks.support.texts import TEXTS
from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.messages import AudioChunk, Utterance
from engine.model import Model
from engine.networks import noise
from engine.networks.flow.attention import Commit
from engine.networks.vocoders import begun
from engine.options import EngineOptions
from engine.scheduling.jobs import SegmentJob
from engine.speak import events
from engine.stages.t3 import T3Stage


def draw_tokens(model: Model, text: str, voice: str, seed: int, segment: int = 0) -> list[int]:
    """All speech tokens of a normalised text, straight from the stage."""
    stage, tokens = T3Stage(model, 1), []
    prepared, language = model.prepare(model.voices[voice]), model.text.languages[0]
    job = SegmentJob(text=text, voice=prepared, language=language, sampling={}, seed=seed, segment=segment)
    row = stage.begin(job)
    while not stage.feed(row):
        pass
    while (token := stage.step([row])[0]) is not None:
        tokens.append(token)
    return tokens


def one_shot(
    model: Model, tokens: Sequence[int], record: Sequence[Commit], voice: str, seed: int
) -> NDArray[np.float32]:
    """[960 * tokens] audio of a first segment, without any state between windows."""
    prepared, key = model.prepare(model.voices[voice]), noise.fold(seed, 0)
    mel = model.flow.replay(torch.tensor([list(tokens)]), record, prepared.flow, key)
    with torch.inference_mode():
        wav, _ = model.vocoder(mel, begun(model.vocoder, key, prepared.timbre), final=True)
    audio: NDArray[np.float32] = wav[0].numpy()
    return audio


def record_of(chunks: Sequence[AudioChunk]) -> list[Commit]:
    """What was committed, from the timings that every chunk carries."""
    ends = np.cumsum([chunk.timings.window_tokens for chunk in chunks])
    return [Commit(int(end), chunk.timings.lookahead_tokens) for end, chunk in zip(ends, chunks, strict=True)]


def differences(model: Model, engine: LocalEngine, text: str, voice: str, seed: int) -> tuple[float, float]:
    """Largest difference, and largest difference of the sample step at a join, of a text of one segment."""
    arrived = events(engine, Utterance(id=f"loss-{seed}", voice=voice, seed=seed), text, timeout_s=60)
    chunks = [event for event in arrived if isinstance(event, AudioChunk)]
    if chunks[-1].segment:
        raise ValueError(f"{text!r} is more than one segment")
    (spoken,) = model.text.pieces(text, model.text.languages[0])
    streamed = np.concatenate([chunk.samples for chunk in chunks])
    whole = one_shot(model, draw_tokens(model, spoken, voice, seed), record_of(chunks), voice, seed)
    if len(whole) != len(streamed):
        raise AssertionError(f"{len(streamed)} samples streamed, {len(whole)} in one shot")
    joins = [chunk.first_sample for chunk in chunks[1:]]
    steps = np.abs(np.diff(streamed) - np.diff(whole))[np.array(joins, int) - 1]
    return float(np.abs(streamed - whole).max()), float(steps.max(initial=0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--utterances", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load()
    engine = LocalEngine(model, EngineOptions())
    texts = [text for text in TEXTS if not any(mark in text[:-1] for mark in ".!?,")][: arguments.utterances]
    found = [differences(model, engine, text, "karl", seed) for seed, text in enumerate(texts)]
    engine.close()
    print(f"{len(texts)} utterances, one thread a stage, on {describe()}")
    print(
        f"largest difference {max(d for d, _ in found):.1e}, at joins in the sample step {max(j for _, j in found):.1e}"
    )


if __name__ == "__main__":
    main()
