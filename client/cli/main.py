"""The command line: `say`, `voices`, `voice`, `info`, `doctor`. Reads flags and environment once, here.

Results go to stdout, everything else to stderr. Exit codes: 0 fine, 1 an error said in one line, 2 a wrong command
line, 130 Ctrl-C (which cancels the utterance and silences the device).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..audio import Encoding
from ..errors import ClientError
from ..playback.start import start_rule
from ..types import Voice
from . import telemetry
from .connection import add_flags, connection
from .doctor import doctor
from .say import say

_Raw = argparse.RawDescriptionHelpFormatter
_SAY = """Speaks a text: plays it while it is being made, or writes it into a file. Then
tells how long the sound took, and what was slow."""
_DOCTOR = """Checks what speaking needs, one line each, with what to do about it:
  ok    fine
  slow  works, and will be heard
  bad   does not work; the exit status is 1"""
_EPILOG = """examples:
  %(prog)s say "Hello there."                    play it
  %(prog)s say --out hello.wav "Hello there."    write it into a file
  %(prog)s say --explain "Hello there."          and say what was slow
  my-llm | %(prog)s say -                        as it is being written
  %(prog)s voice add mary mary.wav               then: say --voice mary
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    shutdown_telemetry = telemetry.configure(os.environ)
    try:
        asyncio.run(_command(arguments))
    except ClientError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutdown_telemetry()
    return 0


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m client" if __name__.startswith("client") else "gapless",
        description="Speak text through a Gapless server, streamed, and see where the time went.",
        epilog=_EPILOG,
        formatter_class=_Raw,
    )
    commands = root.add_subparsers(required=True, metavar="COMMAND", dest="command")
    say_it = "speak a text, on the audio device or into a file"
    _add_say(commands.add_parser("say", help=say_it, description=_SAY, formatter_class=_Raw))
    _add_common(commands.add_parser("voices", help="list the server's voices"))
    _add_voice(commands.add_parser("voice", help="create a voice from a recording, or delete one"))
    _add_common(commands.add_parser("info", help="show what the server serves: model, rates, limits, features"))
    look = "check server, network, clock, loops and audio device"
    _add_common(commands.add_parser("doctor", help=look, description=_DOCTOR, formatter_class=_Raw))
    return root


def _add_common(command: argparse.ArgumentParser) -> None:
    add_flags(command)
    command.add_argument("--json", action="store_true", help="print one line of JSON, last on stdout")


def _add_say(command: argparse.ArgumentParser) -> None:
    command.add_argument("text", nargs="+", help="what to say; - reads standard input as it arrives")
    _add_common(command)
    command.add_argument("--quiet", action="store_true", help="print no figures")
    output = command.add_argument_group("output")
    output.add_argument("--out", metavar="FILE.wav", type=Path, help="write a WAV file instead of playing")
    output.add_argument(
        "--start",
        metavar="RULE",
        type=start_rule,
        default="hint",
        help="when playback begins: hint (the server's), adaptive (to the network too), or ms after the first chunk",
    )
    output.add_argument(
        "--words",
        action="store_true",
        help="print each word when it sounds, with its time; with --json: list them there. On Ctrl-C: which were heard",
    )
    where = command.add_argument_group("where the time went")
    where.add_argument(
        "--explain", action="store_true", help="print what was slow, who is to blame, and a table of each wait"
    )
    where.add_argument("--report", metavar="FILE.html", type=Path, help="write the same as a web page, with a timeline")
    where.add_argument("--timeline", metavar="FILE.svg", type=Path, help="draw the timeline alone")
    where.add_argument("--trace", metavar="FILE.json", type=Path, help="write a trace for ui.perfetto.dev")
    where.add_argument(
        "--normal",
        metavar="FILE",
        type=Path,
        help="judge by earlier clean utterances kept in this file, and add this one if it is clean",
    )
    speech = command.add_argument_group("speech (absent: the server's default)")
    speech.add_argument("--voice", metavar="NAME", help="one of `voices`")
    speech.add_argument("--language", metavar="CODE", help="of the text; `info` lists them")
    speech.add_argument(
        "--pronounce",
        metavar="WORD=SPOKEN",
        type=pronunciation,
        action="append",
        default=[],
        help="a respelling, nuh-VAH-duh, or phonemes between slashes; may be given several times",
    )
    speech.add_argument("--speaking-rate", metavar="X", type=float, help="0.5 to 2, 1 is the model's own")
    speech.add_argument("--sample-rate", metavar="HZ", type=int, help="8000, 16000, 22050, 24000, 44100 or 48000")
    speech.add_argument("--encoding", type=Encoding, choices=list(Encoding), help="of the audio on the wire")
    speech.add_argument("--max-lead", metavar="S", type=float, help="audio sent ahead of the listener; 0: no limit")
    speech.add_argument(
        "--text-format", choices=("auto", "plain", "markdown", "ssml"), help="what the text is written in"
    )
    speech.add_argument(
        "--code-blocks",
        choices=("announce", "skip", "speak"),
        help="what is said for a block of code (default: announce)",
    )
    speech.add_argument("--max-text-delay", metavar="S", type=float, help="longest wait for the end of a sentence")
    sampling = command.add_argument_group("sampling (absent: the model's default)")
    sampling.add_argument("--seed", metavar="N", type=int, help="same seed and text: same audio")
    sampling.add_argument("--temperature", metavar="X", type=float, help="0 to 2; 0 takes the likeliest token")
    sampling.add_argument("--top-p", metavar="X", type=float, help="draw from the likeliest that make up this share")
    sampling.add_argument("--min-p", metavar="X", type=float, help="none below this share of the likeliest")
    sampling.add_argument("--top-k", metavar="N", type=int, help="draw from so many of the likeliest")
    sampling.add_argument("--repetition-penalty", metavar="X", type=float, help="above 1: less repetition")
    sampling.add_argument("--cfg-weight", metavar="X", type=float, help="guidance, for models that have it")
    sampling.add_argument("--exaggeration", metavar="X", type=float, help="emotion, for models that have it")


