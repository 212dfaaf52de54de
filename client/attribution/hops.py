"""The hops between text and sound: every millisecond of an utterance belongs to one of them, or is unexplained."""

from __future__ import annotations

import enum


class Hop(enum.StrEnum):
    """The value is stable, for programs; `words` are for a person. In the order of the way from text to sound."""

    TEXT = "text"
    T3 = "t3"
    TOKENS = "tokens"
    FLOW = "flow"
    VOCODER = "vocoder"
    CHANNEL = "channel"
    PACING = "pacing"
    SERVER_LOOP = "server_loop"
    NETWORK = "network"
    CLIENT_READER = "client_reader"
    CLIENT_LOOP = "client_loop"
    CLIENT_BUFFER = "client_buffer"
    DEVICE_OPEN = "device_open"
    DEVICE = "device"
    SPEECH = "speech"
    UNEXPLAINED = "unexplained"
    CLEAN = "clean"

    @property
    def words(self) -> str:
        return _TITLES[self][0]

    @property
    def meaning(self) -> str:
        """What happens there, in one sentence for somebody who has never seen the project."""
        return _TITLES[self][1]

    @property
    def advice(self) -> str:
        """What to do about it; "" where there is nothing to do."""
        return _TITLES[self][2]


_TITLES = {
    Hop.TEXT: ("waiting for text", "The text was not there yet.", "look at what writes the text"),
    Hop.T3: (
        "T3: text to speech tokens",
        "A language model turns the text into 25 speech tokens for each second of sound.",
        "a faster machine or model, or fewer utterances at once",
    ),
    Hop.TOKENS: (
        "token buffer",
        "Tokens were ready and waited until the flow took them up.",
        "the flow was busy with other utterances: fewer at once, or a faster machine",
    ),
    Hop.FLOW: (
        "flow: tokens to spectrum",
        "The flow network turns speech tokens into a spectrum.",
        "a faster machine or model, or fewer utterances at once",
    ),
    Hop.VOCODER: (
        "vocoder: spectrum to sound",
        "The vocoder turns the spectrum into samples.",
        "a faster machine or model, or fewer utterances at once",
    ),
    Hop.CHANNEL: (
        "audio channel on the server",
        "Finished sound waited on the server before it was sent.",
        "look at what keeps the server from sending",
    ),
    Hop.PACING: (
        "pacing (max_lead)",
        "The server held sound back on purpose, because the listener had enough ahead.",
        "",
    ),
    Hop.SERVER_LOOP: (
        "server loop blocked",
        "Something kept the server's event loop from doing anything else.",
        "find the blocking call in the server process, or give it a core of its own",
    ),
    Hop.NETWORK: (
        "network (there and back)",
        "Messages were under way between the two machines.",
        "look at the connection between client and server",
    ),
    Hop.CLIENT_READER: (
        "client reader stalled",
        "Sound had arrived, and the client's reading thread did not run.",
        "find what blocks the reading thread or holds Python's lock in the client process",
    ),
    Hop.CLIENT_LOOP: (
        "client loop blocked",
        "Something kept the client's event loop from taking the sound that had arrived.",
        "find the blocking call in the client program and move it to a thread",
    ),
    Hop.CLIENT_BUFFER: (
        "client buffer",
        "Sound waited in the client: for the start of playback, or for the program to take it.",
        "take chunks as they come; a pre-buffer is the price of a sound that does not break",
    ),
    Hop.DEVICE_OPEN: (
        "opening the audio device",
        "The audio device was still being opened.",
        "open the device before the first request is sent, and keep it open",
    ),
    Hop.DEVICE: (
        "audio device",
        "The audio device had the sound and had not played it yet.",
        "look at the audio system: another block size, another device, a busy machine",
    ),
    Hop.SPEECH: ("quiet beginning of the speech", "Sound was playing, and was still too quiet to be heard.", ""),
    Hop.UNEXPLAINED: ("unexplained", "No stamp tells what happened in this time.", ""),
    Hop.CLEAN: ("clean", "Nothing was late.", ""),
}
