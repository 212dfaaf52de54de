"""An engine without a model: speaks every word as a tone, so that service and client are tested in milliseconds.

Text in, float32 mono at 24 kHz out, through the same seam as the real engine (`engine.messages.Engine`). A word's tone
is a function of seed, voice and word, so the same text gives the same audio however it was cut. Every utterance runs
on a thread of its own; every voice is a `Script` that says how fast it speaks and where it breaks.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.clock import now_ns
from engine.errors import (
    EmptyText,
    EngineBroken,
    EngineClosed,
    GaplessError,
    Overloaded,
    UnknownVoice,
    Unsupported,
    UtteranceFailed,
    VoiceExists,
)
from engine.messages import (
    Accepted,
    Aligned,
    AudioChunk,
    ChunkTimings,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    Event,
    Failed,
    Finished,
    FlushDone,
    NewVoice,
    Place,
    Playback,
    Sink,
    SpokenWindow,
    Usage,
    Utterance,
    VoiceInfo,
    Word,
    total,
)
from engine.text.frontend import choose_language
from tests.recordings import CLONING, Cloning

SAMPLE_RATE = 24_000  # Hz
TOKEN_SAMPLES = 960  # 40 ms
UTTERANCE_BYTES = 1_000_000
DEVICE_BYTES = 3 << 30
LANGUAGES = ("en", "de")
DEFAULT_SAMPLING = {"temperature": 0.8, "top_p": 0.95, "min_p": 0.0, "top_k": 0.0, "repetition_penalty": 1.2}


VOICE_BYTES = 2 << 20  # that a created voice takes on disk


@dataclass(frozen=True, kw_only=True)
class Script:
    """How a scripted voice behaves."""

    token_s: float = 0.0  # time that drawing one token takes
    window_tokens: int = 5  # longest chunk
    fail_at_chunk: int | None = None  # breaks instead of giving this chunk
    hang_at_chunk: int | None = None  # never gives this chunk


def speech_of(word: str, *, seed: int, voice: str) -> NDArray[np.float32]:
    """The whole tone of a word: one token a letter and one of rest, fading in and out."""
    digest = hashlib.blake2b(f"{seed}/{voice}/{word}".encode(), digest_size=4).digest()
    frequency = 110 + int.from_bytes(digest, "big") % 600  # Hz
    n = TOKEN_SAMPLES * len(word)
    time = np.arange(n) / SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.005)
    tone = 0.3 * fade * np.sin(2 * np.pi * frequency * time)
    return np.concatenate([tone, np.zeros(TOKEN_SAMPLES)]).astype(np.float32)


def is_speakable(word: str) -> bool:
    return any(character.isalnum() for character in word)


def speech_of_text(text: str, *, seed: int, voice: str) -> NDArray[np.float32]:
    """What an utterance of this text sounds like."""
    words = [speech_of(word, seed=seed, voice=voice) for word in text.split() if is_speakable(word)]
    return np.concatenate([np.zeros(0, np.float32), *words])


@dataclass(frozen=True)
class _Word:
    text: str
    begin: int  # in the utterance's text
    received_ns: int


@dataclass
class _Counts:
    """What an utterance did so far."""

    characters: int = 0
    words: int = 0
    tokens: int = 0
    samples: int = 0
    chunks: int = 0
    busy_ns: int = 0


@dataclass
class _Running:
    """One utterance: written by the caller's threads and by its own, always under `changed`."""

    utterance: Utterance
    accepted: Accepted
    script: Script
    sink: Sink
    capacity: int  # samples that may wait to be released
    changed: threading.Condition = field(default_factory=threading.Condition)
    unfinished_word: str = ""
    items: deque[_Word | FlushDone] = field(default_factory=deque)
    input_ended: bool = False
    cancelled: bool = False
    unreleased: int = 0
    counts: _Counts = field(default_factory=_Counts)

    def __post_init__(self) -> None:
        if resume := self.utterance.resume:
            self.counts.words, self.counts.samples = resume.place.segment, resume.place.first_sample

    @property
    def resumes_at(self) -> int:
        """Words that begin before this place in the text were spoken elsewhere."""
        return self.utterance.resume.place.text_begin if self.utterance.resume else 0

    def push(self, text: str) -> None:
        self.counts.characters += len(text)
        text = self.unfinished_word + text
        begin = self.counts.characters - len(text)
        *complete, self.unfinished_word = _split_keeping_open_word(text)
        for word, match in zip(complete, re.finditer(r"\S+", text), strict=False):
            if is_speakable(word) and begin + match.start() >= self.resumes_at:
                self.items.append(_Word(word, begin + match.start(), now_ns()))

    def close_word(self) -> None:
        self.push(" ")
        self.counts.characters -= 1

    def speak(self) -> Iterator[Event]:
        """The utterance's whole life, on its own thread."""
        while (item := self._next_item()) is not None:
            if isinstance(item, FlushDone):
                yield FlushDone(flush_id=item.flush_id, end_sample=self.counts.samples)
            else:
                yield from self._speak_word(item)
        if self.counts.words == 0:
            raise EmptyText
        yield Finished(usage=self._usage())

    def _next_item(self) -> _Word | FlushDone | None:
        with self.changed:
            self.changed.wait_for(lambda: self.items or self.input_ended or self.cancelled)
            self._stop_if_cancelled()
            return self.items.popleft() if self.items else None

    def _speak_word(self, word: _Word) -> Iterator[Event]:
        first = self.counts.samples
        samples = speech_of(word.text, seed=self.accepted.seed, voice=self.accepted.voice)
        window = self.script.window_tokens * TOKEN_SAMPLES
        for start in range(0, len(samples), window):
            piece = samples[start : start + window]
            timings = self._work(word, len(piece) // TOKEN_SAMPLES)
            counts, end_of_word = self.counts, start + window >= len(samples)
            counts.samples += len(piece)
            wanted = piece[max(0, self._from_sample - counts.samples + len(piece)) :]
            if len(wanted):
                self._wait_for_room(len(wanted))
                yield AudioChunk(
                    seq=counts.chunks,
                    first_sample=counts.samples - len(wanted),
                    samples=wanted,
                    timings=timings,
                    segment=counts.words,
                    end_of_segment=end_of_word,
                    text_begin=word.begin,
                    text_end=word.begin + len(word.text),
                    prebuffer_hint_s=0.0 if counts.chunks == 0 else None,
                    place=self._place(word, first, start // window + 1, end_of_word),
                )
                counts.chunks += 1
        self.counts.words += 1
        if self.utterance.want_alignment:
            yield Aligned(words=(self._timed(word, first),))

    @property
    def _from_sample(self) -> int:
        return self.utterance.resume.from_sample if self.utterance.resume else 0

    def _place(self, word: _Word, first: int, windows: int, end_of_word: bool) -> Place:
        end = word.begin + len(word.text)
        if end_of_word:
            return Place(segment=self.counts.words + 1, first_sample=self.counts.samples, text_begin=end)
        spoken = (SpokenWindow(self.script.window_tokens, 0, False),) * windows
        return Place(segment=self.counts.words, first_sample=first, text_begin=word.begin, text_end=end, windows=spoken)

    def _timed(self, word: _Word, first: int) -> Word:
        end = first + len(word.text) * TOKEN_SAMPLES
        stop = word.begin + len(word.text)
        return Word(word=word.text, start_sample=first, end_sample=end, text_begin=word.begin, text_end=stop)

    def _work(self, word: _Word, tokens: int) -> ChunkTimings:
        start_ns = now_ns()
        script, chunk = self.script, self.counts.chunks
        if chunk == script.fail_at_chunk:
            raise UtteranceFailed(f"scripted to fail at chunk {chunk}")
        with self.changed:
            never = None if chunk == script.hang_at_chunk else script.token_s * tokens
            self.changed.wait_for(lambda: self.cancelled, timeout=never)
            self._stop_if_cancelled()
        end_ns = now_ns()
        self.counts.tokens += tokens
        self.counts.busy_ns += end_ns - start_ns
        return ChunkTimings(
            text_received_ns=word.received_ns,
            t3_start_ns=start_ns,
            t3_first_token_ns=start_ns,
            t3_last_token_ns=end_ns,
            flow_start_ns=end_ns,
            flow_end_ns=end_ns,
            vocoder_end_ns=end_ns,
            window_tokens=tokens,
        )

    def _wait_for_room(self, num_samples: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.cancelled or self.unreleased + num_samples <= self.capacity)
            self._stop_if_cancelled()
            self.unreleased += num_samples

    def _stop_if_cancelled(self) -> None:
        if self.cancelled:
            raise _Cancelled

    def _usage(self) -> Usage:
        counts = self.counts
        return Usage(
            input_characters=counts.characters,
            segments=counts.words,
            speech_tokens=counts.tokens,
            samples=counts.samples,
            windows=counts.chunks,
            t3_ns=counts.busy_ns,
        )


class _Cancelled(Exception):
    """Leaves an utterance's thread."""


def _split_keeping_open_word(text: str) -> list[str]:
    """Complete words, then the word at the end that may still grow ("" after a space)."""
    words = text.split()
    return words if words and not text[-1].isspace() else [*words, ""]


class ScriptedEngine:
    """Implements `engine.messages.Engine`. `submitted`, `playbacks`, `cloned` and `deleted` tell what was asked."""

    def __init__(
        self,
        voices: Mapping[str, Script] | None = None,
        *,
        max_utterances: int = 4,
        channel_s: float = 2.0,
        cloning: Cloning | None = CLONING,
        has_alignment: bool = False,
        has_resume: bool = True,
        has_speaking_rate: bool = False,
    ) -> None:
        self._scripts = dict(voices or {"anna": Script(), "karl": Script()})
        self._own = frozenset(self._scripts)
        self._descriptions = {name: f"scripted {name}" for name in self._scripts}
        self._owners: dict[str, str] = {}
        self._cloning = cloning
        self._has_alignment = has_alignment
        self._has_resume = has_resume
        self._has_speaking_rate = has_speaking_rate
        self._one_at_a_time = threading.Lock()
        self._capacity = round(channel_s * SAMPLE_RATE)
        largest = max(script.window_tokens for script in self._scripts.values()) * TOKEN_SAMPLES
        if largest > self._capacity:
            raise ValueError(f"channel of {self._capacity} samples cannot hold a window of {largest}")
        self._max_utterances = max_utterances
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        self._tells: list[Callable[[], None]] = []
        self._done = Usage()  # by utterances that were spoken to their end
        self.least_lead_s: float | None = None  # as its stats tell it
        self.submitted: list[Utterance] = []
        self.playbacks: list[Playback] = []
        self.cloned: list[NewVoice] = []  # begun, in order
        self.deleted: list[str] = []

    def info(self) -> EngineInfo:
        return EngineInfo(
            model="scripted",
            variant="scripted",
            device="cpu",
            form="cached",
            languages=LANGUAGES,
            sample_rate=SAMPLE_RATE,
            default_voice=next(iter(self._scripts)),
            default_sampling=DEFAULT_SAMPLING,
            default_max_text_delay_s=0.5,
            max_utterances=self._max_utterances,
            utterance_bytes=UTTERANCE_BYTES,
            utterance_memory_bytes=UTTERANCE_BYTES * self._max_utterances,
            has_alignment=self._has_alignment,
            has_cloning=self._cloning is not None,
            has_resume=self._has_resume,
            has_speaking_rate=self._has_speaking_rate,
        )

    def voices(self) -> list[VoiceInfo]:
        return [self._voice_info(name) for name in sorted(self._scripts)]

    def _voice_info(self, name: str) -> VoiceInfo:
        return VoiceInfo(
            name=name,
            description=self._descriptions[name],
            language_codes=LANGUAGES,
            bytes_held=1000 * len(name),
            built_in=name in self._own,
            owner=self._owners.get(name, ""),
            bytes_stored=0 if name in self._own else VOICE_BYTES,
        )

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        """Stores a script under the name; the recording only has to be one."""
        if self._cloning is None:
            raise Unsupported("scripted to clone no voices")
        with self._one_at_a_time:
            self.cloned.append(voice)
            if voice.name in self._scripts:
                raise VoiceExists(voice.name)
            warnings = self._cloning.clone(voice.audio)
            self._descriptions[voice.name] = voice.description
            self._owners[voice.name] = voice.owner
            self._scripts[voice.name] = Script()
            return CreatedVoice(voice=self._voice_info(voice.name), warnings=warnings)

    def delete_voice(self, name: str) -> None:
        if name not in self._scripts:
            raise UnknownVoice(name, sorted(self._scripts), "name")
        if name in self._own:
            raise Unsupported(f"voice {name!r} is part of the model")
        del self._scripts[name]
        self.deleted.append(name)

    def voice_file(self, name: str) -> bytes:
        if name not in self._scripts:
            raise UnknownVoice(name, sorted(self._scripts), "name")
        if name in self._own:
            raise Unsupported(f"voice {name!r} is part of the model: every engine has it")
        return json.dumps([self._descriptions[name], self._owners[name]]).encode()

    def add_voice_file(self, name: str, content: bytes) -> None:
        if name in self._scripts:
            raise VoiceExists(name)
        self._descriptions[name], self._owners[name] = json.loads(content)
        self._scripts[name] = Script()

    def stats(self) -> EngineStats:
        with self._lock:
            running = list(self._running.values())
        waiting = [item for one in running for item in list(one.items) if isinstance(item, _Word)]
        return EngineStats(
            utterances=len(running),
            tokens_waiting=sum(len(word.text) + 1 for word in waiting),
            samples_unreleased=sum(one.unreleased for one in running),
            slots_in_use=len(running),
            done=self._done,
            places=self._max_utterances,
            places_reason="scripted",
            device_bytes=DEVICE_BYTES,
            least_lead_s=self.least_lead_s,
        )

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        voice = utterance.voice or self.info().default_voice
        if voice not in self._scripts:
            raise UnknownVoice(voice, sorted(self._scripts))
        accepted = Accepted(
            voice=voice,
            language=choose_language(utterance.language, LANGUAGES),
            seed=secrets.randbits(64) if utterance.seed is None else utterance.seed,
            sampling={**DEFAULT_SAMPLING, **utterance.sampling},
            max_text_delay_s=0.5 if utterance.max_text_delay_s is None else utterance.max_text_delay_s,
        )
        running = _Running(utterance, accepted, self._scripts[voice], sink, self._capacity)
        thread = threading.Thread(target=self._run, args=[running], name=f"scripted-{utterance.id}")
        with self._lock:
            if self._closed:
                raise EngineClosed("the engine is closed")
            if (count := sum(not one.cancelled for one in self._running.values())) >= self._max_utterances:
                running_now = f"{count} of {self._max_utterances} utterances are running"
                raise Overloaded(running_now, retry_after_s=0.5)
            self._running[utterance.id] = running
            self._threads[utterance.id] = thread
            self.submitted.append(utterance)
        thread.start()
        return accepted

    def _run(self, running: _Running) -> None:
        """Frees the slot before the last event, so that whoever sees the end may start the next utterance."""
        last: Event | None = None
        try:
            for event in running.speak():
                if isinstance(event, Finished):
                    last = event
                else:
                    running.sink(event)
        except _Cancelled:
            pass
        except GaplessError as error:
            last = Failed(error=error)
        with self._lock:
            del self._running[running.utterance.id]
            del self._threads[running.utterance.id]
            if isinstance(last, Finished):
                self._done = total([self._done, last.usage])
        if last is not None and not running.cancelled:
            running.sink(last)

    def push_text(self, utterance_id: str, text: str) -> None:
        if running := self._running.get(utterance_id):
            with running.changed:
                running.push(text)
                running.changed.notify_all()

    def flush(self, utterance_id: str, flush_id: int) -> None:
        if running := self._running.get(utterance_id):
            with running.changed:
                running.close_word()
                running.items.append(FlushDone(flush_id=flush_id, end_sample=0))
                running.changed.notify_all()

    def end_input(self, utterance_id: str) -> None:
        if running := self._running.get(utterance_id):
            with running.changed:
                running.close_word()
                running.input_ended = True
                running.changed.notify_all()

    def release(self, utterance_id: str, num_samples: int) -> None:
        if running := self._running.get(utterance_id):
            with running.changed:
                running.unreleased -= num_samples
                running.changed.notify_all()

    def playback(self, utterance_id: str, playback: Playback) -> None:
        if utterance_id in self._running:
            self.playbacks.append(playback)

    def cancel(self, utterance_id: str) -> Usage | None:
        running = self._running.get(utterance_id)
        if running is None:
            return None
        with running.changed:
            running.cancelled = True
            running.changed.notify_all()
        return running._usage()

    def broken(self) -> EngineBroken | None:
        return None

    def on_close(self, tell: Callable[[], None]) -> None:
        with self._lock:
            self._tells.append(tell)
            closed = self._closed
        if closed:
            tell()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            ids, threads = list(self._running), list(self._threads.values())
        for tell in self._tells:
            tell()
        for utterance_id in ids:
            self.cancel(utterance_id)
        for thread in threads:
            thread.join()
