"""Resume tokens: where an utterance stands, in bytes that a client keeps and only this service can make.

A token is FORMAT (1 byte), the HMAC-SHA256 of what follows and of the caller's name (its first 16 bytes), and a
serialised `ResumeState`. So nobody makes one up, changes one, or uses another caller's; what it holds is no secret.
Servers that share a key go on with each other's utterances, and nobody remembers a call that was lost.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.errors import GaplessError, InvalidRequest, UnknownVoice
from engine.messages import Accepted, AudioChunk, EngineInfo, Place, Resume, SpokenWindow, Utterance
from gapless.tts.v1 import tts_pb2
from service.access import caller
from service.access.errors import AccessError
from service.audio import AudioEncoder, has_history, scale
from service.rpc import resume_token_pb2 as pb
from service.rpc.errors import VoiceGone
from service.rpc.requests import UtteranceRequest

FORMAT = 1
MAX_BYTES = 4096
LIFETIME_S = 600
LONGEST_SEGMENT_S = 600  # no T3 speaks so long in one piece; a client that has more than that cannot have it from us
_TAG_BYTES = 16
_KEY_BYTES = 32
_MIN_KEY_CHARS = 32
_FIELD = "config.resume.token"
_PLACE = "config.resume.place"  # what a token holds, as the engine calls it


class ResumeTokens:
    """Makes tokens with the first of `keys` and reads those of all; without any, with one that nobody else has."""

    def __init__(self, keys: Sequence[bytes] = (), now_s: Callable[[], float] = time.time) -> None:
        self._keys = tuple(keys) or (secrets.token_bytes(_KEY_BYTES),)
        self._now_s = now_s

    @staticmethod
    def of(path: Path | None) -> ResumeTokens:
        """With the keys of a file, one a line. Raises AccessError."""
        return ResumeTokens(() if path is None else _read_keys(path))

    def make(self, state: pb.ResumeState, caller_name: str) -> bytes:
        """A token of now. Empty where it would be longer than MAX_BYTES: the one before it stays good."""
        state.issued_unix_s = int(self._now_s())
        content = state.SerializeToString()
        token = bytes([FORMAT]) + _tag(self._keys[0], content, caller_name) + content
        return token if len(token) <= MAX_BYTES else b""

    def read(self, token: bytes, caller_name: str) -> pb.ResumeState:
        """Raises InvalidRequest."""
        tag, content = token[1 : 1 + _TAG_BYTES], token[1 + _TAG_BYTES :]
        if len(token) > MAX_BYTES or token[:1] != bytes([FORMAT]) or len(tag) < _TAG_BYTES:
            raise InvalidRequest(_FIELD, "is no resume token of this version of the service; send one as it came")
        if not any([hmac.compare_digest(tag, _tag(key, content, caller_name)) for key in self._keys]):
            raise InvalidRequest(
                _FIELD, "was not made for this caller by this service; servers go on for each other if they share a key"
            )
        state = pb.ResumeState.FromString(content)
        if self._now_s() - state.issued_unix_s > LIFETIME_S:
            raise InvalidRequest(_FIELD, f"has expired: tokens are good for {LIFETIME_S} s")
        return state


class TokenIssuer:
    """Makes the tokens of one utterance, of the caller whose call this task handles: empty if none are wished."""

    def __init__(self, utterance: Utterance, accepted: Accepted, info: EngineInfo, tokens: ResumeTokens) -> None:
        self._tokens = tokens if utterance.want_tokens else None
        self._caller = caller.current().name
        self._place = utterance.resume.place if utterance.resume else Place()
        self._has_words = utterance.want_alignment
        self._state = pb.ResumeState(
            model=_model(info),
            voice=accepted.voice,
            language=accepted.language,
            seed=accepted.seed,
            max_text_delay_s=accepted.max_text_delay_s,
        )

    @property
    def first_token(self) -> bytes:
        """Of before the first audio."""
        return self.at(self._place)

    def token(self, chunk: AudioChunk) -> bytes:
        """The token that goes with `chunk`. The words of a segment come behind its last chunk: where words are wished,
        the last chunk's token leads back into the segment, so that its words are sent again."""
        before, self._place = self._place, chunk.place or self._place
        return self.at(before if self._has_words and chunk.end_of_segment else chunk.place)

    def at(self, place: Place | None) -> bytes:
        """Empty too where there is no place to go on from."""
        if place is None or self._tokens is None:
            return b""
        self._state.place.CopyFrom(_to_wire(place))
        return self._tokens.make(self._state, self._caller)


