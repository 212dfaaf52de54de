"""An engine that takes its time instead of computing: each stage sleeps as long as a real one would work.

Behind the seam of `engine.messages.Engine`, with a T3 thread, a bounded token buffer, a flow thread and a bounded audio
channel for the one utterance that may run. `faults` is asked in every stage, so that a benchmark can slow any of them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.clock import now_ns
from engine.errors import EngineBroken, Overloaded, Unsupported
from engine.messages import (
    Accepted,
    AudioChunk,
    ChunkTimings,
    CreatedVoice,
    EngineInfo,
    EngineStats,
    Finished,
    FlushDone,
    NewVoice,
    Playback,
    Sink,
    Usage,
    Utterance,
    VoiceInfo,
)

SAMPLE_RATE = 24_000  # Hz
TOKEN_SAMPLES = 960  # 40 ms
LOOKAHEAD = 3  # tokens
WINDOWS = (6, 12, 25)  # tokens of the first, second and every later window of a segment
LEDGER_TOKENS = 84
CHANNEL_SAMPLES = 2 * SAMPLE_RATE
SENTENCE_END = ". "

Fault = Callable[[str], None]
"""Called with the name of a stage that is about to work; takes as long as the stage is to be held up."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    tokens_per_char: float = 1.5
    prefill_s: float = 0.02
    token_s: float = 0.02
    flow_s: float = 0.02
    flow_token_s: float = 0.001
    vocoder_s: float = 0.02


@dataclass
class _Segment:
    index: int
    received_ns: int
    length: int  # tokens
    t3_start_ns: int = 0
    busy_ns: int = 0
    told_busy_ns: int = 0
    drawn_ns: list[int] = field(default_factory=list)
    spoken: int = 0  # tokens
    closed_ns: int = 0


@dataclass
class _Running:
    utterance: Utterance
    sink: Sink
    changed: threading.Condition = field(default_factory=threading.Condition)
    text: str = ""
    received_ns: int = 0
    waiting: deque[_Segment] = field(default_factory=deque)  # for T3
    ledger: deque[_Segment] = field(default_factory=deque)  # for the flow
    n_segments: int = 0
    ended: bool = False
    cancelled: bool = False
    unreleased: int = 0
    released_ns: int = 0
    chunks: int = 0
    samples: int = 0


