"""What goes into an engine and comes out: plain frozen messages, so that it may run in another process or machine.

Into the engine: `Utterance` (submit), then text, flush, end of input, playback, release and cancel, each addressed by
the utterance's id. Out of it: events, in order, to the sink given at submit; the last one is `Finished` or `Failed`.
Audio is float32 mono at the model's rate. Instants are `engine.clock.now_ns()`; 0 means that it did not take place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineBroken, GaplessError, InvalidRequest

_VOICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # also a file's name
_MAX_DESCRIPTION = 1000  # characters
SLOWEST, FASTEST = 0.5, 2.0  # speaking rate
MAX_PRONUNCIATIONS = 100  # of a request
_MAX_WORD, _MAX_SPOKEN = 64, 200  # characters of a pronunciation


@dataclass(frozen=True, kw_only=True)
class Pronunciation:
    """How one word is said: exactly one of `respelling` and `phonemes` is set."""

    word: str
    respelling: str = ""  # read as other text is: "nuh-VAH-duh"
    phonemes: str = ""  # of the International Phonetic Alphabet

    def check(self, field: str) -> None:
        """What every model asks of it. Raises InvalidRequest that names a part of `field`."""
        word, spoken = self.word, self.respelling or self.phonemes
        name = "respelling" if self.respelling else "phonemes"
        if not word or len(word) > _MAX_WORD or any(map(str.isspace, word)) or not any(map(str.isalnum, word)):
            wanted = f"1 to {_MAX_WORD} characters without spaces, one of them a letter or digit"
            raise InvalidRequest(f"{field}.word", f"{word[:_MAX_WORD]!r} is no word: {wanted}")
        if bool(self.respelling) == bool(self.phonemes):
            raise InvalidRequest(f"{field}.spoken", "set either respelling or phonemes, and not to nothing")
        if len(spoken) > _MAX_SPOKEN:
            raise InvalidRequest(f"{field}.{name}", f"{len(spoken)} characters; at most {_MAX_SPOKEN} are possible")
        if not any(map(str.isalnum, spoken)):
            raise InvalidRequest(f"{field}.{name}", f"{spoken!r} has nothing that can be spoken")


class TextFormat(StrEnum):
    """What text is written in."""

    AUTO = "auto"  # markup is looked for, and ordinary text is left alone
    PLAIN = "plain"  # every character is text
    MARKDOWN = "markdown"
    SSML = "ssml"  # a subset


class CodeBlocks(StrEnum):
    """What is said for a fenced block of code."""

    ANNOUNCE = "announce"  # that there is one
    SKIP = "skip"  # nothing
    SPEAK = "speak"  # the code


class SpokenWindow(NamedTuple):
    """A flow window that was committed: how much it spoke, and of what it knew."""

    tokens: int
    lookahead: int
    final: bool  # the last of its segment


@dataclass(frozen=True, kw_only=True)
class Place:
    """A segment of an utterance, and how far it was spoken: what an engine with the same model, voice and seed needs
    to go on from there. An utterance has no state but its segment's, so that one record is enough.

    Places in text count what markup has left of it, from the beginning of the utterance."""

    segment: int = 0  # its index in the utterance; T3 speaks one at a time
    first_sample: int = 0  # of its audio, the pause before it included
    text_begin: int = 0  # of the text that was cut out in one piece, which may have several segments
    text_end: int | None = None  # where it was cut; None: it has not been
    piece: int = 0  # index of the segment in that text
    settled: tuple[int, ...] = ()  # places in all text sent where markup was read as if nothing followed
    windows: tuple[SpokenWindow, ...] = ()  # that its audio so far was made of, in order
    tokens: tuple[int, ...] = ()  # speech tokens that these windows spoke or saw; only where they were asked for
    speech_samples: int = 0  # of the utterance before it, pauses not counted
    owed_pause: int = 0  # samples of silence that the segment begins with at least


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Goes on with an utterance that another engine began. All of its text is pushed again, from the beginning, with
    its flushes. What comes before `from_sample` is made and not emitted, but for flush marks and the words of the
    segment, which come again. A watermark begins anew."""

    place: Place
    from_sample: int  # the first that is wanted, at the model's rate; not before the place's first


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One request to speak. Fields left at None take the model's defaults."""

    id: str
    caller: str = ""  # whose it is, for fairness among callers; "" = nobody's in particular
    voice: str = ""  # "" = the default voice
    language: str = ""  # one of EngineInfo.languages; "" = the first of them
    sampling: Mapping[str, float] = field(default_factory=dict)  # by the wire's names
    seed: int | None = None
    max_text_delay_s: float | None = None
    text_format: TextFormat = TextFormat.AUTO
    code_blocks: CodeBlocks = CodeBlocks.ANNOUNCE
    want_alignment: bool = False
    pronunciations: tuple[Pronunciation, ...] = ()  # before those that the engine was started with
    speaking_rate: float = 1.0  # relative to the model's own; SLOWEST to FASTEST
    resume: Resume | None = None  # needs the seed that was accepted at first
    want_tokens: bool = False  # in each `Place`
    traceparent: str = ""  # W3C parent of the engine's spans; "" = none


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What `submit` resolved."""

    voice: str
    language: str
    seed: int
    sampling: Mapping[str, float]
    max_text_delay_s: float


@dataclass(frozen=True, kw_only=True)
class Playback:
    """Where the listener is, in samples at the model's rate."""

    played_samples: int
    buffered_samples: int = 0
    underruns: int = 0


