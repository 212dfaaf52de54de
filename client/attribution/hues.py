"""The colour of each hop, the same in every picture: white letters can be read on it, and it shows on a dark page."""

from __future__ import annotations

from .hops import Hop

HUES = {
    Hop.TEXT: "#6b7280",
    Hop.T3: "#2f74b8",
    Hop.TOKENS: "#4a6fa8",
    Hop.FLOW: "#8059be",
    Hop.VOCODER: "#b34a85",
    Hop.CHANNEL: "#9a6412",
    Hop.PACING: "#7d7340",
    Hop.SERVER_LOOP: "#b1502a",
    Hop.NETWORK: "#4c7f2b",
    Hop.CLIENT_READER: "#ba4a35",
    Hop.CLIENT_LOOP: "#a84a66",
    Hop.CLIENT_BUFFER: "#1f7f8a",
    Hop.DEVICE_OPEN: "#5d7a35",
    Hop.DEVICE: "#2a7d6b",
    Hop.SPEECH: "#68707c",
    Hop.UNEXPLAINED: "#6d737d",
}
