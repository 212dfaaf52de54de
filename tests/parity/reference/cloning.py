"""The reference's way from a recording to a voice: all of it, and each front end and network by itself.

Options: `kind` (base, turbo), `rate` of `audio`, `seed`, `tokenizer` (null: as published; else values of ModelConfig).
Tensors: `audio` [N, channels], the recording; `speech` [N] at 16 kHz and `wav` [N] at 24 kHz for the front ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import librosa
import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from tests.parity.reference import stubs
from tests.parity.reference.serve import randomise, serve, weights

stubs.install()

from chatterbox.models.s3gen.s3gen import S3Token2Mel, get_resampler  # noqa: E402
from chatterbox.models.s3gen.utils.mel import mel_spectrogram  # noqa: E402
from chatterbox.models.s3gen.xvector import CAMPPlus, extract_feature  # noqa: E402
from chatterbox.models.s3tokenizer import S3Tokenizer  # noqa: E402
from chatterbox.models.voice_encoder import VoiceEncoder  # noqa: E402
from chatterbox.models.voice_encoder.config import VoiceEncConfig  # noqa: E402
from chatterbox.models.voice_encoder.melspec import melspectrogram  # noqa: E402
from chatterbox.tts import ChatterboxTTS  # noqa: E402
from chatterbox.tts_turbo import ChatterboxTurboTTS, ln  # noqa: E402
from s3tokenizer.model_v2 import S3TokenizerV2  # noqa: E402

PIPELINES = {"base": (ChatterboxTTS, 150), "turbo": (ChatterboxTurboTTS, 375)}
SHARPEN = 8.0  # so that random weights give many different tokens,
EXCITE = 3.0  # and the voice encoder hears differences


def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    torch.manual_seed(options["seed"])
    voice_encoder, s3gen = VoiceEncoder().eval(), build(options["tokenizer"])
    for network in (voice_encoder, s3gen):
        randomise(network, options["seed"])
    with torch.no_grad():
        s3gen.tokenizer.quantizer._codebook.project_down.weight *= SHARPEN
        for parameter in voice_encoder.lstm.parameters():
            parameter *= EXCITE
        calibrate(s3gen.speaker_encoder, tensors["speech"])
        made = clone(options["kind"], voice_encoder, s3gen, tensors["audio"], options["rate"])
        heard = front_ends(s3gen, tensors["speech"], tensors["wav"])
    del s3gen.flow
    return made | heard | weights(voice_encoder, "ve.") | weights(s3gen)


def calibrate(network: CAMPPlus, speech: Tensor) -> None:
    """Statistics as of training, or differences between voices drown in constants. Of the output there are too few."""
    for norm in network.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.momentum = 1.0
    network.train().inference([speech, speech.flip(0)])
    network.eval().xvector.dense.nonlinear.batchnorm.reset_running_stats()


def build(tokenizer: Mapping[str, Any] | None) -> S3Token2Mel:
    """Only what a recording meets."""
    sizes = S3TokenizerV2.__init__.__defaults__[0]  # the constructor passes none on
    for name, value in (tokenizer or {}).items():
        setattr(sizes, name, value)
    s3gen = S3Token2Mel.__new__(S3Token2Mel)
    nn.Module.__init__(s3gen)
    s3gen.tokenizer = S3Tokenizer()
    s3gen.speaker_encoder = CAMPPlus(memory_efficient=False)
    s3gen.mel_extractor = mel_spectrogram
    s3gen.flow = nn.Linear(1, 1)  # whose type is asked for
    return s3gen.eval()


def clone(kind: str, voice_encoder: VoiceEncoder, s3gen: S3Token2Mel, audio: Tensor, rate: int) -> dict[str, Tensor]:
    pipeline, prompt_length = PIPELINES[kind]
    model = SimpleNamespace(
        s3gen=s3gen,
        ve=voice_encoder,
        t3=SimpleNamespace(hp=SimpleNamespace(speech_cond_prompt_len=prompt_length)),
        device="cpu",
        ENC_COND_LEN=pipeline.ENC_COND_LEN,
        DEC_COND_LEN=pipeline.DEC_COND_LEN,
        norm_loudness=partial(ChatterboxTurboTTS.norm_loudness, None),
    )
    with TemporaryDirectory() as place:
        path = Path(place) / "voice.wav"
        soundfile.write(path, audio.numpy(), rate, subtype="FLOAT")
        with mock.patch.object(ln.Meter, "integrated_loudness", integrated_loudness):
            pipeline.prepare_conditionals(model, path)
    t3, gen = model.conds.t3, model.conds.gen
    return {
        "speaker": t3.speaker_emb,
        "t3_prompt": t3.cond_prompt_speech_tokens,
        "prompt_token": gen["prompt_token"],
        "prompt_feat": gen["prompt_feat"],
        "embedding": gen["embedding"],
    }


_integrated_loudness = ln.Meter.integrated_loudness


def integrated_loudness(meter: ln.Meter, wav: np.ndarray) -> float:
    """A number of Python's leaves the recording in float32, as any does in numpy 1, which the reference pins."""
    return float(_integrated_loudness(meter, wav))


def front_ends(s3gen: S3Token2Mel, speech: Tensor, wav: Tensor) -> dict[str, Tensor]:
    return {
        "voice_encoder_mel": torch.from_numpy(melspectrogram(speech.numpy(), VoiceEncConfig()).T.copy()),
        "fbank": extract_feature([speech])[0][0],
        "speech_tokenizer_mel": s3gen.tokenizer.log_mel_spectrogram(speech).T,
        "prompt_mel": mel_spectrogram(wav)[0].T,
        "trimmed": torch.from_numpy(librosa.effects.trim(speech.numpy(), top_db=20)[0].copy()),
        "windowed_sinc": get_resampler(24000, 16000, "cpu")(wav[None])[0],
    }


if __name__ == "__main__":
    serve(run)
