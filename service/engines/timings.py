"""When a chunk was under way from its engine to the gateway, and when its utterance was moved: on our clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.messages import ChunkTimings


class Way(NamedTuple):
    """Of an event from an engine server to the gateway."""

    sent_ns: int  # the engine's server handed it to its transport
    received_ns: int  # the gateway had it


@dataclass(frozen=True, kw_only=True)
class GatewayTimings(ChunkTimings):
    """Those of the engine, and what only a gateway knows."""

    engine_sent_ns: int = 0
    gateway_received_ns: int = 0
    move_start_ns: int = 0  # of the first chunk after a move: nothing more came from the engine that was lost
    move_end_ns: int = 0  # and the next one had gone on
