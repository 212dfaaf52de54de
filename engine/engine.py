"""The engine in this process: submit an utterance, push text, receive audio events through a sink.

    submit/push_text/... -> board -> t3 thread -> ledger -> flow thread -> sink
                       \\-> shelf: the voice, prepared on the voices thread unless it is there

`load` is the way in for the service. Callers' threads only touch the board and the shelf.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import torch

from engine import board as changes
from engine import checkpoints, tracing
from engine.board import Board, BoardConfig, Running
from engine.errors import GaplessError, UtteranceFailed
from engine.jobs import AudioStage, TokenStage
from engine.ladder import LadderConfig, largest_peek
from engine.ledger import Ledger
from engine.messages import (
    Accepted,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    NewVoice,
    Playback,
    Sink,
    Utterance,
    VoiceInfo,
)
from engine.model import Model, Voice
from engine.pipeline import FlowWorker, T3Worker
from engine.precision import Precision, find_device
from engine.speak import speak
from engine.stages import FlowStage, T3Stage
from engine.text.segmenter import Segmenter
from engine.voices.conditionals import Conditionals
from engine.voices.desk import Desk, clone, voice_info
from engine.voices.library import Library
from engine.voices.shelf import Shelf
from engine.watermark import Watermark

log = logging.getLogger(__name__)

WARM_UP_TEXT = "Warming up, one two three."
WARM_UP_LIMIT_S = 300.0
SMALL_PARAMETERS = 20_000_000  # of the flow
LEDGER_WINDOWS = 3  # a ledger holds so many of the largest windows: T3 may run that far ahead of the flow


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    max_utterances: int = 8
    device: str = "auto"
    dtype: str = ""  # see `Precision.parse`; "" = the device's defaults
    form: str | None = None  # of the flow; None: what the checkpoint is made for
    variant: str | None = None  # of a published checkpoint; None: what its files say
    normalize: bool = True  # numbers and abbreviations are spelled out
    watermark: bool = False  # mark all audio by PerTh
    deterministic: bool = False  # same seed, same samples, whatever the load: the ladder's windows, a fixed T3 batch
    by_deadline: bool = True  # window sizes follow the listener's deadline; False: the ladder's sizes
    speculate: bool = False  # windows with less lookahead to be in time, and run ahead of the stop token
    ladder: tuple[int, ...] | None = None  # tokens of the windows; None: the model's
    sequential: bool = False  # T3 rests while the flow works: the baseline of benchmarks
    threads: int | None = None  # torch threads of each worker on a CPU; None: what suits the model's size
    voices_dir: Path | None = None  # where created voices are stored; None: none can be created
    voice_memory_bytes: int = 4 << 30  # for prepared voices
    max_text_delay_s: float = 1.0
    channel_s: float = 2.0  # audio that may wait for its listener, per utterance

    def __post_init__(self) -> None:
        if self.max_utterances < 1 or self.channel_s <= 0 or self.max_text_delay_s < 0:
            raise ValueError("max_utterances and channel_s must be positive, max_text_delay_s not negative")


Wrap = Callable[[TokenStage, AudioStage], tuple[TokenStage, AudioStage]]


class LocalEngine:
    """Implements `engine.messages.Engine`. `wrap` may put something around the stages, such as a throttle."""

    def __init__(self, model: Model, options: EngineOptions, wrap: Wrap | None = None) -> None:
        self._model = model
        self._options = options
        self._threads = options.threads or _threads_for(model)
        self._library = Library(model.voices, model.config.family, options.voices_dir)
        self._shelf: Shelf[Conditionals, Voice] = Shelf(model.prepare, options.voice_memory_bytes, self._pin_threads)
        lookahead = model.flow.lookahead
        ladder = model.config.ladder if options.ladder is None else LadderConfig(sizes=options.ladder)
        config = BoardConfig(
            max_utterances=options.max_utterances,
            ladder=ladder,
            by_deadline=options.by_deadline and not options.deterministic,
            speculate=options.speculate,
            sequential=options.sequential,
            lookahead=lookahead,
            sample_rate=model.config.sample_rate,
            samples_per_token=model.samples_per_token,
            held_back_samples=model.hift.hold_back_samples,
            pause_samples=model.samples(min(model.config.text.sentence_pause_ms, model.config.text.clause_pause_ms)),
            ledger_tokens=LEDGER_WINDOWS * largest_peek(ladder, lookahead),
            channel_samples=round(options.channel_s * model.config.sample_rate),
        )
        self._board = Board(config)
        tokens: TokenStage = T3Stage(model, options.max_utterances, fixed_batch=options.deterministic)
        audio: AudioStage = FlowStage(model, Watermark.load() if options.watermark else None)
        if wrap is not None:
            tokens, audio = wrap(tokens, audio)
        self._workers = (
            T3Worker(self._board, tokens, self._pin_threads),
            FlowWorker(self._board, audio, self._pin_threads),
        )
        for worker in self._workers:
            worker.start()

    def _pin_threads(self) -> None:
        """Each worker's own thread count: the stages must not fight for the cores. Changing it while they run, so that
        who works alone takes all, made them slower: threads that have nothing to do spin on the other's core."""
        torch.set_num_threads(self._threads)

    def info(self) -> EngineInfo:
        config, model = self._model.config, self._model
        return EngineInfo(
            model=config.name,
            variant=config.variant,
            device=f"{model.device}, {model.precision}",
            form=config.flow.form,
            languages=model.text.languages,
            sample_rate=config.sample_rate,
            default_voice=config.default_voice,
            default_sampling=config.sampling.subset(config.used_sampling),
            default_max_text_delay_s=self._options.max_text_delay_s,
            max_utterances=self._options.max_utterances,
            has_guidance=config.t3.guidance,
            has_emotion=config.t3.emotion,
            has_prebuffer_hint=self._board.config.by_deadline,
            has_playback_scheduling=self._board.config.by_deadline,
            has_speculation=self._options.speculate,
            is_deterministic=self._options.deterministic,
            has_cloning=model.cloner is not None and self._options.voices_dir is not None,
        )

    def voices(self) -> list[VoiceInfo]:
        return [self._voice_info(voice) for voice in self._library.voices()]

    def _voice_info(self, voice: Conditionals) -> VoiceInfo:
        return voice_info(self._library, voice, self._model.text.languages, self._shelf.bytes_held(voice))

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        self._library.check_free(voice.name)
        model = self._model
        conditionals, warnings = self._shelf.run(lambda: clone(model.cloner, voice, model.config.name))
        self._library.add(conditionals)
        if error := self._shelf.pin(conditionals).exception():
            warnings = (*warnings, f"stored, and not prepared yet: {error}")
        self._shelf.unpin(conditionals)
        return CreatedVoice(voice=self._voice_info(conditionals), warnings=warnings)

    def delete_voice(self, name: str) -> None:
        self._shelf.drop(self._library.remove(name))

    def stats(self) -> EngineStats:
        return self._board.stats()

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        config = self._model.config
        voice = self._library.get(utterance.voice or config.default_voice)
        delay_s = self._options.max_text_delay_s if utterance.max_text_delay_s is None else utterance.max_text_delay_s
        accepted = Accepted(
            voice=voice.name,
            language=self._model.text.language(utterance.language),
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
            on_leave=lambda: self._shelf.unpin(voice),
        )
        self._board.add(running)
        self._shelf.pin(voice).add_done_callback(lambda ready: self._give_voice(running, ready))
        return accepted

    def _give_voice(self, running: Running, ready: Future[Voice]) -> None:
        """Not by the utterance's id: once it has ended, another one may go by that."""
        with self._board.changed:
            if error := ready.exception():
                failed = error if isinstance(error, GaplessError) else UtteranceFailed(f"the voice failed: {error}")
                changes.fail(running, failed)
            else:
                changes.give_voice(running, ready.result())
            self._board.changed.notify_all()

    def push_text(self, utterance_id: str, text: str) -> None:
        self._board.update(utterance_id, lambda running: changes.push_text(running, text))

    def flush(self, utterance_id: str, flush_id: int) -> None:
        self._board.update(utterance_id, lambda running: changes.flush(running, flush_id))

    def end_input(self, utterance_id: str) -> None:
        self._board.update(utterance_id, changes.end_input)

    def release(self, utterance_id: str, num_samples: int) -> None:
        self._board.update(utterance_id, lambda running: changes.release(running, num_samples))

    def playback(self, utterance_id: str, playback: Playback) -> None:
        rate = self._model.config.sample_rate
        self._board.update(utterance_id, lambda running: changes.hear(running, playback.played_samples, rate))

    def cancel(self, utterance_id: str) -> None:
        self._board.cancel(utterance_id)

    def close(self) -> None:
        self._board.close()
        for worker in self._workers:
            worker.join()
        self._shelf.close()


