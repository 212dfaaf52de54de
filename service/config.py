"""What the service needs to know, read once at the edge (`service.options`). Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from service import flags
from service.flags import flag, switch

BYTES_OF_A_CHARACTER = 4  # at most, in UTF-8
OTHER_BYTES = 1 << 18  # of a message, beside its text
PIECE_BYTES = (1 << 19) + 1024  # of a message with half a MiB of a recording, and what is around it
GRPC_BYTES = 4 << 20  # of a message, where nothing else is said: Riva's clients send a recording in one


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    address: str = flag(
        "where",
        "--address HOST:PORT",
        "address to listen on; port 0 takes a free one",
        flags.address,
        default="127.0.0.1:50051",
    )
    health_address: str | None = flag(
        "where",
        "--health-address [HOST:]PORT",
        "tell health here too, in plain text, for probes that speak no TLS; a port alone is one of loopback [health is "
        "told on --address only]",
        flags.address_or_port,
    )
    version: str = ""
    metrics_port: int | None = flag(
        "where",
        "--metrics-port PORT",
        "metrics for Prometheus over HTTP on this port, at /metrics; 0 takes a free one [not served]",
        click.IntRange(0, 65_535),
    )
    metrics_host: str = flag(  # without brackets
        "where",
        "--metrics-address HOST",
        "host to serve metrics on; they have neither TLS nor tokens",
        flags.host,
        default="127.0.0.1",
    )
    has_reflection: bool = switch(
        "where",
        "--no-reflection",
        "do not tell clients what the service's methods and messages are (gRPC reflection)",
        default=True,
    )
    has_riva: bool = switch(
        "where",
        "--riva",
        "speak NVIDIA Riva's speech synthesis as well, on the same port, for its clients and plug-ins",
    )
    max_text_chars: int = flag(  # about twenty minutes of speech
        "limits",
        "--max-text-chars N",
        "Unicode characters of text in one utterance",
        click.IntRange(1, 100_000_000),
        default="20000",
    )
    max_calls: int = flag(
        "limits",
        "--max-calls N",
        "calls under way at once, of any method but health's",
        click.IntRange(1, 1_000_000),
        default="1000",
    )
    max_calls_per_connection: int = flag(
        "limits",
        "--max-calls-per-connection N",
        "calls under way at once of one connection",
        click.IntRange(1, 1_000_000),
        default="250",
    )
    calls_per_s: float = flag(
        "limits",
        "--call-rate N",
        "calls of one connection in a second, once as many came at once as may be under way; more wait",
        flags.number_between(1, 1_000_000),
        default="100",
    )
    first_message_s: float = flag(
        "limits",
        "--first-message-timeout SECONDS",
        "time that a call may wait with its first message",
        flags.positive_seconds,
        default="5",
    )
    max_utterance_s: float = flag(
        "limits",
        "--max-utterance-time SECONDS",
        "longest utterance, from its first message to its end",
        flags.number_between(1, 86_400),
        default="3600",
    )
    max_flushes: int = flag(
        "limits",
        "--max-flushes N",
        "flushes of one utterance that wait to be spoken",
        click.IntRange(1, 100_000),
        default="100",
    )
    messages_per_s: float = flag(
        "limits",
        "--message-rate N",
        "messages of one call in a second; more are read more slowly",
        flags.number_between(1, 1_000_000),
        default="500",
    )
    message_burst: int = flag(
        "limits",
        "--message-burst N",
        "messages of one call that are read at once before that",
        click.IntRange(1, 1_000_000),
        default="1000",
    )
    max_recording_bytes: int = flag(  # minutes of any usual WAV
        "limits",
        "--max-recording MIB",
        "file that a new voice may be made of",
        flags.mib,
        default="32",
    )
    max_new_voices: int = flag(  # one is at work at a time
        "limits",
        "--max-new-voices N",
        "recordings that are received, wait or are at work at once",
        click.IntRange(1, 1_000),
        default="4",
    )
    max_upload_s: float = flag(
        "limits",
        "--max-upload-time SECONDS",
        "time that all of a recording may take to arrive",
        flags.positive_seconds,
        default="120",
    )
    refusals_per_s: float = 10.0  # of wrong tokens of one connection; more are answered later
    refusal_burst: int = 20  # that are answered at once before that
    idle_timeout_s: float = flag(
        "limits",
        "--idle-timeout SECONDS",
        "a call ends with ABORTED after so long without a message and without audio to send",
        flags.positive_seconds,
        default="60",
    )
    max_lead_s: float = flag(
        "streaming",
        "--max-lead SECONDS",
        "audio that may be sent ahead of the listener, where a client leaves it open; 0: as fast as possible",
        flags.seconds,
        default="10",
    )
    resume_key_file: Path | None = flag(
        "running",
        "--resume-key-file FILE",
        "keys of resume tokens, one a line, the first makes them: servers that share it go on with each other's "
        "utterances [a key drawn at start]",
        flags.path,
    )
    drain_timeout_s: float = flag(
        "running",
        "--drain-timeout SECONDS",
        "time that running calls get to finish after SIGTERM or SIGINT",
        flags.seconds,
        default="30",
    )
    log_level: str = flag(
        "running",
        "--log-level LEVEL",
        "debug, info, warning or error",
        flags.one_of("debug", "info", "warning", "error"),
        default="info",
    )
    keepalive_s: float = 30.0  # the server's pings on a quiet connection
    min_ping_interval_s: float = 10.0  # the client's pings may be this close together
    lag_interval_s: float = 0.01  # of the event loop's probe, while utterances run

    @property
    def max_message_bytes(self) -> int:
        """Of any method. gRPC copies a message on the event loop before anybody can look at it."""
        text_bytes = BYTES_OF_A_CHARACTER * self.max_text_chars + OTHER_BYTES
        return GRPC_BYTES if self.has_riva else max(PIECE_BYTES, min(text_bytes, GRPC_BYTES))
