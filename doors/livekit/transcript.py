"""What was heard of an interrupted turn, by the words' own times.

LiveKit's own transcript is paced by syllables between the times of words, and may be a word ahead of the sound or
behind it. The position of playback is exact, and so are the times.
"""

from __future__ import annotations

from collections.abc import Sequence

from livekit import rtc
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString
from livekit.agents.utils import is_given
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from gapless.client import TimedText


class SpokenWord(TimedString):
    """Knows all words of its utterance. LiveKit hands words on with the audio that follows, so when a turn is
    interrupted, its last words, or all of them, may not have arrived."""

    of_utterance: list[SpokenWord]


def spoken_word(piece: TimedText, of_utterance: list[SpokenWord]) -> SpokenWord:
    """The next one."""
    word = SpokenWord(piece.text, start_time=piece.start_s, end_time=piece.end_s)
    word.of_utterance = of_utterance
    of_utterance.append(word)
    return word


def opening_word(of_utterance: list[SpokenWord]) -> SpokenWord:
    """Says nothing. The utterance's first audio carries it, and with it the words that will be known."""
    return spoken_word(TimedText(text="", word="", start_s=0.0, end_s=0.0), of_utterance)


class HeardTranscript(AudioOutput):
    """In front of a session's audio output: `session.output.audio = HeardTranscript(session.output.audio)`, once the
    session has started. The conversation then keeps the words of a turn that was interrupted, or broke off, that were
    heard at least by half. Speech without timed words keeps what LiveKit makes of it."""

    def __init__(self, output: AudioOutput) -> None:
        super().__init__(
            label="GaplessHeardTranscript", next_in_chain=output, capabilities=AudioOutputCapabilities(pause=True)
        )
        assert self.next_in_chain
        self._output = self.next_in_chain  # `output`, or LiveKit's proxy of it, which counts its segments then
        self._words: Sequence[TimedString] = ()  # of the segment
        self._is_capturing = False
        self._is_truncated = False  # its speech broke off

    @property
    def sample_rate(self) -> int | None:
        rate: int | None = self._output.sample_rate
        return rate

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if not self._is_capturing:
            self._is_capturing, self._is_truncated = True, False
            self._words = ()
        for word in frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or ():
            self._words = word.of_utterance if isinstance(word, SpokenWord) else (*self._words, word)
        await super().capture_frame(frame)
        await self._output.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        self._is_capturing = False
        self._output.flush()

    def clear_buffer(self) -> None:
        self._output.clear_buffer()

    def _mark_input_truncated(self) -> None:
        """LiveKit's word that the speech broke off."""
        self._is_truncated = True
        super()._mark_input_truncated()

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        """The output's own news of a segment, which goes on with what was heard."""
        if (interrupted or self._is_truncated) and self._words:
            synchronized_transcript = _heard(self._words, playback_position)
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )


def _heard(words: Sequence[TimedString], position_s: float) -> str:
    return "".join(word for word in words if _middle_s(word) <= position_s)


def _middle_s(word: TimedString) -> float:
    start_s = word.start_time if is_given(word.start_time) else 0.0
    return (start_s + (word.end_time if is_given(word.end_time) else start_s)) / 2