@dataclass(frozen=True, kw_only=True)
class ChunkTimings:
    """When each stage worked on a chunk."""

    text_received_ns: int = 0
    text_cut_ns: int = 0
    t3_start_ns: int = 0
    t3_first_token_ns: int = 0
    t3_last_token_ns: int = 0  # of a final window the stop token's, which it waited for as well
    t3_busy_ns: int = 0  # T3's work since the previous window's tokens
    room_ns: int = 0  # the audio channel had room again; 0: it always had
    wanted_ns: int = 0  # it was time to run the window; 0: it was never too early
    flow_start_ns: int = 0
    flow_end_ns: int = 0
    vocoder_start_ns: int = 0
    vocoder_end_ns: int = 0
    window_tokens: int = 0
    lookahead_tokens: int = 0
    speculative: bool = False
    flow_batch: int = 1  # windows that the flow ran together, this one included,
    vocoder_batch: int = 1  # and the vocoder


@dataclass(frozen=True, kw_only=True)
class AudioChunk:
    seq: int
    first_sample: int
    samples: NDArray[np.float32]
    timings: ChunkTimings
    segment: int
    end_of_segment: bool
    text_begin: int = 0  # the range of its segment in all text that was sent,
    text_end: int = 0  # in Unicode characters
    prebuffer_hint_s: float | None = None  # None: playback has started, or nothing is known
    place: Place | None = None  # from which to go on behind this chunk

    @property
    def num_samples(self) -> int:
        return len(self.samples)


@dataclass(frozen=True, kw_only=True)
class FlushDone:
    flush_id: int
    end_sample: int


@dataclass(frozen=True, kw_only=True)
class Word:
    word: str
    start_sample: int
    end_sample: int
    text_begin: int
    text_end: int


@dataclass(frozen=True, kw_only=True)
class Aligned:
    words: tuple[Word, ...]


@dataclass(frozen=True, kw_only=True)
class Warned:
    reason: str  # UPPER_SNAKE_CASE
    message: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    input_characters: int = 0
    segments: int = 0
    speech_tokens: int = 0
    samples: int = 0
    windows: int = 0
    windows_discarded: int = 0
    t3_ns: int = 0
    flow_ns: int = 0  # flow and vocoder
    vocoder_ns: int = 0  # part of flow_ns


def total(usages: Iterable[Usage]) -> Usage:
    parts = list(usages)
    return Usage(**{one.name: sum(getattr(usage, one.name) for usage in parts) for one in fields(Usage)})


@dataclass(frozen=True, kw_only=True)
class Finished:
    usage: Usage


@dataclass(frozen=True, kw_only=True)
class Failed:
    error: GaplessError


Event = AudioChunk | FlushDone | Aligned | Warned | Finished | Failed

Sink = Callable[[Event], None]
"""Called on the engine's threads, in order; returns at once and never raises."""


@dataclass(frozen=True, kw_only=True)
class VoiceInfo:
    name: str
    description: str
    language_codes: tuple[str, ...]
    bytes_held: int  # by its prepared state; 0 while it is not prepared
    built_in: bool = True  # part of the model; created voices can be deleted
    owner: str = ""  # who created it, as the service knows its callers; "": nobody in particular
    bytes_stored: int = 0  # of its file; 0 for a voice of the model


@dataclass(frozen=True, kw_only=True)
class NewVoice:
    """A voice to clone. Raises InvalidRequest for a name or a description that cannot be."""

    name: str
    audio: bytes  # an audio file (WAV, FLAC, Ogg) of somebody speaking
    description: str = ""
    owner: str = ""  # who creates it, as the service knows its callers

    def __post_init__(self) -> None:
        if not _VOICE_NAME.fullmatch(self.name):
            allowed = "1 to 64 letters, digits, dots, dashes and underscores of ASCII, a letter or a digit first"
            raise InvalidRequest("config.name", f"{self.name[:80]!r} is no name for a voice; allowed: {allowed}")
        if len(self.description) > _MAX_DESCRIPTION or not self.description.isprintable():
            allowed = f"up to {_MAX_DESCRIPTION} printable characters on one line"
            raise InvalidRequest("config.description", f"cannot be taken; allowed: {allowed}")


