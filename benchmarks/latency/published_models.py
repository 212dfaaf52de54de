"""How long does a published model take to start, and how much memory does it need?

Each checkpoint is served by the whole service, and one sentence is streamed over gRPC.

    python -m benchmarks.latency.published_models --checkpoints out/checkpoints [--variants nano turbo] [--dtype ...]

Weights are random, of the true shapes, in the published file layout; missing directories are written first (Nano
1.9 GB, base 3 GB). Random weights seldom say stop, so that the guard ends the segment: what is checked is that as much
audio comes as there are speech tokens. Peak memory is the process's own, voice prepared and one utterance spoken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.support import random_checkpoint
from benchmarks.support.machine import describe
from benchmarks.support.service_process import process
from client import Client
from engine.checkpoints.variants import VARIANTS

VARIANT_NAMES = ("nano", "turbo", "base", "multilingual")
SENTENCE = "Hello there, this is one sentence."
SAMPLES_PER_TOKEN = 960


@dataclass(frozen=True)
class Row:
    variant: str
    start_s: float  # from the start of the process until it serves: load, voice, warm-up
    peak_mib: float
    voice_mib: float
    first_audio_s: float  # from sending the text
    tokens: int
    audio_s: float
    expected_s: float


async def speak(address: str) -> tuple[float, int, int, int, float]:
    """Seconds to the first audio, tokens, samples, segments, MiB of the voice."""
    async with Client(address) as client:
        started = time.monotonic()
        first_s, samples = 0.0, 0
        async with client.utterance(max_lead=0.0, seed=1) as utterance:
            await utterance.push(SENTENCE)
            await utterance.end()
            async for chunk in utterance:
                first_s = first_s or time.monotonic() - started
                samples += chunk.num_samples
        assert utterance.finished is not None
        usage = utterance.finished.usage
        voices = await client.voices()
        return first_s, usage.speech_tokens, samples, usage.segments, voices[0].bytes_held / 2**20


def measure(variant: str, directory: Path, flags: list[str]) -> Row:
    started = time.monotonic()
    with process("--model", str(directory), "--max-utterances", "1", *flags) as (address, service):
        start_s = time.monotonic() - started
        first_s, tokens, samples, segments, voice_mib = asyncio.run(speak(address))
        status = Path(f"/proc/{service.pid}/status").read_text(encoding="ascii")
    (peak_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    tail = VARIANTS[variant].config.tail
    spoken = tokens + segments * (tail.silence_tokens - int(tail.drop_last_token))
    return Row(
        variant=variant,
        start_s=start_s,
        peak_mib=int(peak_kib) / 1024,
        voice_mib=voice_mib,
        first_audio_s=first_s,
        tokens=tokens,
        audio_s=samples / 24000,
        expected_s=spoken * SAMPLES_PER_TOKEN / 24000,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("out/checkpoints"), help="one directory a variant")
    parser.add_argument("--variants", nargs="+", default=list(VARIANT_NAMES), choices=VARIANT_NAMES)
    parser.add_argument("--dtype", default="", help="as the service takes it")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    flags = ["--dtype", arguments.dtype] if arguments.dtype else []
    print(f"{arguments.dtype or 'float32'}, on {describe()}")
    print("variant        starts in  peak memory  a voice   first audio  tokens  audio, expected")
    rows = []
    for variant in arguments.variants:
        directory = arguments.checkpoints / variant
        if not directory.exists():
            random_checkpoint.write(VARIANTS[variant], directory, "full")
        row = measure(variant, directory, flags)
        rows.append(asdict(row))
        print(
            f"{row.variant:<13}{row.start_s:9.1f} s {row.peak_mib:8.0f} MiB {row.voice_mib:6.0f} MiB"
            f" {row.first_audio_s:9.2f} s {row.tokens:7}  {row.audio_s:.2f} s, {row.expected_s:.2f} s",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": describe(), "flags": flags, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
