"""How much later does first audio come through a door than through our own client?

Own client, HTTP door and Riva take turns with the same texts and seeds, in an order that changes from round to round.

    python -m benchmarks.latency.doors --rounds 30

All on this machine, warm, over connections that are open. `first_ms`: from sending the request to the first bytes of
audio. `audio_ms`: until 40 ms can be decoded from what has come, with the silence that a codec puts first (MP3 46 ms,
Opus 2.5 ms). `sound_ms`: until 40 ms of the speech itself can. Texts are short ones, so that a round is soon over.

What a codec must have by its format is told apart by `codec_samples`: so many samples of speech must have come before
40 ms of it can be decoded. The rest of the difference is ours.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import grpc
import soundfile

from benchmarks.support.door_process import http_door
from benchmarks.support.machine import machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS
from client import Client
from gapless.doors.encoders import Encoder
from gapless.doors.encoders.mp3 import DELAY_SAMPLES, Mp3Encoder
from gapless.doors.encoders.ogg import ogg_opus
from service.riva import messages

RATE = 24_000  # Hz
FIRST_AUDIO = RATE // 25  # samples: 40 ms
OPUS = "opus"
MAX_CHARACTERS = 60
SILENCE = {"mp3": DELAY_SAMPLES, OPUS: 60}  # samples that the codec puts first
SHORT_TEXTS = [text for text in TEXTS if len(text) <= MAX_CHARACTERS]
KINDS = ("first_ms", "audio_ms", "sound_ms")

Arrivals = list[tuple[float, bytes]]  # s since the request was sent, and what came
Measured = dict[str, list[tuple[float, float, float]]]
Way = Callable[[str, int], Awaitable[Arrivals]]


def own_client(client: Client) -> Way:
    async def say(text: str, seed: int) -> Arrivals:
        began = time.monotonic()
        chunks = client.say(text, seed=seed, sample_rate=RATE, max_lead=0)
        return [(time.monotonic() - began, chunk.data) async for chunk in chunks]

    return say


def over_http(session: aiohttp.ClientSession, url: str, name: str) -> Way:
    async def say(text: str, seed: int) -> Arrivals:
        began = time.monotonic()
        body = {"input": text, "model": "gapless", "voice": "alloy", "response_format": name, "seed": seed}
        async with session.post(f"{url}/v1/audio/speech", json=body) as response:
            response.raise_for_status()
            return [(time.monotonic() - began, data) async for data in response.content.iter_any()]

    return say


def over_riva(channel: grpc.aio.Channel, encoding: int) -> Way:
    call = channel.stream_stream(
        f"/{messages.SERVICE}/SynthesizeOnline",
        messages.SynthesizeSpeechRequest.SerializeToString,
        messages.SynthesizeSpeechResponse.FromString,
    )

    async def say(text: str, seed: int) -> Arrivals:
        began = time.monotonic()
        request = messages.SynthesizeSpeechRequest(
            text=text, encoding=encoding, sample_rate_hz=RATE, custom_configuration={"seed": str(seed)}
        )
        return [(time.monotonic() - began, response.audio) async for response in call(iter([request]))]

    return say


def decodable_s(arrivals: Arrivals, name: str, samples: int) -> float:
    """When so many samples could be decoded, silence of the codec included."""
    heard = b""
    for at_s, data in arrivals:
        heard += data
        if decodable(heard, name) >= samples:
            return at_s
    raise ValueError(f"{name}: less than {samples} samples in {len(heard)} bytes")


def decodable(file: bytes, name: str) -> int:
    """Samples in the beginning of a file. libsndfile drops the silence of Opus itself."""
    if name.endswith("pcm") or name == "client":
        return len(file) // 2
    try:
        samples, _ = soundfile.read(io.BytesIO(file))
    except soundfile.LibsndfileError:
        return 0
    return len(samples) + (SILENCE[OPUS] if name.endswith(OPUS) else 0)


def instants_ms(arrivals: Arrivals, name: str) -> tuple[float, float, float]:
    silence = next((samples for codec, samples in SILENCE.items() if name.endswith(codec)), 0)
    instants = (
        arrivals[0][0],
        decodable_s(arrivals, name, FIRST_AUDIO),
        decodable_s(arrivals, name, FIRST_AUDIO + silence),
    )
    return 1000 * instants[0], 1000 * instants[1], 1000 * instants[2]


async def measure(address: str, url: str, rounds: int) -> Measured:
    channel = grpc.aio.insecure_channel(address)
    async with Client(address) as client, channel, aiohttp.ClientSession() as session:
        ways: dict[str, Way] = {
            "client": own_client(client),
            "riva pcm": over_riva(channel, messages.LINEAR_PCM),
            "riva opus": over_riva(channel, messages.OGGOPUS),
            **{f"http {name}": over_http(session, url, name) for name in ("pcm", "mp3", "opus")},
        }
        for name, say in ways.items():
            instants_ms(await say("Good morning.", 0), name)
        measured: Measured = {name: [] for name in ways}
        names = list(ways)
        for number in range(rounds):
            turned = names[number % len(names) :] + names[: number % len(names)]
            for name in turned:
                arrivals = await ways[name](SHORT_TEXTS[number % len(SHORT_TEXTS)], number)
                measured[name].append(instants_ms(arrivals, name))
                await asyncio.sleep(0.03)
        return measured


def codec_samples(make: Callable[[int], Encoder], name: str) -> int:
    """How many samples must go in before 40 ms of them can be decoded. They come a millisecond at a time."""
    encoder, millisecond = make(RATE), bytes(RATE // 1000 * 2)
    file = encoder.begin()
    for milliseconds in range(1, 500):
        file += encoder.encode(millisecond)
        if decodable(file, name) >= FIRST_AUDIO + SILENCE[name]:
            return milliseconds * RATE // 1000
    raise ValueError(f"{name}: nothing within half a second")


def report(measured: Measured) -> dict[str, Any]:
    """Medians, and the median of how much later than our own client in the same round."""
    own = measured["client"]
    lines: dict[str, Any] = {}
    for name, instants in measured.items():
        lines[name] = {}
        for kind, title in enumerate(KINDS):
            values = [one[kind] for one in instants]
            later = [value - ours[kind] for value, ours in zip(values, own, strict=True)]
            lines[name][title] = round(percentile(values, 50), 1)
            lines[name][f"{title.removesuffix('_ms')}_later_ms"] = round(percentile(later, 50), 1)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with service("--riva", "--max-utterances", "2") as address, http_door(address) as url:
        measured = asyncio.run(measure(address, url, arguments.rounds))
    codecs = {"pcm": FIRST_AUDIO, "mp3": codec_samples(Mp3Encoder, "mp3"), OPUS: codec_samples(ogg_opus, OPUS)}
    print(
        json.dumps(
            {"rounds": arguments.rounds, **report(measured), "codec_samples": codecs, "machine": machine()}, indent=2
        )
    )


if __name__ == "__main__":
    main()