class PacedEngine:
    """Implements `engine.messages.Engine`."""

    def __init__(self, pace: Pace, fault: Fault) -> None:
        self._pace = pace
        self._fault = fault
        self._running: _Running | None = None
        self._threads: list[threading.Thread] = []

    def info(self) -> EngineInfo:
        return EngineInfo(
            model="paced",
            variant="paced",
            device="sleep",
            form="cached",
            languages=(),
            sample_rate=SAMPLE_RATE,
            default_voice="anna",
            default_sampling={},
            default_max_text_delay_s=1.0,
            max_utterances=1,
        )

    def voices(self) -> list[VoiceInfo]:
        return [VoiceInfo(name="anna", description="a tone", language_codes=("en",), bytes_held=0)]

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        raise Unsupported("this engine makes no voices")

    def delete_voice(self, name: str) -> None:
        raise Unsupported("this engine makes no voices")

    def voice_file(self, name: str) -> bytes:
        raise Unsupported("this engine makes no voices")

    def add_voice_file(self, name: str, content: bytes) -> None:
        raise Unsupported("this engine makes no voices")

    def stats(self) -> EngineStats:
        return EngineStats(
            utterances=int(self._running is not None), tokens_waiting=0, samples_unreleased=0, slots_in_use=0, places=1
        )

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        if self._running is not None:
            raise Overloaded("one utterance is running", retry_after_s=0.5)
        for thread in self._threads:
            thread.join()
        self._running = running = _Running(utterance, sink)
        stages = (("paced-t3", self._draw), ("paced-flow", self._speak))
        self._threads = [threading.Thread(target=work, args=[running], name=name) for name, work in stages]
        for thread in self._threads:
            thread.start()
        return Accepted(voice="anna", language="", seed=0, sampling={}, max_text_delay_s=1.0)

    def push_text(self, utterance_id: str, text: str) -> None:
        if running := self._of(utterance_id):
            with running.changed:
                running.received_ns = now_ns()
                running.text += text
                while SENTENCE_END in running.text:
                    sentence, running.text = running.text.split(SENTENCE_END, 1)
                    self._cut(running, sentence)
                running.changed.notify_all()

    def _cut(self, running: _Running, sentence: str) -> None:
        if sentence.strip():
            length = max(1, round(len(sentence) * self._pace.tokens_per_char))
            running.waiting.append(_Segment(running.n_segments, running.received_ns, length))
            running.n_segments += 1

    def flush(self, utterance_id: str, flush_id: int) -> None:
        if running := self._of(utterance_id):
            running.sink(FlushDone(flush_id=flush_id, end_sample=running.samples))

    def end_input(self, utterance_id: str) -> None:
        if running := self._of(utterance_id):
            with running.changed:
                self._cut(running, running.text)
                running.text, running.ended = "", True
                running.changed.notify_all()

    def release(self, utterance_id: str, num_samples: int) -> None:
        if running := self._of(utterance_id):
            with running.changed:
                running.unreleased -= num_samples
                running.released_ns = now_ns()
                running.changed.notify_all()

    def playback(self, utterance_id: str, playback: Playback) -> None:
        pass

    def cancel(self, utterance_id: str) -> Usage | None:
        running = self._of(utterance_id)
        if running is None:
            return None
        with running.changed:
            running.cancelled = True
            running.changed.notify_all()
        self._running = None
        return Usage(samples=running.samples, segments=running.n_segments)

    def broken(self) -> EngineBroken | None:
        return None

    def on_close(self, tell: Callable[[], None]) -> None:
        """It never breaks."""

    def close(self) -> None:
        if self._running:
            self.cancel(self._running.utterance.id)
        for thread in self._threads:
            thread.join()

    def _of(self, utterance_id: str) -> _Running | None:
        running = self._running
        return running if running and running.utterance.id == utterance_id else None

    # ------------------------------------------------------------------------------------------ T3

    def _draw(self, running: _Running) -> None:
        while segment := self._next_segment(running):
            segment.t3_start_ns = now_ns()
            self._work(segment, "t3_prefill", self._pace.prefill_s)
            for _ in range(segment.length):
                with running.changed:
                    running.changed.wait_for(lambda: running.cancelled or _waiting(running) < LEDGER_TOKENS)
                    if running.cancelled:
                        return
                self._work(segment, "t3", self._pace.token_s)
                with running.changed:
                    segment.drawn_ns.append(now_ns())
                    running.changed.notify_all()
            self._work(segment, "t3", self._pace.token_s)
            with running.changed:
                segment.closed_ns = now_ns()
                running.changed.notify_all()

    def _next_segment(self, running: _Running) -> _Segment | None:
        with running.changed:
            running.changed.wait_for(lambda: running.cancelled or running.waiting or running.ended)
            if running.cancelled or not running.waiting:
                return None
            running.ledger.append(running.waiting.popleft())
            return running.ledger[-1]

    def _work(self, segment: _Segment, stage: str, seconds: float) -> None:
        began_ns = now_ns()
        self._fault(stage)
        time.sleep(seconds)
        segment.busy_ns += now_ns() - began_ns

    # ------------------------------------------------------------------------------------------ flow

    def _speak(self, running: _Running) -> None:
        while True:
            with running.changed:
                running.changed.wait_for(lambda: running.cancelled or running.ledger or _over(running))
                if running.cancelled:
                    return
                if not running.ledger:
                    break
                segment = running.ledger[0]
            index = 0
            while segment.spoken < segment.length:
                if not self._window(running, segment, WINDOWS[min(index, len(WINDOWS) - 1)]):
                    return
                index += 1
            with running.changed:
                running.ledger.popleft()
        running.sink(Finished(usage=Usage(samples=running.samples, segments=running.n_segments)))
        self._running = None

    def _window(self, running: _Running, segment: _Segment, size: int) -> bool:
        """False if nobody wants it any more."""
        full = False

        def ready() -> bool:
            nonlocal full
            size_samples = min(size, segment.length - segment.spoken) * TOKEN_SAMPLES
            drawn = segment.closed_ns or len(segment.drawn_ns) - segment.spoken >= size + LOOKAHEAD
            room = not running.unreleased or running.unreleased + size_samples <= CHANNEL_SAMPLES
            full = full or (bool(drawn) and not room)
            return running.cancelled or (bool(drawn) and room)

        with running.changed:
            running.changed.wait_for(ready)
            if running.cancelled:
                return False
            room_ns = running.released_ns if full else 0
        self._fault("tokens")
        started_ns = now_ns()
        n_new = min(size, segment.length - segment.spoken)
        final = segment.spoken + n_new >= segment.length
        lookahead = 0 if final else min(LOOKAHEAD, segment.length - segment.spoken - n_new)
        seen = segment.spoken + n_new + lookahead
        busy_ns, segment.told_busy_ns = segment.busy_ns - segment.told_busy_ns, segment.busy_ns
        self._fault("flow")
        time.sleep(self._pace.flow_s + self._pace.flow_token_s * (n_new + lookahead))
        flow_end_ns = now_ns()
        self._fault("vocoder")
        time.sleep(self._pace.vocoder_s)
        timings = ChunkTimings(
            text_received_ns=segment.received_ns,
            text_cut_ns=segment.received_ns,
            t3_start_ns=segment.t3_start_ns,
            t3_first_token_ns=segment.drawn_ns[segment.spoken],
            t3_last_token_ns=segment.closed_ns if final else segment.drawn_ns[seen - 1],
            t3_busy_ns=busy_ns,
            room_ns=room_ns,
            flow_start_ns=started_ns,
            flow_end_ns=flow_end_ns,
            vocoder_end_ns=now_ns(),
            window_tokens=n_new,
            lookahead_tokens=lookahead,
        )
        self._emit(running, segment, n_new, final, timings)
        return True

    def _emit(self, running: _Running, segment: _Segment, n_new: int, final: bool, timings: ChunkTimings) -> None:
        samples = np.full(n_new * TOKEN_SAMPLES, 0.1, np.float32)
        chunk = AudioChunk(
            seq=running.chunks,
            first_sample=running.samples,
            samples=samples,
            timings=timings,
            segment=segment.index,
            end_of_segment=final,
            prebuffer_hint_s=0.1 if running.chunks == 0 else None,
        )
        with running.changed:
            segment.spoken += n_new
            running.chunks += 1
            running.samples += len(samples)
            running.unreleased += len(samples)
            running.changed.notify_all()
        self._fault("channel")
        running.sink(chunk)


def _waiting(running: _Running) -> int:
    return sum(len(segment.drawn_ns) - segment.spoken for segment in running.ledger)


def _over(running: _Running) -> bool:
    return running.ended and not running.waiting and all(segment.closed_ns for segment in running.ledger)
