"""The hops between text and sound: every millisecond of an utterance belongs to one of them, or is unexplained.

This table holds all that is said and shown of a hop. What a hop took is measured in `durations` and `critical_path`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from .chunk_timeline import ChunkTimeline


class Hop(enum.StrEnum):
    """The value is stable, for programs; the rest is for a person. In the order of the way from text to sound."""

    TEXT = "text"
    T3 = "t3"
    TOKENS = "tokens"
    FLOW = "flow"
    VOCODER = "vocoder"
    MOVE = "move"
    ENGINE_WAY = "engine_way"
    CHANNEL = "channel"
    PACING = "pacing"
    SERVER_LOOP = "server_loop"
    NETWORK = "network"
    RECONNECT = "reconnect"
    CLIENT_READER = "client_reader"
    CLIENT_LOOP = "client_loop"
    CLIENT_BUFFER = "client_buffer"
    DEVICE_OPEN = "device_open"
    DEVICE = "device"
    SPEECH = "speech"
    UNEXPLAINED = "unexplained"
    CLEAN = "clean"

    @property
    def about(self) -> About:
        return _TABLE[self]

    @property
    def label(self) -> str:
        return _TABLE[self].title

    @property
    def colour(self) -> str:
        return _TABLE[self].colour


@dataclass(frozen=True, kw_only=True)
class About:
    """A sentence that has no place for a hop is ""."""

    title: str
    colour: str = "#6d737d"  # the same in every picture: white letters can be read on it, and it shows on a dark page
    meaning: str  # what happens there, for somebody who has never seen the project
    advice: str = ""  # what to do about it
    blame: str = ""  # part of a headline; {ms} is a length of time
    stopped: str = ""  # what is said of a stretch in which it stood still
    evidence: str = ""  # from {longest}, {where}; with `took` also from {took}, {chunk}, {tokens}
    took: Callable[[ChunkTimeline], int] | None = None  # how long the hop had the first chunk that it held up, in ns


_TABLE = {
    Hop.TEXT: About(
        title="waiting for text",
        colour="#6b7280",
        meaning="The text was not there yet.",
        advice="look at what writes the text",
        blame="the text came {ms} late",
        evidence="The longest pause in the text was {longest} beyond normal.",
    ),
    Hop.T3: About(
        title="T3: text to speech tokens",
        colour="#2f74b8",
        meaning="A language model turns the text into 25 speech tokens for each second of sound.",
        advice="a faster machine or model, or fewer utterances at once",
        blame="T3, which turns text into speech tokens, took {ms} too long",
        evidence="T3's tokens came late{where}; for those of chunk {chunk} it worked {took}.",
        took=lambda chunk: chunk.t3_busy_ns or chunk.t3_last_ns - chunk.t3_start_ns,
    ),
    Hop.TOKENS: About(
        title="token buffer",
        colour="#4a6fa8",
        meaning="Tokens were ready and waited until the flow took them up.",
        advice="the flow was busy with other utterances: fewer at once, or a faster machine",
        blame="speech tokens waited {ms} too long for the flow",
        evidence="The tokens of chunk {chunk} were there {took} before the flow took them up.",
        took=lambda chunk: chunk.flow_start_ns - chunk.t3_last_ns,
    ),
    Hop.FLOW: About(
        title="flow: tokens to spectrum",
        colour="#8059be",
        meaning="The flow network turns speech tokens into a spectrum.",
        advice="a faster machine or model, or fewer utterances at once",
        blame="the flow, which turns speech tokens into a spectrum, took {ms} too long",
        evidence="The flow took too long{where}: {took} for the {tokens} tokens of chunk {chunk}.",
        took=lambda chunk: chunk.flow_end_ns - chunk.flow_start_ns,
    ),
    Hop.VOCODER: About(
        title="vocoder: spectrum to sound",
        colour="#b34a85",
        meaning="The vocoder turns the spectrum into samples.",
        advice="a faster machine or model, or fewer utterances at once",
        blame="the vocoder, which turns the spectrum into sound, took {ms} too long",
        evidence="The vocoder took too long{where}: {took} for chunk {chunk}.",
        took=lambda chunk: chunk.vocoder_end_ns - chunk.flow_end_ns,
    ),
    Hop.MOVE: About(
        title="move to another engine",
        colour="#94633f",
        meaning="The engine that spoke was lost, and the next one had to speak again what had been heard.",
        advice="look at what became of the engine; a listener with more audio in hand does not hear a move",
        blame="the utterance moved to another engine for {ms}",
        stopped="the utterance moved to another engine",
        evidence="The engine that spoke was lost, and sound of the next one came after {took}{where}.",
        took=lambda chunk: chunk.moved.length_ns if chunk.moved else 0,
    ),
    Hop.ENGINE_WAY: About(
        title="way from the engine to the gateway",
        colour="#417d89",
        meaning="Finished sound was under way from the engine's server to the gateway.",
        advice="look at the connection between the gateway and the engine's server, and at how busy both are",
        blame="sound took {ms} too long from the engine to the gateway",
        evidence="Sound was under way from the engine to the gateway up to {longest} longer than usual{where}.",
    ),
    Hop.CHANNEL: About(
        title="audio channel on the server",
        colour="#9a6412",
        meaning="Finished sound waited on the server before it was sent.",
        advice="look at what keeps the server from sending",
        blame="finished sound waited {ms} too long on the server",
        evidence="Chunk {chunk} was finished {took} before it was sent, and the server's loop ran freely.",
        took=lambda chunk: chunk.write_start_ns - chunk.there_ns + max(0, chunk.engine_sent_ns - chunk.vocoder_end_ns),
    ),
    Hop.PACING: About(
        title="pacing (max_lead)",
        colour="#7d7340",
        meaning="The server held sound back on purpose, because the listener had enough ahead.",
    ),
    Hop.SERVER_LOOP: About(
        title="server loop blocked",
        colour="#b1502a",
        meaning="Something kept the server's event loop from doing anything else.",
        advice="find the blocking call in the server process, or give it a core of its own",
        blame="the server's event loop was blocked for {ms}",
        stopped="the server's event loop stood still",
        evidence="The server's event loop did not run for up to {longest}, by its own timer{where}.",
    ),
    Hop.NETWORK: About(
        title="network (there and back)",
        colour="#4c7f2b",
        meaning="Messages were under way between the two machines.",
        advice="look at the connection between client and server",
        blame="the network held messages up for {ms}",
        evidence="Messages were under way up to {longest} longer than the fastest{where}.",
    ),
    Hop.RECONNECT: About(
        title="lost connection",
        colour="#9c5b86",
        meaning="The connection was lost, and the sound of the call that goes on had not come yet.",
        advice="look at the connection and at what became of the server; a second address is tried at once",
        blame="the connection was lost for {ms}",
        stopped="there was no connection",
        evidence="The connection was lost, and sound came again after {longest}{where}.",
    ),
    Hop.CLIENT_READER: About(
        title="client reader stalled",
        colour="#ba4a35",
        meaning="Sound had arrived, and the client's reading thread did not run.",
        advice="find what blocks the reading thread or holds Python's lock in the client process",
        blame="the client's reading thread stood still for {ms}",
        stopped="the client's reading thread stood still",
        evidence="The client's reading thread did not read for up to {longest}{where}.",
    ),
    Hop.CLIENT_LOOP: About(
        title="client loop blocked",
        colour="#a84a66",
        meaning="Something kept the client's event loop from taking the sound that had arrived.",
        advice="find the blocking call in the client program and move it to a thread",
        blame="the client's event loop was blocked for {ms}",
        stopped="the client's event loop stood still",
        evidence="The client's event loop did not run for up to {longest}, by its own timer{where}.",
    ),
    Hop.CLIENT_BUFFER: About(
        title="client buffer",
        colour="#1f7f8a",
        meaning="Sound waited in the client: for the start of playback, or for the program to take it.",
        advice="take chunks as they come; a pre-buffer is the price of a sound that does not break",
        blame="the client program left sound waiting for {ms}",
        evidence="The program left received sound waiting for up to {longest}{where}.",
    ),
    Hop.DEVICE_OPEN: About(
        title="opening the audio device",
        colour="#5d7a35",
        meaning="The audio device was still being opened.",
        advice="open the device before the first request is sent, and keep it open",
        blame="opening the audio device took {ms} too long",
    ),
    Hop.DEVICE: About(
        title="audio device",
        colour="#2a7d6b",
        meaning="The audio device had the sound and had not played it yet.",
        advice="look at the audio system: another block size, another device, a busy machine",
        blame="the audio device stood still for {ms}",
        stopped="the audio device stood still",
        evidence="The audio device did not take sound for up to {longest}.",
    ),
    Hop.SPEECH: About(
        title="quiet beginning of the speech",
        colour="#68707c",
        meaning="Sound was playing, and was still too quiet to be heard.",
    ),
    Hop.UNEXPLAINED: About(
        title="unexplained",
        meaning="No stamp tells what happened in this time.",
        blame="{ms} of delay cannot be explained",
    ),
    Hop.CLEAN: About(
        title="clean",
        meaning="Nothing was late.",
    ),
}
