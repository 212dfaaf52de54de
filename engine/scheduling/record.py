"""What a segment's audio so far was made of, so that another engine can make the rest: its `Place`.

A segment that is gone on with is one whose first windows are decided already (`SegmentTokens.decided`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.messages import Place, SpokenWindow
from engine.scheduling.windows import Window
from engine.text.segmenter import UNCUT, Cut


def spoken_before(window: SpokenWindow) -> Window:
    """The same window, to be run again."""
    return Window(n_new=window.tokens, lookahead=window.lookahead, final=window.final)


@dataclass(slots=True, kw_only=True)
class SegmentRecord:
    """Of one segment. T3's thread appends to `tokens`, the vocoder's writes all else."""

    index: int = 0  # of the segment in its utterance
    cut: Cut = UNCUT  # of its text,
    piece: int = 0  # which piece of that text it is,
    ends_text: bool = True  # and whether it is the last
    tokens: list[int] | None = None  # all that were drawn; None: nobody wants them
    begun: bool = False  # it has passed the vocoder with its first window
    first_sample: int = 0
    speech_samples: int = 0  # of the utterance before it
    pause: int = 0  # samples that it begins with
    windows: list[SpokenWindow] = field(default_factory=list)  # that have passed the vocoder
    _spoken: int = 0  # tokens of these windows,
    _seen: int = 0  # and with their lookahead

    def begin(self, first_sample: int, speech_samples: int, pause: int) -> None:
        """Its first window comes to the vocoder; it may be tried again."""
        self.begun = True
        self.first_sample, self.speech_samples, self.pause = first_sample, speech_samples, pause

    def add(self, window: SpokenWindow) -> None:
        self.windows.append(window)
        self._spoken += window.tokens
        self._seen = max(self._seen, self._spoken + window.lookahead)

    def place(self) -> Place:
        """From which to go on behind its last window."""
        return Place(
            segment=self.index,
            first_sample=self.first_sample,
            text_begin=self.cut.begin,
            text_end=self.cut.end,
            piece=self.piece,
            settled=self.cut.settled,
            windows=tuple(self.windows),
            tokens=() if self.tokens is None else tuple(self.tokens[: self._seen]),
            speech_samples=self.speech_samples,
            owed_pause=self.pause,
        )

    def place_behind(self, next_sample: int, speech_samples: int, owed_pause: int) -> Place:
        """From which to go on behind the whole segment."""
        cut = self.cut
        return Place(
            segment=self.index + 1,
            first_sample=next_sample,
            text_begin=cut.end if self.ends_text else cut.begin,
            text_end=None if self.ends_text else cut.end,
            piece=0 if self.ends_text else self.piece + 1,
            settled=cut.settled,
            speech_samples=speech_samples,
            owed_pause=owed_pause,
        )
