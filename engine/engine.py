"""The engine in this process: submit an utterance, push text, receive audio events through a sink.

    submit/push_text/... -> board -> t3 thread -> ledger -> flow thread -> sink

`load` is the way in for the service. Two threads do the work, `t3` and `flow`; callers' threads only touch the board.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from engine import board as changes
from engine import model as models
from engine import tracing
from engine.board import Board, BoardConfig, Running
from engine.errors import ModelError, UnknownVoice
from engine.ladder import largest_peek
from engine.ledger import Ledger
from engine.messages import Accepted, EngineInfo, EngineStats, Playback, Sink, Utterance, VoiceInfo
from engine.model import Model
from engine.pipeline import FlowWorker, T3Worker
from engine.speak import speak
from engine.stages import FlowStage, T3Stage
from engine.text.segmenter import Segmenter

log = logging.getLogger(__name__)

WARM_UP_TEXT = "Warming up, one two three."
WARM_UP_LIMIT_S = 60.0
LEDGER_WINDOWS = 3  # a ledger holds so many of the largest windows: T3 may run that far ahead of the flow


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    max_utterances: int = 8
    threads: int | None = None  # torch threads of each worker; None: one, which is fastest for small networks
    device: str = "cpu"
    max_text_delay_s: float = 1.0
    channel_s: float = 2.0  # audio that may wait for its listener, per utterance

    def __post_init__(self) -> None:
        if self.max_utterances < 1 or self.channel_s <= 0 or self.max_text_delay_s < 0:
            raise ValueError("max_utterances and channel_s must be positive, max_text_delay_s not negative")


class LocalEngine:
    """Implements `engine.messages.Engine`."""

    def __init__(self, model: Model, options: EngineOptions) -> None:
        self._model = model
        self._options = options
        lookahead = model.flow.lookahead
        config = BoardConfig(
            max_utterances=options.max_utterances,
            ladder=model.config.ladder,
            lookahead=lookahead,
            sample_rate=model.config.sample_rate,
            samples_per_token=model.samples_per_token,
            ledger_tokens=LEDGER_WINDOWS * largest_peek(model.config.ladder, lookahead),
            channel_samples=round(options.channel_s * model.config.sample_rate),
        )
        self._board = Board(config)
        tokens, audio = T3Stage(model, options.max_utterances), FlowStage(model)
        self._workers = (T3Worker(self._board, tokens, self._pin), FlowWorker(self._board, audio, self._pin))
        for worker in self._workers:
            worker.start()

    def _pin(self) -> None:
        """Each worker's own thread count: the stages must not fight for the cores."""
        torch.set_num_threads(self._options.threads or 1)

    def info(self) -> EngineInfo:
        config = self._model.config
        return EngineInfo(
            model=config.name,
            variant=config.variant,
            device=f"{self._options.device} float32",
            sample_rate=config.sample_rate,
            default_voice=config.default_voice,
            default_sampling=config.sampling.subset(config.used_sampling),
            default_max_text_delay_s=self._options.max_text_delay_s,
            max_utterances=self._options.max_utterances,
            has_guidance=config.t3.guidance,
            has_emotion=config.t3.emotion,
        )

    def voices(self) -> list[VoiceInfo]:
        codes = self._model.config.text.language_codes
        return [
            VoiceInfo(name=name, description=voice.description, language_codes=codes, bytes_held=voice.nbytes)
            for name, voice in sorted(self._model.voices.items())
        ]

    def stats(self) -> EngineStats:
        return self._board.stats()

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        config = self._model.config
        voice = utterance.voice or config.default_voice
        if voice not in self._model.voices:
            raise UnknownVoice(voice, sorted(self._model.voices))
        delay_s = self._options.max_text_delay_s if utterance.max_text_delay_s is None else utterance.max_text_delay_s
        accepted = Accepted(
            voice=voice,
            seed=secrets.randbits(63) if utterance.seed is None else utterance.seed,
            sampling=self._model.sampling(utterance.sampling).subset(config.used_sampling),
            max_text_delay_s=delay_s,
        )
        running = Running(
            request=utterance,
            accepted=accepted,
            sink=sink,
            trace=tracing.parent(utterance.traceparent),
            segmenter=Segmenter(config.text.segmenter, round(delay_s * 1e9)),
            ledger=Ledger(self._board.config.ledger_tokens),
        )
        self._board.add(running)
        return accepted

    def push_text(self, utterance_id: str, text: str) -> None:
        self._board.update(utterance_id, lambda running: changes.push_text(running, text))

    def flush(self, utterance_id: str, flush_id: int) -> None:
        self._board.update(utterance_id, lambda running: changes.flush(running, flush_id))

    def end_input(self, utterance_id: str) -> None:
        self._board.update(utterance_id, changes.end_input)

    def release(self, utterance_id: str, num_samples: int) -> None:
        self._board.update(utterance_id, lambda running: changes.release(running, num_samples))

    def playback(self, utterance_id: str, playback: Playback) -> None:
        """Accepted and not acted on: this engine schedules by real time since the first chunk (see `info`)."""

    def cancel(self, utterance_id: str) -> None:
        self._board.cancel(utterance_id)

    def close(self) -> None:
        self._board.close()
        for worker in self._workers:
            worker.join()


def load(model: str = "embedded", options: EngineOptions | None = None) -> LocalEngine:
    """Loads a model, starts the workers and speaks once with every voice, so that the first request is as fast as any.

    `model` is "embedded" or a directory. Raises ModelError."""
    options = options or EngineOptions()
    if options.device != "cpu":
        raise ModelError(f"device {options.device!r} is not available; possible: cpu")
    started = time.monotonic()
    directory = models.EMBEDDED if model == "embedded" else Path(model)
    engine = LocalEngine(models.load(directory), options)
    for voice in engine.voices():
        warm_up(engine, voice.name)
    log.info("model %s is warm after %.1f s", model, time.monotonic() - started)
    return engine


def warm_up(engine: LocalEngine, voice: str) -> None:
    """Speaks a short text and throws the audio away. Raises what the utterance failed with."""
    speak(engine, Utterance(id=f"warm-up-{voice}", voice=voice, seed=0), WARM_UP_TEXT, WARM_UP_LIMIT_S)
