"""The text's runner: text as it was sent -> segments -> pieces that T3 can speak.

Callers only append to the segmenter's input. This runner cuts it, a bounded number of characters in each turn, and
prepares the next segment (numbers become words, and so on) while T3 still speaks the one before it. Utterances take
turns, so one long text delays nobody else's. Nothing of this is done with the scheduler's condition held.
"""

from __future__ import annotations

import logging
from functools import partial

from engine.clock import now_ns
from engine.device.faults import reported
from engine.messages import Warned
from engine.pipeline.worker import Runner, Work
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.jobs import TokenStage
from engine.scheduling.ledger import FlushMark
from engine.scheduling.running import Running, Spoken, emit, fail, take_cut
from engine.scheduling.scheduler import Scheduler
from engine.text.segmenter import TextSegment

_SHOWN = 60  # characters of what was dropped that a warning shows

log = logging.getLogger(__name__)


class TextRunner(Runner):
    def __init__(self, scheduler: Scheduler, stage: TokenStage) -> None:
        self._scheduler = scheduler
        self._stage = stage

    def take(self) -> Work | float | None:
        now = now_ns()
        if running := self._scheduler.to_prepare(now):
            return partial(self._do, running)
        next_cut = self._scheduler.next_cut_ns()
        return None if next_cut is None else max(0, next_cut - now) / NS_PER_S

    def wants(self) -> bool:
        return self._scheduler.to_prepare(now_ns()) is not None

    def _do(self, running: Running) -> None:
        """Border of the stage: whatever breaks, breaks one utterance."""
        try:
            self._cut(running)
            self._prepare(running)
        except Exception as error:
            log.exception("the text failed on utterance %s", running.request.id)
            with self._scheduler.changed:
                fail(running, reported(error, "the text"))
                self._scheduler.changed.notify_all()

    def _cut(self, running: Running) -> None:
        taken = running.segmenter.take(now_ns())
        for dropped, what in running.segmenter.take_dropped():
            shown = f", first: {what[:_SHOWN]!r}" if what else ""
            emit(running, Warned(reason=dropped.reason, message=dropped.message + shown))
        with self._scheduler.changed:
            take_cut(running, taken)
            running.prepared_ns = now_ns()
            self._scheduler.changed.notify_all()

    def _prepare(self, running: Running) -> None:
        """Passes flush marks on, and makes the next segment speakable, once all pieces before them are in the ledger.

        A segment stays in `texts` until its pieces stand in its place, so that the utterance never seems to be idle."""
        with self._scheduler.changed:
            if running.pieces:
                return
            while running.texts and isinstance(mark := running.texts[0], FlushMark):
                running.texts.popleft()
                running.ledger.entries.append(mark)
            text = running.texts[0] if running.texts else None
            self._scheduler.changed.notify_all()
        if isinstance(text, TextSegment):
            pieces = self._pieces(running, text)
            with self._scheduler.changed:
                running.texts.popleft()
                running.pieces += pieces
                self._scheduler.changed.notify_all()

    def _pieces(self, running: Running, text: TextSegment) -> list[Spoken]:
        language = running.accepted.language
        pieces = self._stage.speakable(text.text, language)
        words = self._stage.words(text.text, language) if running.request.want_alignment else [()] * len(pieces)
        return [Spoken(text, *piece) for piece in zip(pieces, words, strict=True)]
