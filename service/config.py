"""What the service needs to know, read once at the edge (`service.options`). Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    address: str = "127.0.0.1:50051"
    version: str = ""
    metrics_host: str = "127.0.0.1"  # a name or address of this machine, without brackets
    metrics_port: int | None = None  # None: metrics are not served
    has_reflection: bool = True
    max_text_chars: int = 20_000  # of one utterance: about twenty minutes of speech
    max_recording_bytes: int = 32 << 20  # of a new voice: minutes of any usual WAV
    max_new_voices: int = 4  # that are received, wait or are at work; one is at work at a time
    max_calls: int = 1_000  # under way at once, of any method but health's
    max_calls_per_connection: int = 250
    first_message_s: float = 5.0  # that a call may wait with its first message
    max_utterance_s: float = 3_600.0  # from its first message to its end
    max_upload_s: float = 120.0  # that all of a recording may take to arrive
    messages_per_s: float = 500.0  # of one call; more are read more slowly
    message_burst: int = 1_000  # that are read at once before that
    max_flushes: int = 100  # of one utterance that wait to be spoken
    idle_timeout_s: float = 60.0  # without text or listening, and with nothing to say
    max_lead_s: float = 10.0  # audio ahead of the listener, where the client leaves it open
    drain_timeout_s: float = 30.0  # that running utterances get to finish after SIGTERM
    keepalive_s: float = 30.0  # the server's pings on a quiet connection
    min_ping_interval_s: float = 10.0  # the client's pings may be this close together
    lag_interval_s: float = 0.01  # of the event loop's probe, while utterances run
