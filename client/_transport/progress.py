"""What both sides have said of an utterance, so that another call can go on where this one was lost.

`Sent` keeps what the client said after its config, `Received` how far the audio came. On the reader's loop.
"""

from __future__ import annotations

from typing import Any, cast

from .._wire import Request, Response, text_to
from ..errors import ServerFailed

_MAX_CHARACTERS = 100_000  # of text in one message: less than half a MiB, whatever the letters


class Sent:
    """Text, flushes and the end, in order."""

    def __init__(self) -> None:
        self._requests: list[Request | None] = []  # None: it was taken back
        self.answered: set[int] = set()  # ids of flushes

    def __len__(self) -> int:
        return len(self._requests)

    def note(self, request: Request) -> None:
        """The config and playback reports are no part of it: each call has its own."""
        if request.WhichOneof("event") in ("text", "flush", "end_of_input"):
            self._requests.append(request)

    def take_back(self, request: Request) -> None:
        """It was not sent after all."""
        for at, one in enumerate(self._requests):
            if one is request:
                self._requests[at] = None

    def again(self, begin: int) -> list[Request]:
        """What has to be sent to another call, from index `begin` on: in few messages, without answered flushes."""
        requests, text = [], ""
        for request in self._requests[begin:]:
            event = request.WhichOneof("event") if request else None
            if request is None or (event == "flush" and request.flush.flush_id in self.answered):
                continue
            if event == "text":
                text += request.text.text
                continue
            requests += [*_pieces(text), request]
            text = ""
        return [*requests, *_pieces(text)]


def _pieces(text: str) -> list[Request]:
    return [text_to(text[at : at + _MAX_CHARACTERS]) for at in range(0, len(text), _MAX_CHARACTERS)]


class Received:
    """How far the audio came, and what came beside it."""

    def __init__(self, sent: Sent) -> None:
        self.began = False  # the server has accepted the utterance
        self.samples = 0
        self._goes_on = False  # a call was lost
        self.elsewhere = False  # another server speaks, by another clock
        self._token = b""
        self._seed = 0
        self._chunks = 0
        self._chunks_before = 0  # in the calls that were lost
        self._sent = sent
        self._last_word = (-1, -1)
        self._warnings: set[tuple[str, str]] = set()

    @property
    def can_go_on(self) -> bool:
        """Where nothing was heard, an utterance with the same seed does as well."""
        return self.began and (bool(self._token) or not self.samples)

    def goes_on(self, opening: Request) -> Request:
        """The first message of the call that goes on."""
        self._goes_on, self._chunks_before = True, self._chunks
        request = Request()
        request.CopyFrom(opening)
        if self._token:
            request.config.resume.token, request.config.resume.from_sample = self._token, self.samples
        else:
            request.config.sampling.seed = self._seed
        return request

    def forget_token(self) -> bool:
        """A server refused the token: drops it, if nothing was heard. Returns whether it did."""
        had, self._token = bool(self._token), b"" if not self.samples else self._token
        return had and not self._token

    def is_new(self, response: Response) -> bool:
        """Notes it. Whether the program has not been told it before."""
        match response.WhichOneof("event"):
            case "started":
                return self._is_first_start(response)
            case "audio":
                return self._is_new_audio(response)
            case "flush_done":
                known = response.flush_done.flush_id in self._sent.answered
                self._sent.answered.add(response.flush_done.flush_id)
                return not known
            case "alignment":
                return self._has_new_words(response)
            case "warning":
                return self._is_new_warning(cast(Any, response.warning))  # the stub's forward reference is the builtin
        return True

    def _is_new_warning(self, warning: Any) -> bool:
        """Hides from the program what came only because the client asked for resume tokens: the program did not."""
        said = (warning.reason, warning.message)
        known = said in self._warnings or warning.reason == "RESUME_UNAVAILABLE"
        self._warnings.add(said)
        return not known

    def _is_first_start(self, response: Response) -> bool:
        first, self.began = not self.began, True
        self._token = response.started.resume_token or self._token
        self._seed = response.started.seed
        return first

    def _is_new_audio(self, response: Response) -> bool:
        audio = response.audio
        end = audio.first_sample + audio.num_samples
        if self._goes_on and end <= self.samples:
            return False
        if self._goes_on and audio.first_sample != self.samples:
            raise ServerFailed(f"the server went on at sample {audio.first_sample} in place of {self.samples}")
        self.samples = end
        self._token = audio.resume_token or self._token
        if self.elsewhere:
            audio.ClearField("timings")
        audio.chunk_seq += self._chunks_before
        self._chunks = audio.chunk_seq + 1
        return True

    def _has_new_words(self, response: Response) -> bool:
        words = response.alignment.words
        new = [word for word in words if (word.start_sample, word.text_begin) > self._last_word]
        if self._goes_on and len(new) < len(words):
            del words[: len(words) - len(new)]
        if words:
            self._last_word = (words[-1].start_sample, words[-1].text_begin)
        return bool(words)
