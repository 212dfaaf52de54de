"""Published checkpoints, reduced in size, through a real service: they stream, and they speak with a cloned voice."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soundfile

from benchmarks.latency.published_models import VARIANT_NAMES, measure, speak
from benchmarks.support import random_checkpoint
from benchmarks.support.service_process import service
from client import Client, errors
from engine.checkpoints.variants import VARIANTS
from tests.engine.voices.speech import speech_like

RATE = 24_000

pytestmark = pytest.mark.timeout(240)


def speech_file(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, speech_like(seconds, RATE), RATE, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoints")
    for name in VARIANT_NAMES:
        random_checkpoint.write(VARIANTS[name], directory / name, "tiny")
    return directory


@pytest.mark.parametrize("variant", VARIANT_NAMES)
def test_every_variant_streams_as_much_audio_as_its_tokens_last(checkpoints: Path, variant: str) -> None:
    row = measure(variant, checkpoints / variant, [])
    assert row.tokens > 0
    assert row.audio_s == pytest.approx(row.expected_s)
    assert row.voice_mib > 0


async def test_a_voice_is_cloned_spoken_with_kept_and_deleted(checkpoints: Path, tmp_path: Path) -> None:
    flags = ("--model", str(checkpoints / "turbo"), "--voices", str(tmp_path))
    with service(*flags) as address:
        async with Client(address) as client:
            created = await client.create_voice("mary", speech_file(seconds=7.0), "Mary")
            assert created.voice.in_memory
            with pytest.raises(errors.ClientError, match="exists"):
                await client.create_voice("mary", speech_file(seconds=7.0))
            with pytest.raises(errors.ClientError, match="more than 5 s are needed"):
                await client.create_voice("short", speech_file(seconds=2.0))
            async with client.utterance(voice="mary", max_lead=0.0) as utterance:
                await utterance.push("Hello there.")
                await utterance.end()
                assert sum([chunk.num_samples async for chunk in utterance]) > 0
    with service(*flags) as address:
        async with Client(address) as client:
            assert {voice.name for voice in await client.voices()} == {"default", "mary"}
            await client.delete_voice("mary")
            assert {voice.name for voice in await client.voices()} == {"default"}
            await speak(address)
