"""What a gateway remembers of an utterance, so that another engine can go on with it from the very sample.

In: what came from the client, to be said again. Out: what was already handed on, to be left out when it comes again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter

from engine.clock import now_ns
from engine.errors import UtteranceFailed
from engine.messages import Aligned, AudioChunk, Event, FlushDone, Place, Playback, Resume, Utterance, Warned, Word
from gapless.engine.v1 import engine_pb2 as pb
from service.engines.timings import GatewayTimings, Way

_SAID_AGAIN_NS = 100_000_000  # text that an engine cuts so soon after it took the utterance had come before that


@dataclass
class Record:
    """`utterance` has its seed. Engines know flushes by their number, because a client may use an id twice."""

    utterance: Utterance
    inputs: list[pb.SpeakRequest] = field(default_factory=list)  # text, flushes and the end, in order
    playback: Playback | None = None  # the last report
    handed: int = 0  # samples
    released: int = 0
    owed: int = 0  # samples that an engine which is gone had handed on, and nobody has released yet
    moves: int = 0
    _chunks: int = 0
    _orders: int = 0
    _ordered_ns: int = 0  # the last time
    _new_input_ns: int = 0  # the first that came after it; 0: none
    _lost_ns: int = 0  # since when no engine speaks it; 0: one does
    _texts: list[tuple[int, int]] = field(default_factory=list)  # characters up to its end, and when it came
    _flush_ids: dict[int, int] = field(default_factory=dict)  # by number, of those that wait
    _flushes: int = 0
    _flushes_done: int = 0
    _place: Place = field(default_factory=Place)  # behind the last chunk
    _unaligned: Place | None = None  # the beginning of a segment whose words have not come yet
    _last_word: tuple[int, int] = (-1, -1)
    _warnings: set[Warned] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.utterance.resume:
            self._place = self.utterance.resume.place

    # ---------------------------------------------------------------------------------------------------- to an engine

    def text(self, text: str) -> pb.SpeakRequest:
        begin = self._texts[-1][0] if self._texts else 0
        self._texts.append((begin + len(text), now_ns()))
        return self._keep(pb.SpeakRequest(text=text))

    def flush(self, flush_id: int) -> pb.SpeakRequest:
        """One directly behind another that was spoken takes its place: what is kept is bounded by the text."""
        last = self.inputs[-1] if self.inputs else pb.SpeakRequest()
        if last.WhichOneof("event") == "flush" and last.flush < self._flushes_done:
            self.inputs.pop()
        number, self._flushes = self._flushes, self._flushes + 1
        self._flush_ids[number] = flush_id
        return self._keep(pb.SpeakRequest(flush=number))

    def end_input(self) -> pb.SpeakRequest:
        return self._keep(pb.SpeakRequest(end_of_input=True))

    def _keep(self, request: pb.SpeakRequest) -> pb.SpeakRequest:
        self._new_input_ns = self._new_input_ns or now_ns()
        self.inputs.append(request)
        return request

    def release(self, num_samples: int) -> int:
        """How many of them concern the engine that speaks now."""
        self.released += num_samples
        of_others = min(self.owed, num_samples)
        self.owed -= of_others
        return num_samples - of_others

    def order(self) -> Utterance:
        """For the next engine. Each has an id of its own: the one that is gone may come back with the last one."""
        self.owed = self.handed - self.released
        name = f"{self.utterance.id}.{self._orders}" if self._orders else self.utterance.id
        self._orders += 1
        self._ordered_ns, self._new_input_ns = now_ns(), 0
        return replace(self.utterance, id=name, resume=self._resume, want_tokens=True)

    @property
    def _resume(self) -> Resume | None:
        if not self.handed:
            return self.utterance.resume
        return Resume(place=self._unaligned or self._place, from_sample=self._first_sample + self.handed)

    @property
    def _first_sample(self) -> int:
        return self.utterance.resume.from_sample if self.utterance.resume else 0

    def lost(self, since_ns: int) -> None:
        """The engine that spoke it is gone."""
        self.moves += 1
        self._lost_ns = self._lost_ns or since_ns

    # -------------------------------------------------------------------------------------------------- from an engine

    def new(self, event: Event, way: Way) -> Iterator[Event]:
        """What of it was not handed on yet. Raises UtteranceFailed where samples are missing."""
        match event:
            case AudioChunk():
                yield from self._new_audio(event, way)
            case FlushDone(flush_id=number):
                if number in self._flush_ids:
                    self._flushes_done = number + 1
                    yield replace(event, flush_id=self._flush_ids.pop(number))
            case Aligned(words=words):
                self._unaligned = None
                if fresh := tuple(word for word in words if _order(word) > self._last_word):
                    self._last_word = _order(fresh[-1])
                    yield Aligned(words=fresh)
            case Warned():
                if not self.moves or event not in self._warnings:
                    self._warnings.add(event)
                    yield event
            case _:
                yield event

    def _new_audio(self, chunk: AudioChunk, way: Way) -> Iterator[AudioChunk]:
        wanted = self._first_sample + self.handed
        if chunk.first_sample > wanted:
            missing = chunk.first_sample - wanted
            raise UtteranceFailed(f"an engine left out {missing} samples at {wanted}")
        samples = chunk.samples[wanted - chunk.first_sample :]
        if self.utterance.want_alignment and self._unaligned is None:
            self._unaligned = self._place
        if chunk.place is not None:
            self._place = chunk.place
        if len(samples):
            self.handed += len(samples)
            seq, self._chunks = self._chunks, self._chunks + 1
            timings = self._timings(chunk, way)
            yield replace(chunk, seq=seq, first_sample=wanted, samples=samples, timings=timings)

    def _timings(self, chunk: AudioChunk, way: Way) -> GatewayTimings:
        """Text that is sent again keeps the times at which it first came and, as far as is known, was cut. A move is
        over when everything that has to be spoken again was; with nothing to speak, when the next engine was asked."""
        timings, move_end_ns = chunk.timings, self._ordered_ns
        cut_ns = timings.text_cut_ns or timings.text_received_ns
        if self.moves and self._was_said_again(cut_ns):
            came_ns, move_end_ns = self._came_ns(chunk.text_end), way.received_ns
            timings = replace(timings, text_received_ns=came_ns, text_cut_ns=came_ns)
        lost_ns, self._lost_ns = self._lost_ns, 0
        return GatewayTimings(
            **vars(timings),
            engine_sent_ns=way.sent_ns,
            gateway_received_ns=way.received_ns,
            move_start_ns=lost_ns,
            move_end_ns=move_end_ns if lost_ns else 0,
        )

    def _was_said_again(self, cut_ns: int) -> bool:
        """The text that was cut then: an engine that is busy takes a while to cut it."""
        is_soon = cut_ns <= self._ordered_ns + _SAID_AGAIN_NS
        return is_soon or not self._new_input_ns or cut_ns < self._new_input_ns

    def _came_ns(self, text_end: int) -> int:
        """When the text up to this place had come; 0: none has."""
        index = bisect_left(self._texts, text_end, key=itemgetter(0))
        return self._texts[min(index, len(self._texts) - 1)][1] if self._texts else 0


def _order(word: Word) -> tuple[int, int]:
    return word.start_sample, word.text_begin
