"""`python -m client say`: text -> the audio device or a WAV file; then `output` shows where the time went."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from .. import audio
from .._wire import Options, Sampling
from ..attribution.monitor import Monitor
from ..client import Client
from ..errors import ClientError
from ..playback.device import device_rate
from ..playback.player import Player, barge_in, report_playback
from ..report import text as report
from ..types import Alignment, Chunk, Word
from ..utterance import Utterance
from ..words import Captions, words_heard
from . import text_source
from .connection import connection
from .output import SpokenUtterance, normal_from, word_line, write_heard, write_results

SAMPLING_FLAGS = ("temperature", "top_p", "min_p", "top_k", "repetition_penalty", "cfg_weight", "exaggeration")

Sink = Callable[[Chunk], Awaitable[None]]


@dataclass
class Onset:
    """Finds the first audible sample in passing."""

    index: int | None = None

    def note(self, chunk: Chunk) -> None:
        if self.index is None and (found := audio.first_audible(chunk.samples)) is not None:
            self.index = chunk.first_sample + found


async def say(arguments: argparse.Namespace) -> None:
    async with connection(arguments) as client, contextlib.AsyncExitStack() as stack:
        clock = await client.probe_clock()
        options = _options(arguments)
        player = None
        if not arguments.out:
            options["sample_rate"] = rate = arguments.sample_rate or _rate_for_device(client)
            player = await stack.enter_async_context(Player(rate, start=arguments.start))
        normal = normal_from(arguments.normal) if arguments.normal else None
        onset = Onset()
        async with Monitor(client) as monitor, client.utterance(**options) as utterance:
            if player:
                utterance.note_span("audio.device_open", *player.opening_ns)
                captions = _captions(arguments, utterance, lambda: player.position().played_samples)
                try:
                    await _speak(utterance, arguments, onset, _into_player(player), player, captions)
                    await player.drain()
                except asyncio.CancelledError:  # Ctrl-C
                    captions.stop()
                    position = await barge_in(player, utterance)
                    if arguments.words:
                        write_heard(arguments, words_heard(utterance.words, position.played_samples))
                    raise
                if player.started_ns and utterance.record.receipts:
                    given_ns = utterance.record.receipts[0].taken_ns
                    utterance.note_span("audio.first_sample", given_ns, player.started_ns)
            else:
                captions = _captions(arguments, utterance, lambda: utterance.record.num_samples)
                with contextlib.ExitStack() as files:
                    sink = _into_file(utterance, arguments.out, files)
                    await _speak(utterance, arguments, onset, sink, None, captions)
            captions.finish()
        observations = monitor.observations(player.log() if player else None)
        write_results(arguments, SpokenUtterance(utterance.record, clock, observations, _heard(onset, player), normal))


def _options(arguments: argparse.Namespace) -> Options:
    sampling = Sampling()
    for name in SAMPLING_FLAGS:
        if (value := getattr(arguments, name)) is not None:
            sampling[name] = value  # type: ignore[literal-required]  # SAMPLING_FLAGS holds its keys
    # Into a file there is no listener to wait for.
    max_lead = 0.0 if arguments.out and arguments.max_lead is None else arguments.max_lead
    return Options(
        voice=arguments.voice,
        language=arguments.language,
        sample_rate=arguments.sample_rate,
        encoding=arguments.encoding,
        seed=arguments.seed,
        sampling=sampling,
        max_lead=max_lead,
        max_text_delay=arguments.max_text_delay,
        text_format=arguments.text_format,
        code_blocks=arguments.code_blocks,
        want_alignment=arguments.words,
        pronunciations=dict(arguments.pronounce),
        speaking_rate=arguments.speaking_rate,
    )


def _rate_for_device(client: Client) -> int:
    return device_rate(client.server.native_sample_rate, client.server.sample_rates)


def _captions(arguments: argparse.Namespace, utterance: Utterance, played: Callable[[], int]) -> Captions:
    """Shows words on stdout, unless that is for JSON."""

    def show(word: Word) -> None:
        if not arguments.json:
            sys.stdout.write(word_line(word, utterance.record.sample_rate))
            sys.stdout.flush()

    return Captions(show, played, lambda: utterance.record.sample_rate)


async def _speak(
    utterance: Utterance,
    arguments: argparse.Namespace,
    onset: Onset,
    sink: Sink,
    player: Player | None,
    captions: Captions,
) -> None:
    """Pushes, iterates and reports side by side; the first error ends all three."""
    try:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(_push(utterance, arguments.text))]
            if player:
                beside.append(group.create_task(report_playback(player, utterance)))
            async for event in utterance.events():
                if isinstance(event, Chunk):
                    onset.note(event)
                    await sink(event)
                elif isinstance(event, Alignment):
                    captions.add(event.words)
            for task in beside:
                task.cancel()
    except ExceptionGroup as several:
        # What the server said tells more than that a write came too late.
        raise next((error for error in several.exceptions if _is_status(error)), several.exceptions[0]) from None


def _is_status(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.code is not None


async def _push(utterance: Utterance, text: list[str]) -> None:
    async for piece in _pieces(text):
        # Someone who types wants each line spoken; a pipe's line ends are where the writer happened to break.
        await utterance.push(piece, flush=text == ["-"] and sys.stdin.isatty() and piece.endswith("\n"))
    await utterance.end()


async def _pieces(text: list[str]) -> AsyncIterator[str]:
    if text == ["-"]:
        async for piece in text_source.from_descriptor(sys.stdin.fileno()):
            yield piece
    else:
        yield " ".join(text)


def _into_player(player: Player) -> Sink:
    async def sink(chunk: Chunk) -> None:
        await player.write(
            chunk.samples,
            received_ns=chunk.received_ns,
            prebuffer_hint_s=chunk.prebuffer_hint_s,
            sent_ns=chunk.timings.write_start_ns,
        )

    return sink


def _into_file(utterance: Utterance, path: Path, files: contextlib.ExitStack) -> Sink:
    """The file is made with the first chunk, so that a refused utterance does not leave an empty one."""
    wav: audio.WavFile | None = None

    async def sink(chunk: Chunk) -> None:
        nonlocal wav
        wav = wav or files.enter_context(audio.WavFile(path, chunk.encoding, chunk.sample_rate))
        wav.write(chunk.data)

    return sink


def _heard(onset: Onset, player: Player | None) -> report.Heard:
    if player is None:
        return report.Heard(first_audible=onset.index, device=False)
    position = player.position()
    return report.Heard(
        first_audible=onset.index,
        device=True,
        started_ns=player.started_ns,
        underruns=position.underruns,
        underrun_s=position.underrun_s,
        output_latency_s=position.output_latency_s,
    )