def continued(
    request: UtteranceRequest, wire: tts_pb2.Resume, tokens: ResumeTokens, info: EngineInfo
) -> UtteranceRequest:
    """`request` as the continuation that `wire` asks for. Raises InvalidRequest."""
    state = tokens.read(wire.token, caller.current().name)
    utterance, place = request.utterance, _place(state.place)
    if state.model != _model(info):
        raise InvalidRequest(_FIELD, "is of an utterance of another model")
    if utterance.voice not in ("", state.voice):
        raise InvalidRequest(_FIELD, f"is of an utterance in voice {state.voice!r}; the config names another one")
    if utterance.seed not in (None, state.seed):
        raise InvalidRequest(_FIELD, f"is of an utterance with seed {state.seed}; the config names another one")
    rate = request.audio_format.sample_rate
    first = scale(place.first_sample, info.sample_rate, rate)
    if not first <= wire.from_sample <= first + LONGEST_SEGMENT_S * rate:
        allowed = f"{first}, where the token's segment begins, and what was received since"
        raise InvalidRequest("config.resume.from_sample", f"{wire.from_sample} is out of range; allowed: {allowed}")
    begin = place.first_sample if has_history(request.audio_format, info.sample_rate) else wire.from_sample
    return replace(
        request,
        from_sample=wire.from_sample,
        utterance=replace(
            utterance,
            voice=state.voice,
            language=state.language,
            seed=state.seed,
            max_text_delay_s=state.max_text_delay_s,
            resume=Resume(place=place, from_sample=begin),
        ),
    )


def encoder(request: UtteranceRequest, info: EngineInfo) -> AudioEncoder:
    """Of what the engine gives for `request`; drops what the listener has."""
    begun = request.utterance.resume
    first = begun.from_sample if begun else 0
    return AudioEncoder(request.audio_format, info.sample_rate, first, request.from_sample)


@contextmanager
def voice_expected(utterance: Utterance) -> Iterator[None]:
    """Around the submission of `utterance`. Raises VoiceGone where a continuation's voice is not there any more, and
    what it raises names fields of the contract."""
    try:
        yield
    except UnknownVoice:
        if utterance.resume is None:
            raise
        raise VoiceGone(utterance.voice) from None
    except InvalidRequest as error:
        raise as_told(error) from None


def as_told(error: GaplessError) -> GaplessError:
    """What an engine says of an utterance, to whoever knows the token and not the place in it."""
    if isinstance(error, InvalidRequest) and error.field.startswith(_PLACE):
        return InvalidRequest(_FIELD, f"does not fit what was sent with it: {error.description}")
    return error


def _read_keys(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"cannot read resume keys from {path}: {error}") from error
    if not lines or min(map(len, lines)) < _MIN_KEY_CHARS:
        raise AccessError(f"{path} must hold keys, one a line, each of {_MIN_KEY_CHARS} characters or more")
    return tuple(line.encode() for line in lines)


def _tag(key: bytes, content: bytes, caller_name: str) -> bytes:
    name = caller_name.encode()
    return hmac.digest(key, bytes([FORMAT, len(name)]) + name + content, "sha256")[:_TAG_BYTES]


def _model(info: EngineInfo) -> int:
    digest = hashlib.sha256(f"{info.model}\n{info.variant}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _to_wire(place: Place) -> pb.Place:
    return pb.Place(
        segment=place.segment,
        first_sample=place.first_sample,
        text_begin=place.text_begin,
        text_end=place.text_end,
        piece=place.piece,
        settled=place.settled,
        window_tokens=[window.tokens for window in place.windows],
        window_lookahead=[window.lookahead for window in place.windows],
        window_final=[window.final for window in place.windows],
        tokens=place.tokens,
        speech_samples=place.speech_samples,
        owed_pause=place.owed_pause,
    )


def _place(wire: pb.Place) -> Place:
    windows = zip(wire.window_tokens, wire.window_lookahead, wire.window_final, strict=True)
    return Place(
        segment=wire.segment,
        first_sample=wire.first_sample,
        text_begin=wire.text_begin,
        text_end=wire.text_end if wire.HasField("text_end") else None,
        piece=wire.piece,
        settled=tuple(wire.settled),
        windows=tuple(SpokenWindow(*window) for window in windows),
        tokens=tuple(wire.tokens),
        speech_samples=wire.speech_samples,
        owed_pause=wire.owed_pause,
    )
