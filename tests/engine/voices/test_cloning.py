"""What of a recording goes where; the networks are tiny, with the front ends' own numbers of bands."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from engine.errors import InvalidRequest
from engine.messages import NewVoice
from engine.networks.cloning.campplus import CAMPPlus, CAMPPlusConfig, DenseBlockConfig
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig
from engine.networks.cloning.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from engine.voices.cloning import Cloner, CloningConfig, Encoders
from engine.voices.conditionals import Conditionals
from tests.engine.voices.speech import Floats, speech_like

RATE = 24_000
CONFIG = CloningConfig(t3_tokens=25, flow_tokens=50, min_s=0.5)  # prompts of 1 s and 2 s
FIELDS = ("speaker", "t3_prompt", "prompt_token", "prompt_feat", "embedding")


def encoders() -> Encoders:
    torch.manual_seed(0)
    block = DenseBlockConfig(layers=1, dilation=1)
    networks = Encoders(
        voice_encoder=VoiceEncoder(VoiceEncoderConfig(width=8, layers=1, embedding=6)),
        x_vector=CAMPPlus(CAMPPlusConfig(head_channels=2, width=8, growth=4, blocks=(block,), embedding=5)),
        speech_tokenizer=SpeechTokenizer(SpeechTokenizerConfig(width=16, heads=2, layers=1)),
    )
    with torch.no_grad():
        networks.speech_tokenizer.quantizer._codebook.project_down.weight *= 10.0  # many different tokens
    return networks


def new_voice(wav: Floats) -> NewVoice:
    file = io.BytesIO()
    soundfile.write(file, wav, RATE, format="WAV", subtype="FLOAT")
    return NewVoice(name="ana", audio=file.getvalue(), description="of a test")


def clone(wav: Floats, config: CloningConfig = CONFIG) -> Conditionals:
    return Cloner(config, encoders).clone(new_voice(wav))[0]


def test_prompts_are_as_long_as_the_model_takes() -> None:
    voice, warnings = Cloner(CONFIG, encoders).clone(new_voice(speech_like(3.0, RATE)))
    assert (voice.name, voice.description, warnings) == ("ana", "of a test", ())
    shapes = {field: tuple(getattr(voice, field).shape) for field in FIELDS}
    assert shapes == {
        "speaker": (1, 6),
        "t3_prompt": (1, 25),
        "prompt_token": (1, 50),
        "prompt_feat": (1, 100, 80),
        "embedding": (1, 5),
    }
    assert voice.t3_prompt.dtype == voice.prompt_token.dtype == torch.int64
    assert len(voice.prompt_token.unique()) > 5


@pytest.mark.parametrize("n_samples", [24_000 - 480, 24_000 - 479, 24_000, 24_000 + 1])
def test_the_flow_gets_two_frames_for_every_token_whatever_the_length(n_samples: int) -> None:
    voice = clone(speech_like(2.0, RATE)[:n_samples])
    assert voice.prompt_feat.shape[1] == 2 * voice.prompt_token.shape[1] == n_samples // 960 * 2


def test_the_rest_of_the_recording_shapes_the_speaker_only() -> None:
    start = speech_like(2.5, RATE)
    voices = [clone(torch.cat([torch.from_numpy(x) for x in (start, rest)]).numpy()) for rest in (start, -0.5 * start)]
    for field in FIELDS[1:]:
        torch.testing.assert_close(getattr(voices[0], field), getattr(voices[1], field))
    assert not torch.equal(voices[0].speaker, voices[1].speaker)


def test_a_loudness_target_makes_recording_level_irrelevant() -> None:
    wav = speech_like(3.0, RATE)
    config = replace(CONFIG, loudness=-27.0)
    loud, quiet = clone(wav, config), clone(0.25 * wav, config)
    torch.testing.assert_close(loud.prompt_feat, quiet.prompt_feat, atol=1e-3, rtol=0.0)
    assert not torch.allclose(clone(wav).prompt_feat, clone(0.25 * wav).prompt_feat, atol=0.5)


def test_warnings_of_the_recording_are_handed_on() -> None:
    _, (warning,) = Cloner(CONFIG, encoders).clone(new_voice(speech_like(1.5, RATE)))
    assert "1.5 s long" in warning


def test_networks_are_loaded_for_a_usable_recording_only_and_each_time_anew() -> None:
    loads = []

    def load() -> Encoders:
        loads.append(1)
        return encoders()

    cloner = Cloner(CONFIG, load)
    bang = np.concatenate([0.05 * speech_like(3.0, RATE), np.ones(100, np.float32)])
    for bad, problem in ((speech_like(0.4, RATE), "0.40 s long"), (bang, "one short sound")):
        with pytest.raises(InvalidRequest, match=problem):
            cloner.clone(new_voice(bad))
    assert loads == []
    for _ in range(2):
        cloner.clone(new_voice(speech_like(3.0, RATE)))
    assert loads == [1, 1]


def test_limits_follow_from_the_prompts() -> None:
    turbo = CloningConfig(t3_tokens=375, min_s=5.0, loudness=-27.0)
    assert turbo.limits.prompt_s == 15.0
    assert CloningConfig(t3_tokens=150).limits.prompt_s == 10.0
