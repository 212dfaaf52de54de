"""Words in the audio: which of them a listener has heard, and showing each when it sounds.

Words are those of `alignment` events (`Utterance.words`), positions are samples at the utterance's rate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .types import Word

_POLL_INTERVAL_S = 0.02  # while the sound stands still


@dataclass(frozen=True, kw_only=True)
class WordsHeard:
    """What was heard of an utterance that broke off."""

    complete: tuple[Word, ...]
    broken_off: Word | None  # the word that had begun

    @property
    def text_end(self) -> int:
        """So many characters of the text were heard."""
        return self.complete[-1].text_end if self.complete else 0


def words_heard(words: Sequence[Word], played_samples: int) -> WordsHeard:
    """`words` of the utterance, in order; `played_samples`: see `Player.stop` and `Player.position`."""
    complete = tuple(word for word in words if word.end_sample <= played_samples)
    begun = [word for word in words[len(complete) :] if word.start_sample < played_samples]
    return WordsHeard(complete=complete, broken_off=begun[0] if begun else None)


class Captions:
    """Shows each word when it sounds. On the program's loop."""

    def __init__(self, show: Callable[[Word], None], played: Callable[[], int], sample_rate: Callable[[], int]) -> None:
        """`played`: how many samples were."""
        self._show = show
        self._played = played
        self._sample_rate = sample_rate
        self._waiting: deque[Word] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, words: Sequence[Word]) -> None:
        self._waiting.extend(words)
        if self._timer is None:
            self._show_due()

    def finish(self) -> None:
        """All has sounded."""
        self.stop()
        while self._waiting:
            self._show(self._waiting.popleft())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _show_due(self) -> None:
        self._timer = None
        played = self._played()
        while self._waiting and self._waiting[0].start_sample <= played:
            self._show(self._waiting.popleft())
        if self._waiting:
            left_s = (self._waiting[0].start_sample - played) / self._sample_rate()
            self._timer = asyncio.get_running_loop().call_later(max(left_s, _POLL_INTERVAL_S), self._show_due)
