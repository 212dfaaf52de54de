"""The text's runner: text as it was sent -> segments -> pieces that T3 can speak.

Callers only append to the segmenter's input. This runner cuts it, a bounded number of characters in each turn and a
bounded number of segments ahead of T3, and prepares the next segment (numbers become words, and so on) while T3 still
speaks the one before it. Utterances take turns, so one long text delays no other. Text that nobody waits for yet
(behind a speakable piece, or behind much that cannot be spoken) is handled with rests in between, because this work
holds the GIL, which the other threads need at each operation. None of it is done with the scheduler's lock held.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from itertools import islice

from engine.clock import now_ns
from engine.device.faults import reported
from engine.errors import InvalidRequest
from engine.messages import Warned
from engine.pipeline.worker import Runner, Work
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.jobs import TokenStage
from engine.scheduling.ledger import FlushMark
from engine.scheduling.running import RunningUtterance, SpeakablePiece, emit, fail, take_cut
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.wakeups import Stage
from engine.text.pronunciations import Unfinished
from engine.text.segmenter import TextSegment
from engine.text.words import WrittenWord, as_sent

_SHOWN = 60  # characters of what was dropped that a warning shows

log = logging.getLogger(__name__)


TURN_S = 0.001  # of preparing
TURN_CHARS = 160  # of cutting: a segment or two
TURN_SEGMENTS = 64
REST = 4  # times as long as a turn that nobody waits for, the thread lets the others have Python's lock


class TextRunner(Runner):
    stage = Stage.TEXT

    def __init__(self, scheduler: Scheduler, stage: TokenStage) -> None:
        self._scheduler = scheduler
        self._stage = stage
        self._rests_until_ns = 0  # with what nobody waits for

    def take(self) -> Work | float | None:
        now = now_ns()
        if running := self._scheduler.to_prepare(now):
            rest_ns = self._rests_until_ns - now if running.text_can_wait else 0
            return rest_ns / NS_PER_S if rest_ns > 0 else partial(self._do, running)
        next_cut = self._scheduler.next_cut_ns()
        return None if next_cut is None else max(0, next_cut - now) / NS_PER_S

    def wants(self) -> bool:
        return self._scheduler.to_prepare(now_ns()) is not None

    def _do(self, running: RunningUtterance) -> None:
        """Catches what the stage raises, which ends one utterance."""
        began_ns, can_wait = now_ns(), running.text_can_wait
        try:
            self._cut(running)
            self._prepare(running)
        except Exception as error:
            if not isinstance(error, InvalidRequest):
                log.exception("the text failed on utterance %s", running.request.id)
            with self._scheduler.lock:
                fail(running, reported(error, "the text"))
                self._scheduler.wakeups.wake(Stage.VOCODER)
        if can_wait:
            self._rests_until_ns = now_ns() + REST * (now_ns() - began_ns)

    def _cut(self, running: RunningUtterance) -> None:
        """Not before what has been cut is speakable, if somebody waits for that."""
        now = now_ns()
        if (running.texts and not running.pieces) or not running.may_cut(now):
            return
        taken = running.segmenter.take(now, TURN_CHARS)
        for dropped, what in running.segmenter.take_dropped():
            shown = f", first: {what[:_SHOWN]!r}" if what else ""
            emit(running, Warned(reason=dropped.reason, message=dropped.message + shown))
        with self._scheduler.lock:
            take_cut(running, taken)
            if running.input_ended:
                self._scheduler.wakeups.wake(Stage.VOCODER)

    def _prepare(self, running: RunningUtterance) -> None:
        """Passes flush marks on, and makes the next segment speakable, once all pieces before them are in the ledger.

        A segment stays in `texts` until its pieces stand in its place, so that the utterance never seems to be idle."""
        with self._scheduler.lock:
            running.prepared_ns = now_ns()
            if running.pieces:
                return
            while running.texts and isinstance(mark := running.texts[0], FlushMark):
                running.texts.popleft()
                running.ledger.entries.append(mark)
                self._scheduler.wakeups.wake(Stage.VOCODER)
            coming = list(islice(running.texts, TURN_SEGMENTS))
        done, pieces = self._first_speakable(running, coming)
        with self._scheduler.lock:
            for _ in range(done):
                running.texts.popleft()
            running.pieces += pieces
            running.barren = not pieces and (bool(coming) or running.segmenter.has_input)
            if pieces:
                self._scheduler.wakeups.wake(Stage.T3)
            elif running.idle:
                self._scheduler.wakeups.wake(Stage.VOCODER)

    def _first_speakable(
        self, running: RunningUtterance, coming: Sequence[TextSegment | FlushMark]
    ) -> tuple[int, list[SpeakablePiece]]:
        """How many of the segments were looked at in this turn, and the pieces of the last of them: all others have
        none."""
        done, pieces, ends_ns = 0, list[SpeakablePiece](), now_ns() + round(TURN_S * NS_PER_S)
        for text in coming:
            if pieces or isinstance(text, FlushMark) or (done and now_ns() >= ends_ns):
                break
            try:
                pieces = self._pieces(running, text)
            except Unfinished:
                break
            done += 1
        return done, pieces

    def _pieces(self, running: RunningUtterance, text: TextSegment) -> list[SpeakablePiece]:
        """Where there are none, the pause before the text is one before what follows."""
        asked = text.text, running.accepted.language, running.pronunciations
        said = self._stage.speakable(*asked)
        words: Sequence[tuple[WrittenWord, ...]] = [()] * len(said)
        if running.request.want_alignment:
            words = [as_sent(written, text.origin) for written in self._stage.words(*asked)]
        running.owed_pause_s = max(running.owed_pause_s, text.pause_s)
        pieces = []
        for index, spoken in enumerate(said):
            pause_s, running.owed_pause_s = running.owed_pause_s, 0.0
            segment, is_last = text._replace(pause_s=pause_s), index == len(said) - 1
            pieces.append(SpeakablePiece(segment, spoken, words[index], index, is_last))
        return self._not_spoken_before(running, pieces)

    def _not_spoken_before(self, running: RunningUtterance, pieces: list[SpeakablePiece]) -> list[SpeakablePiece]:
        """Raises InvalidRequest where the text that an utterance goes on with has too few."""
        first, running.first_piece = running.first_piece, None
        if first is not None and first >= len(pieces):
            raise InvalidRequest("config.resume.place.piece", f"{first}: the text has {len(pieces)} pieces")
        return pieces[first:]
