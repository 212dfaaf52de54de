"""A recording of somebody speaking -> the voice that T3 and the flow continue.

    recording, 24 kHz ---- first 10 s ---- prompt mel, 50 frames/s            -> the flow
                  |             +- 16 kHz (short sinc) - x-vector, tokens     -> the flow
                  +- 16 kHz --- all of it: voice encoder                      -> T3
                  |             +- first 6 or 15 s: tokens                    -> T3

Source: `prepare_conditionals` of the reference's pipelines and `embed_ref` of its s3gen/s3gen.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.messages import NewVoice
from engine.networks.cloning import frontends
from engine.networks.cloning.campplus import CAMPPlus
from engine.networks.cloning.frontends import PROMPT_RATE, SPEECH_RATE
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer
from engine.networks.cloning.voice_encoder import VoiceEncoder
from engine.voices import recording
from engine.voices.conditionals import Conditionals
from engine.voices.loudness import normalised
from engine.voices.recording import Floats, Limits
from engine.voices.resample import resample, windowed_sinc

TOKEN_RATE = 25  # Hz, of the speech tokenizer


@dataclass(frozen=True, kw_only=True)
class CloningConfig:
    t3_tokens: int  # of prompt, at 25 Hz
    flow_tokens: int = 250  # of prompt: 10 s
    min_s: float = 1.0  # a recording must be longer,
    max_s: float = 120.0  # and no longer than this
    max_bytes: int = 32 << 20  # of its file
    loudness: float | None = None  # LUFS that recordings are brought to; None: they are taken as they are

    @property
    def limits(self) -> Limits:
        prompt_s = max(self.t3_tokens, self.flow_tokens) / TOKEN_RATE
        return Limits(min_s=self.min_s, max_s=self.max_s, max_bytes=self.max_bytes, prompt_s=prompt_s)


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """The networks that only cloning needs: 500 MB at the published sizes."""

    voice_encoder: VoiceEncoder
    x_vector: CAMPPlus
    speech_tokenizer: SpeechTokenizer


class Cloner:
    """Makes voices of recordings. The networks are loaded for each voice and dropped afterwards."""

    def __init__(self, config: CloningConfig, load: Callable[[], Encoders]) -> None:
        self._config = config
        self._load = load

    def clone(self, voice: NewVoice) -> tuple[Conditionals, tuple[str, ...]]:
        """Returns the voice, and what is wrong with its recording. This takes seconds. Raises InvalidRequest."""
        heard = recording.read(voice.audio, self._config.limits)
        wav = heard.wav
        if self._config.loudness is not None:
            wav = normalised(wav, PROMPT_RATE, self._config.loudness)
        speech = torch.from_numpy(resample(wav, PROMPT_RATE, SPEECH_RATE))
        spoken = frontends.trim(speech)
        if len(spoken) < recording.MIN_SPEECH_S * SPEECH_RATE:
            raise recording.unusable("has one short sound far louder than all the rest; cut it out")
        encoders = self._load()
        with torch.no_grad():
            prompt_token, prompt_feat, embedding = self._flow_prompt(wav, encoders)
            conditionals = Conditionals(
                name=voice.name,
                description=voice.description,
                owner=voice.owner,
                speaker=_run(encoders.voice_encoder, frontends.voice_encoder_mel(spoken[None])),
                t3_prompt=_tokens(speech[: samples(self._config.t3_tokens, SPEECH_RATE)], encoders),
                prompt_token=prompt_token,
                prompt_feat=prompt_feat,
                embedding=embedding,
            )
        return conditionals, heard.warnings

    def _flow_prompt(self, wav: Floats, encoders: Encoders) -> tuple[Tensor, Tensor, Tensor]:
        """[N] at 24 kHz -> tokens [1, Q], mel [1, 2Q, 80], x-vector [1, E]."""
        prompt = torch.from_numpy(wav[: samples(self._config.flow_tokens, PROMPT_RATE)])
        speech = windowed_sinc(prompt, PROMPT_RATE, SPEECH_RATE)
        tokens, mel = _tokens(speech, encoders), frontends.prompt_mel(prompt[None])
        # Quirk: of a length that is no whole number of tokens, the last token is cut off; its mel frame is, too.
        n_tokens = min(tokens.shape[1], mel.shape[1] // 2)
        return tokens[:, :n_tokens], mel[:, : 2 * n_tokens], _run(encoders.x_vector, frontends.fbank(speech[None]))


def samples(n_tokens: int, rate: int) -> int:
    return n_tokens * rate // TOKEN_RATE


def _tokens(speech: Tensor, encoders: Encoders) -> Tensor:
    """[N] at 16 kHz -> [1, N / 640 rounded up]"""
    return _run(encoders.speech_tokenizer, frontends.speech_tokenizer_mel(speech[None]))


def _run(network: nn.Module, features: Tensor) -> Tensor:
    """Front ends run on the CPU; the network where it is."""
    device = next(network.parameters()).device
    result: Tensor = network(features.to(device))
    return result.cpu()
