"""What an utterance that is gone on with has to be like. It comes from outside: nothing in it is believed."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InvalidRequest
from engine.messages import Place, Utterance
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.windows import largest_peek
from engine.text.frontend import TextConfig
from engine.text.markup.tags import LONGEST_PAUSE_S

_MOST = 2**53  # of any number: no utterance comes near it
_PLACE = "config.resume.place"


@dataclass(frozen=True, kw_only=True)
class ResumeLimits:
    """What this engine may be asked to go on with."""

    window_tokens: int  # with its lookahead, for which the ledger has room
    lookahead: int
    segment_tokens: int
    segment_chars: int
    codes: int  # speech tokens are below
    pause_samples: int

    @staticmethod
    def of(config: SchedulerConfig, text: TextConfig, codes: int) -> ResumeLimits:
        timing = config.timing
        return ResumeLimits(
            window_tokens=largest_peek(config.ladder, timing.lookahead),
            lookahead=timing.lookahead,
            segment_tokens=text.max_tokens,
            segment_chars=text.segmenter.max_chars,
            codes=codes,
            pause_samples=max(config.longest_pause_samples, round(LONGEST_PAUSE_S * timing.sample_rate)),
        )

    def check(self, utterance: Utterance) -> None:
        """Raises InvalidRequest, which names the field."""
        resume = utterance.resume
        if resume is None:
            return
        if utterance.seed is None:
            raise InvalidRequest("config.seed", "an utterance is gone on with by the seed that it began with")
        self._check_numbers(resume.place)
        _within("config.resume.from_sample", resume.from_sample, resume.place.first_sample, _MOST)
        self._check_text(resume.place)
        self._check_segment(resume.place)

    def _check_numbers(self, place: Place) -> None:
        for name in ("segment", "first_sample", "text_begin", "piece"):
            _within(f"{_PLACE}.{name}", getattr(place, name), 0, _MOST)
        for at in place.settled:
            _within(f"{_PLACE}.settled", at, 0, _MOST)
        _within(f"{_PLACE}.speech_samples", place.speech_samples, 0, place.first_sample)
        _within(f"{_PLACE}.owed_pause", place.owed_pause, 0, self.pause_samples)

    def _check_text(self, place: Place) -> None:
        if place.text_end is not None:
            _within(f"{_PLACE}.text_end", place.text_end, place.text_begin + 1, place.text_begin + self.segment_chars)
        elif place.piece or place.windows or place.tokens:
            raise InvalidRequest(f"{_PLACE}.text_end", "is missing: a segment that was begun has an end")

    def _check_segment(self, place: Place) -> None:
        for window in place.windows:
            if window.final:
                raise InvalidRequest(
                    f"{_PLACE}.windows", "a final one: behind it, the place is that of the next segment"
                )
            _within(f"{_PLACE}.windows.tokens", window.tokens, 1, self.window_tokens)
            _within(f"{_PLACE}.windows.lookahead", window.lookahead, 0, self.lookahead)
            _within(f"{_PLACE}.windows", window.tokens + window.lookahead, 1, self.window_tokens)
        _within(f"{_PLACE}.windows", sum(window.tokens for window in place.windows), 0, self.segment_tokens)
        _within(f"{_PLACE}.tokens", len(place.tokens), 0, self.segment_tokens)
        for token in place.tokens:
            _within(f"{_PLACE}.tokens", token, 0, self.codes - 1)


def _within(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidRequest(field, f"{value} is not within {least} and {most}")
