"""The engine in this process: submit an utterance, push text, receive audio events through a sink.

    submit/push_text/... -> scheduler -> text -> t3 -> ledger -> flow -> mel -> vocoder -> sink
                       \\-> prepared voices: the voice, prepared on the voices thread unless it is there

Callers' threads only touch the scheduler and the prepared voices.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from engine.apart import apart
from engine.device.device import Device
from engine.device.faults import is_out_of_memory, reported
from engine.errors import EngineBroken, InvalidRequest, OutOfMemory
from engine.messages import (
    FASTEST,
    SLOWEST,
    Accepted,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    NewVoice,
    Playback,
    Pronunciation,
    Sink,
    Usage,
    Utterance,
    VoiceInfo,
)
from engine.model import Model, Voice
from engine.options import EngineOptions
from engine.pipeline import breakdown
from engine.pipeline.threads import StageThreads
from engine.resume import ResumeLimits
from engine.scheduling import fitting, throughput
from engine.scheduling import running as changes
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.jobs import Stages
from engine.scheduling.ledger import Ledger
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.timing import Timing
from engine.scheduling.wakeups import Stage
from engine.scheduling.windows import LadderConfig, largest_peek
from engine.stages import utterance_memory
from engine.stages.build import build
from engine.stages.watermark import Watermark
from engine.text.lexicon import load_lexicon
from engine.text.markup import Style
from engine.text.pronunciations import Pronunciations
from engine.text.segmenter import Segmenter
from engine.tracing import UtteranceTrace
from engine.voices.conditionals import Conditionals
from engine.voices.library import Library
from engine.voices.management import clone, voice_info
from engine.voices.prepared import PreparedVoices
from engine.watchdog import Watchdog

log = logging.getLogger(__name__)

MEASURED_WITHIN_S = 300.0
END_LIMIT_S = 5.0  # that each thread gets to end
PRONOUNCED_AT_ONCE_S = 0.005  # of work on how the words of a request are said, before the texts of others have a turn
LEDGER_WINDOWS = 3  # a ledger holds so many of the largest windows: T3 may run that far ahead of the flow

Wrap = Callable[[Stages], Stages]


class LocalEngine:
    """Implements `engine.messages.Engine`. `wrap` may put something around the stages, such as a throttle."""

    def __init__(self, model: Model, options: EngineOptions, wrap: Wrap | None = None) -> None:
        self._model = model
        self._options = options
        self._lexicon = load_lexicon(options.pronunciations, model.text)
        device = Device.of(model.device)
        threads = StageThreads(model, options, device)
        self._library = Library(model.voices, model.config, options.voices_dir)
        self._device = device
        voice_bytes = device.voice_bytes() if options.voice_memory_bytes is None else options.voice_memory_bytes
        lookahead = model.flow.lookahead
        ladder = model.config.ladder if options.ladder is None else LadderConfig(sizes=options.ladder)
        text = model.config.text
        pauses = [model.samples(pause_ms) for pause_ms in (text.sentence_pause_ms, text.clause_pause_ms)]
        mark = Watermark.load() if options.watermark else None
        ledger_tokens = LEDGER_WINDOWS * largest_peek(ladder, lookahead)
        channel_samples = round(options.channel_s * model.config.sample_rate)
        self._memory = utterance_memory.of_utterance(
            model,
            ledger_tokens=ledger_tokens,
            channel_samples=channel_samples,
            proposals=options.speculate,
            watermark=mark,
        )
        places, self._memory_limit = utterance_memory.places(options, self._memory, device)
        config = SchedulerConfig(
            max_utterances=places,
            ladder=ladder,
            by_deadline=options.by_deadline and not options.deterministic,
            speculate=options.speculate,
            sequential=options.sequential,
            max_batch=1 if options.deterministic or options.sequential else device.max_batch,
            batch_tokens=max(ladder.sizes) if device.is_cpu else None,
            timing=Timing(
                sample_rate=model.config.sample_rate,
                samples_per_token=model.samples_per_token,
                lookahead=lookahead,
                largest=max(ladder.sizes),
                held_back_samples=model.vocoder.hold_back_samples,
                pause_samples=min(pauses),
            ),
            longest_pause_samples=max(pauses),
            ledger_tokens=ledger_tokens,
            channel_samples=channel_samples,
            few_rows_cost_less=device.is_cpu,
            vocoder_apart=not threads.is_small,
        )
        self._resume_limits = ResumeLimits.of(config, text, model.config.t3.codes)
        self._scheduler = Scheduler(config)
        own = apart(lambda: build(model, options, device, config, voice_bytes=voice_bytes, mark=mark))
        self._prepared: PreparedVoices[Conditionals, Voice] = PreparedVoices(
            own.prepare, voice_bytes, threads.start_voices
        )
        self._workers = threads.workers(self._scheduler, own.stages if wrap is None else wrap(own.stages))
        self._workers.start()
        self._watchdog = Watchdog(
            [*self._workers.watched, *self._prepared.watched],
            on_overdue=partial(breakdown.on_overdue, self._scheduler),
            on_gone=partial(breakdown.on_gone, self._scheduler),
        )

    @property
    def on_cpu(self) -> bool:
        """Whether the networks run on this machine's processors."""
        return self._device.is_cpu

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
            max_utterances=self._scheduler.places.number,
            utterance_bytes=self._memory.total,
            utterance_memory_bytes=self._memory_limit,
            has_guidance=config.t3.guidance,
            has_emotion=config.t3.emotion,
            has_alignment=model.has_alignment,
            has_phonemes=model.text.takes_phonemes,
            has_speaking_rate=True,
            has_prebuffer_hint=self._scheduler.config.by_deadline,
            has_playback_scheduling=self._scheduler.config.by_deadline,
            has_speculation=self._options.speculate,
            is_deterministic=self._options.deterministic,
            has_cloning=model.cloner is not None and self._library.takes_voices,
            has_resume=True,
        )

    def voices(self) -> list[VoiceInfo]:
        return [self._voice_info(voice) for voice in self._library.voices()]

    def _voice_info(self, voice: Conditionals) -> VoiceInfo:
        return voice_info(self._library, voice, self._model.text.languages, self._prepared.bytes_held(voice))

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        self._library.check_free(voice.name)
        conditionals, warnings = self._clone(voice)
        self._library.add(conditionals)
        if error := self._prepared.pin(conditionals).exception():
            log.warning("voice %s is stored, and not prepared: %s", voice.name, error)
            warnings = (*warnings, "stored; the first utterance with it waits until it is prepared")
        self._prepared.unpin(conditionals)
        return CreatedVoice(voice=self._voice_info(conditionals), warnings=warnings)

    def _clone(self, voice: NewVoice) -> tuple[Conditionals, tuple[str, ...]]:
        model = self._model

        def work() -> tuple[Conditionals, tuple[str, ...]]:
            with self._device.turn:
                return clone(model.cloner, voice, model.config.name)

        try:
            return self._prepared.run(work)
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemory(f"cloning found no memory: {error}") from error
            raise

    def delete_voice(self, name: str) -> None:
        self._prepared.drop(self._library.remove(name))

    def voice_file(self, name: str) -> bytes:
        return self._library.content(name)

    def add_voice_file(self, name: str, content: bytes) -> None:
        self._library.add_content(name, content)

    def stats(self) -> EngineStats:
        return replace(self._scheduler.stats(), device_bytes=self._device.held_bytes())

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        config = self._model.config
        voice = self._library.get(utterance.voice or config.default_voice)
        delay_s = self._options.max_text_delay_s if utterance.max_text_delay_s is None else utterance.max_text_delay_s
        if not SLOWEST <= utterance.speaking_rate <= FASTEST:
            raise InvalidRequest("config.speaking_rate", f"must be {SLOWEST:g} to {FASTEST:g}")
        self._resume_limits.check(utterance)
        style = Style.of(utterance, language := self._model.text.language(utterance.language))
        place = utterance.resume.place if utterance.resume else None
        accepted = Accepted(
            voice=voice.name,
            language=language,
            seed=secrets.randbits(63) if utterance.seed is None else utterance.seed,
            sampling=self._model.sampling(utterance.sampling).subset(config.used_sampling),
            max_text_delay_s=delay_s,
        )
        trace = UtteranceTrace(utterance.traceparent)

        def on_leave() -> None:
            self._prepared.unpin(voice)
            trace.end()

        running = RunningUtterance(
            request=replace(utterance, want_alignment=utterance.want_alignment and self._model.has_alignment),
            accepted=accepted,
            sink=sink,
            trace=trace,
            segmenter=Segmenter(config.text.segmenter, round(delay_s * 1e9), style, place),
            ledger=Ledger(self._scheduler.config.ledger_tokens),
            timing=self._scheduler.config.timing.at(utterance.speaking_rate),
            on_leave=on_leave,
            pronunciations=self._pronunciations(utterance.pronunciations),
        )
        self._scheduler.add(running)
        self._prepared.pin(voice).add_done_callback(lambda ready: self._give_voice(running, ready))
        return accepted

    def _pronunciations(self, asked: Sequence[Pronunciation]) -> Pronunciations:
        self._model.text.check(asked, "config.pronunciations")
        return Pronunciations(asked, self._lexicon, at_once_s=PRONOUNCED_AT_ONCE_S) if asked else self._lexicon

    def _give_voice(self, running: RunningUtterance, ready: Future[Voice]) -> None:
        """Takes the utterance itself, not its id: once it has ended, another utterance may have that id."""
        with self._scheduler.lock:
            if error := ready.exception():
                changes.fail(running, reported(error, "the voice"))
            else:
                changes.give_voice(running, ready.result())
            self._scheduler.wakeups.wake(Stage.T3, Stage.VOCODER)

    def push_text(self, utterance_id: str, text: str) -> None:
        self._scheduler.update(utterance_id, lambda running: changes.push_text(running, text), Stage.TEXT)

    def flush(self, utterance_id: str, flush_id: int) -> None:
        self._scheduler.update(utterance_id, lambda running: changes.flush(running, flush_id), Stage.TEXT)

    def end_input(self, utterance_id: str) -> None:
        self._scheduler.update(utterance_id, changes.end_input, Stage.TEXT)

    def release(self, utterance_id: str, num_samples: int) -> None:
        self._scheduler.release(utterance_id, num_samples)

    def playback(self, utterance_id: str, playback: Playback) -> None:
        self._scheduler.hear(utterance_id, playback.played_samples)

    def cancel(self, utterance_id: str) -> Usage | None:
        return self._scheduler.cancel(utterance_id)

    def let_in_what_fits(self) -> None:
        """Measures, by speaking, how many utterances fit in real time, and lets in no more than these."""
        voice, places = self._model.config.default_voice, self._scheduler.places

        def measured(count: int) -> float:
            rate = throughput.audio_per_s(self, voice, count, MEASURED_WITHIN_S)
            log.info("%d at once: %.1f s of audio in a second", count, rate)
            return rate

        places.guess(fitting.streams_that_fit(measured, places.most), "as measured at the start")
        log.info("up to %d utterances at once, %s", places.number, places.reason)

    def on_close(self, callback: Callable[[], None]) -> None:
        self._scheduler.on_close(callback)

    def watch(self) -> None:
        """From now on work that hangs breaks the engine. Not while it is warmed up: first times are long."""
        self._watchdog.start()

    def broken(self) -> EngineBroken | None:
        return self._scheduler.broken

    def close(self) -> None:
        self._watchdog.end()
        self._scheduler.close()
        limit_s = 0.0 if self._scheduler.broken else END_LIMIT_S  # one that hangs is not waited for
        self._workers.join(limit_s)
        for running in self._scheduler.take_leaving():  # the t3 thread, which does this otherwise, has ended
            running.on_leave()
        self._prepared.close(limit_s)