@dataclass(frozen=True, kw_only=True)
class CreatedVoice:
    voice: VoiceInfo
    warnings: tuple[str, ...]  # what was wrong with the recording and did not stop it


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    model: str
    variant: str
    device: str  # and the arithmetic of each stage: "cpu, t3 int8, flow bfloat16, vocoder float32"
    form: str  # how the flow is incremental: "cached", "windowed" or "cumulative"
    languages: tuple[str, ...]  # that `Utterance.language` takes; the first is the default
    sample_rate: int  # Hz, of all audio that leaves the engine
    default_voice: str
    default_sampling: Mapping[str, float]  # only what the model uses
    default_max_text_delay_s: float
    max_utterances: int
    utterance_bytes: int = 0  # that one utterance holds at most, its voice not counted
    utterance_memory_bytes: int = 0  # that all utterances may hold together
    has_alignment: bool = False
    has_phonemes: bool = False  # pronunciations may be phonemes; respellings are always possible
    has_speaking_rate: bool = False  # `Utterance.speaking_rate` acts
    has_prebuffer_hint: bool = False
    has_playback_scheduling: bool = False
    has_speculation: bool = False
    has_guidance: bool = False
    has_emotion: bool = False
    has_cloning: bool = False
    has_resume: bool = False  # takes `Utterance.resume` and gives `AudioChunk.place`
    is_deterministic: bool = False


@dataclass(frozen=True, kw_only=True)
class EngineStats:
    """A snapshot of what the engine holds; all zero when nothing runs."""

    utterances: int
    tokens_waiting: int
    samples_unreleased: int
    slots_in_use: int
    # By all utterances since the start, the warm-up's included. It only grows, so it is no part of what is held.
    done: Usage = field(default_factory=Usage, compare=False)
    places: int = field(default=0, compare=False)  # utterances that may run at once, now,
    places_reason: str = field(default="", compare=False)  # why so many
    places_risen: int = field(default=0, compare=False)  # how often they did,
    places_fallen: int = field(default=0, compare=False)  # and how often they fell
    device_bytes: int = field(default=0, compare=False)  # a GPU's memory in this process's hands; 0 on a CPU
    least_lead_s: float | None = field(default=None, compare=False)  # audio that a listener who is owed more has ahead


class Engine(Protocol):
    """What the service needs of an engine. All methods are thread-safe; all but `create_voice` return at once."""

    def info(self) -> EngineInfo: ...

    def voices(self) -> list[VoiceInfo]: ...

    def create_voice(self, voice: NewVoice) -> CreatedVoice:
        """Clones a voice, stores and prepares it; takes seconds. One at a time, the others wait.

        Raises InvalidRequest (the name, the audio), VoiceExists, Unsupported, StorageError, OutOfMemory, Overloaded
        or EngineClosed."""
        ...

    def delete_voice(self, name: str) -> None:
        """Utterances that speak with it go on. Raises UnknownVoice, Unsupported (a voice of the model itself)."""
        ...

    def voice_file(self, name: str) -> bytes:
        """A created voice as it is stored, for another engine. Raises UnknownVoice, Unsupported, StorageError."""
        ...

    def add_voice_file(self, name: str, content: bytes) -> None:
        """Stores what another engine with the same model gave as `voice_file`.

        Raises VoiceExists, ModelError (not a voice, or not for this model), StorageError, Unsupported."""
        ...

    def stats(self) -> EngineStats: ...

    def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        """Admits an utterance. Raises InvalidRequest (UnknownVoice), Overloaded or EngineClosed."""
        ...

    def push_text(self, utterance_id: str, text: str) -> None:
        """Appends text. This and the following calls do nothing for an utterance that has ended."""
        ...

    def flush(self, utterance_id: str, flush_id: int) -> None: ...

    def end_input(self, utterance_id: str) -> None:
        """No more text: what waits is spoken, then `Finished` comes; with nothing to speak, `Failed(EmptyText)`."""
        ...

    def release(self, utterance_id: str, num_samples: int) -> None:
        """Tells that so much audio left the channel: the room may be filled again."""
        ...

    def playback(self, utterance_id: str, playback: Playback) -> None: ...

    def cancel(self, utterance_id: str) -> Usage | None:
        """Frees everything within one token. No event follows this call's return except one already on its way.
        Gives what was done for it; None where it had ended."""
        ...

    def on_close(self, callback: Callable[[], None]) -> None:
        """`callback` is called when the engine takes no more work, because it was closed or broke, or at once if it is
        over. It is called on any thread, perhaps more than once. It returns at once and never raises."""
        ...

    def broken(self) -> EngineBroken | None:
        """What broke it; None while it works, and where it was closed on purpose."""
        ...

    def close(self) -> None:
        """Cancels what runs, joins the threads. Idempotent; blocks until they ended, or hang."""
        ...