def pronunciation(text: str) -> tuple[str, str]:
    """'Nevada=nuh-VAH-duh' -> ('Nevada', 'nuh-VAH-duh'). Raises ValueError."""
    word, _, spoken = text.rpartition("=")
    if not word or not spoken:
        raise ValueError(f"{text!r} is not WORD=SPOKEN")
    return word, spoken


def _add_voice(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("add", help="create a voice from a recording of somebody speaking")
    add.add_argument("name", metavar="NAME", help="what --voice will take")
    add.add_argument("file", metavar="FILE", type=Path, help="WAV, FLAC, Ogg or MP3: 10 to 15 s of one person")
    add.add_argument("--description", metavar="TEXT", default="", help="for a person")
    _add_common(add)
    remove = actions.add_parser("remove", help="delete a voice that was created")
    remove.add_argument("name", metavar="NAME", help="one of `voices`")
    _add_common(remove)


def _command(arguments: argparse.Namespace) -> Coroutine[Any, Any, None]:
    match arguments.command:
        case "voices":
            return _voices(arguments)
        case "voice":
            return _add(arguments) if arguments.action == "add" else _remove(arguments)
        case "info":
            return _info(arguments)
        case "doctor":
            return _doctor(arguments)
    return say(arguments)


async def _doctor(arguments: argparse.Namespace) -> None:
    if not await doctor(connection(arguments), as_json=arguments.json):
        raise ClientError("something does not work; see above")


async def _voices(arguments: argparse.Namespace) -> None:
    async with connection(arguments) as client:
        voices = await client.voices()
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(voice) for voice in voices]) + "\n")
        return
    for voice in voices:
        sys.stdout.write(_voice_line(voice))


def _voice_line(voice: Voice) -> str:
    codes = voice.language_codes
    languages = ", ".join(codes) if len(codes) < 3 else f"{len(codes)} lang."
    memory = f"{voice.bytes_held / 2**20:.1f} MiB" if voice.in_memory else "not loaded"
    origin = "model" if voice.built_in else "created"
    default = " (default)" if voice.is_default else ""
    return f"{voice.name:<16}{languages:<9} {origin:<8} {memory:<12}{voice.description}{default}\n"


async def _add(arguments: argparse.Namespace) -> None:
    async with connection(arguments) as client:
        created = await client.create_voice(arguments.name, arguments.file, arguments.description)
    for warning in created.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write(json.dumps(asdict(created)) + "\n" if arguments.json else _voice_line(created.voice))


async def _remove(arguments: argparse.Namespace) -> None:
    async with connection(arguments) as client:
        await client.delete_voice(arguments.name)
    name = arguments.name
    sys.stdout.write(json.dumps({"removed": name}) + "\n" if arguments.json else f"removed {name}\n")


async def _info(arguments: argparse.Namespace) -> None:
    async with connection(arguments) as client:
        clock = await client.probe_clock()
        values = asdict(client.server) | {"clock_offset_ns": clock.offset_ns, "clock_error_ns": clock.error_ns}
    if arguments.json:
        sys.stdout.write(json.dumps(values) + "\n")
        return
    for name, value in values.items():
        sys.stdout.write(f"{name:<26}{_plain(value)}\n")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
