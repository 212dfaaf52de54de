"""Gapless, the client: text goes in as it is written, speech comes out while the rest is still being generated.

    async with Client("127.0.0.1:50051") as client:
        async with client.utterance(voice="karl") as utterance:
            await utterance.push("Hello. ")
            await utterance.end()
            async for chunk in utterance:
                play(chunk.samples)  # float32, at chunk.sample_rate

Text may be pushed from one task while another iterates. `python -m client --help` does it from a shell. `playback`
plays sound, `attribution` tells where the time went, and `report` draws it.
"""

from ._clock import ClockOffset, now_ns
from ._transport.channels import Tls, read_token
from ._wire import Options, Sampling
from .audio import Encoding
from .client import DEFAULT_ADDRESS, Client
from .errors import (
    AccessDenied,
    ClientClosed,
    ClientError,
    InvalidArgument,
    NotGapless,
    PlaybackUnavailable,
    ServerBusy,
    ServerFailed,
    ServerLoading,
    ServerUnreachable,
    TimedOut,
    Unsupported,
    UtteranceClosed,
    Violation,
)
from .transcript import TimedText, Transcript
from .types import (
    Alignment,
    Chunk,
    CreatedVoice,
    Event,
    Finished,
    FlushDone,
    Limits,
    Resumed,
    ServerInfo,
    ServerWarning,
    Started,
    Timings,
    Usage,
    Voice,
    Word,
)
from .utterance import Utterance
from .words import WordsHeard, words_heard

__all__ = [
    "DEFAULT_ADDRESS",
    "AccessDenied",
    "Alignment",
    "Chunk",
    "Client",
    "ClientClosed",
    "ClientError",
    "ClockOffset",
    "CreatedVoice",
    "Encoding",
    "Event",
    "Finished",
    "FlushDone",
    "InvalidArgument",
    "Limits",
    "NotGapless",
    "Options",
    "PlaybackUnavailable",
    "Resumed",
    "Sampling",
    "ServerBusy",
    "ServerFailed",
    "ServerInfo",
    "ServerLoading",
    "ServerUnreachable",
    "ServerWarning",
    "Started",
    "TimedOut",
    "TimedText",
    "Timings",
    "Tls",
    "Transcript",
    "Unsupported",
    "Usage",
    "Utterance",
    "UtteranceClosed",
    "Violation",
    "Voice",
    "Word",
    "WordsHeard",
    "now_ns",
    "read_token",
    "words_heard",
]