def load(model: str = "embedded", options: EngineOptions | None = None) -> LocalEngine:
    """Loads a model, starts the workers and speaks once with each of its own voices, so that the first request is as
    fast as any.

    `model` is "embedded", a directory or a hub id. Raises ModelError."""
    options = options or EngineOptions()
    started = time.monotonic()
    device = find_device(options.device)
    loaded = checkpoints.load(
        model,
        device=device,
        precision=Precision.parse(options.dtype, device),
        form=options.form,
        variant=options.variant,
        normalize=options.normalize,
    )
    engine = LocalEngine(loaded, options)
    try:
        for voice in loaded.voices:
            warm_up(engine, voice)
    except BaseException:
        engine.close()
        raise
    log.info("model %s is warm after %.1f s", model, time.monotonic() - started)
    return engine


def open_voices(model: str, options: EngineOptions) -> Desk:
    """For work on stored voices alone. Raises ModelError."""
    voices = checkpoints.load_voices(model, device=find_device(options.device), variant=options.variant)
    library = Library(voices.own, voices.config.family, options.voices_dir)
    return Desk(library, voices.cloner, voices.config.text.languages, voices.config.name)


def warm_up(engine: LocalEngine, voice: str) -> None:
    """Speaks a short text and throws the audio away. Raises what the utterance failed with."""
    speak(engine, Utterance(id=f"warm-up-{voice}", voice=voice, seed=0), WARM_UP_TEXT, WARM_UP_LIMIT_S)


def _threads_for(model: Model) -> int:
    """Small networks are fastest on one thread each; T3 and the flow of large ones share the cores."""
    is_small = sum(parameter.numel() for parameter in model.flow.parameters()) < SMALL_PARAMETERS
    return 1 if is_small else max(1, (os.cpu_count() or 1) // 2)
