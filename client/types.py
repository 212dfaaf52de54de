"""What the server says, as frozen dataclasses (`wire` makes them from its messages).

Instants are nanoseconds since the unix epoch: `received_ns` on the client's clock, all in `Timings` on the server's
(`Client.probe_clock` relates them); 0 means that it did not take place. Samples count at the utterance's own rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .audio import Encoding, to_float32


@dataclass(frozen=True, kw_only=True)
class Limits:
    max_text_chars: int
    idle_timeout_s: float
    max_utterances: int
    max_recording_bytes: int  # of a new voice; 0: the server creates none
    max_message_bytes: int = 0  # this and all below: 0 of a server that does not tell it
    max_calls: int = 0  # under way at once, of any method but health's
    max_calls_per_connection: int = 0
    calls_per_second: float = 0.0  # of one connection; more wait
    first_message_timeout_s: float = 0.0  # that a call may wait with its first message
    max_utterance_s: float = 0.0  # from its first message to its end
    max_waiting_flushes: int = 0  # of one utterance, to be spoken
    message_burst: int = 0  # of one call, that are read at once,
    messages_per_second: float = 0.0  # and after that
    max_new_voices: int = 0  # recordings that are received, wait or are at work at once
    max_upload_s: float = 0.0  # that all of a recording may take to arrive
    max_recording_channels: int = 0
    max_recording_rate: int = 0  # Hz
    max_recording_s: float = 0.0
    max_decoded_recording_bytes: int = 0  # as 32-bit floats


@dataclass(frozen=True, kw_only=True)
class Started:
    """The utterance was accepted; everything left open is resolved here."""

    utterance_id: str
    voice: str
    language: str
    encoding: Encoding
    sample_rate: int
    seed: int
    sampling: Mapping[str, float]
    max_lead_s: float
    max_text_delay_s: float
    limits: Limits
    traceparent: str
    received_ns: int
    pre_skip_samples: int = 0  # that a decoder of Opus puts out before each segment, and that are no part of it


@dataclass(frozen=True, kw_only=True)
class Timings:
    """When each stage of the server worked on a chunk. Server's clock."""

    text_received_ns: int
    t3_start_ns: int
    t3_first_token_ns: int
    t3_last_token_ns: int
    flow_start_ns: int
    flow_end_ns: int
    vocoder_end_ns: int
    taken_ns: int
    write_start_ns: int
    loop_lag_max_ns: int
    paced_ns: int
    window_tokens: int
    lookahead_tokens: int
    speculative: bool
    # Only newer servers send these; 0: not sent.
    text_cut_ns: int = 0
    t3_busy_ns: int = 0
    room_ns: int = 0
    loop_lag_from_ns: int = 0
    previous_written_ns: int = 0
    wanted_ns: int = 0
    vocoder_start_ns: int = 0
    # Only gateways send these.
    engine_sent_ns: int = 0
    gateway_received_ns: int = 0
    move_start_ns: int = 0
    move_end_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class ChunkInfo:
    """What is known of a piece of audio; `first_sample` is the sum of all `num_samples` before."""

    seq: int
    first_sample: int
    num_samples: int
    timings: Timings
    prebuffer_hint_s: float | None  # start playing so long after the first chunk arrived; None: no advice
    segment: int
    text_begin: int = 0  # the text that the segment speaks: its range in all text that was sent, in characters
    text_end: int = 0
    end_of_segment: bool
    received_ns: int  # stamped in the reader thread


@dataclass(frozen=True, kw_only=True)
class Chunk(ChunkInfo):
    """A piece of audio."""

    data: bytes
    encoding: Encoding  # of `data`
    packets: tuple[bytes, ...] = ()  # of an utterance in Opus: what `data` was decoded from
    sample_rate: int

    @property
    def samples(self) -> NDArray[np.float32]:
        """[N], -1 to 1. A view of `data` where that holds float32."""
        return to_float32(self.data, self.encoding)

    @property
    def duration_s(self) -> float:
        return self.num_samples / self.sample_rate


@dataclass(frozen=True, kw_only=True)
class FlushDone:
    flush_id: int
    end_sample: int
    received_ns: int


@dataclass(frozen=True, kw_only=True)
class Word:
    word: str
    start_sample: int
    end_sample: int
    text_begin: int
    text_end: int


@dataclass(frozen=True, kw_only=True)
class Alignment:
    words: tuple[Word, ...]
    received_ns: int


@dataclass(frozen=True, kw_only=True)
class ServerWarning:
    """Something that does not stop the utterance, but that a person would want to know."""

    reason: str
    message: str
    received_ns: int


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The call was lost, and another one continues the utterance from the exact sample."""

    address: str  # of the server that goes on
    lost_ns: int  # when the client knew
    received_ns: int  # when the server had accepted the utterance
    tries: int
    first_sample: int  # that the new call gives

    @property
    def after_ms(self) -> float:
        return (self.received_ns - self.lost_ns) / 1e6


@dataclass(frozen=True, kw_only=True)
class Usage:
    input_characters: int
    segments: int
    speech_tokens: int
    samples: int
    audio_s: float
    windows: int
    windows_discarded: int
    t3_s: float
    flow_s: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Last event. `stopped`: because a playback report said that the listener stopped."""

    stopped: bool
    usage: Usage
    received_ns: int


Event = Started | Chunk | FlushDone | Alignment | ServerWarning | Resumed | Finished


@dataclass(frozen=True, kw_only=True)
class Voice:
    name: str
    description: str
    language_codes: tuple[str, ...]
    bytes_held: int  # by its prepared state; 0 while that is not in memory
    built_in: bool  # part of the model; created voices can be deleted
    in_memory: bool  # prepared: the first utterance that names it need not wait for that
    is_default: bool


@dataclass(frozen=True, kw_only=True)
class CreatedVoice:
    voice: Voice
    warnings: tuple[str, ...]  # what is wrong with the recording and did not stop it


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What a server serves."""

    version: str
    model: str
    variant: str
    device: str
    native_sample_rate: int  # Hz: asking for it avoids resampling
    sample_rates: tuple[int, ...]
    encodings: tuple[Encoding, ...]  # that this client can read
    languages: tuple[str, ...]  # the first is the default
    text_formats: tuple[str, ...]  # that this client knows; the first is the default
    flow_form: str  # "cached", "windowed" or "cumulative"
    limits: Limits
    default_sampling: Mapping[str, float]
    default_max_lead_s: float
    default_max_text_delay_s: float
    features: Mapping[str, bool]  # by the wire's names: alignment, playback_reports, ...
    active_utterances: int
    max_utterances_reason: str = ""  # why limits.max_utterances is what it is now; "": the server does not say
