"""The vocoder that is served: the trained one, whose first layer also undoes the flow's blur.

    python -m training.sharpening --work DIR    # writes the asset vocoder.safetensors

A flow says the mean of what its codes leave open, so its spectra have less relief than speech: their cepstral
coefficients spread less, a little so even after its training before a critic. Each is spread as far as true ones, over
speech, as the "global variance" of statistical synthesis does (Toda and Tokuda, 2007). That is a linear map of each
frame, and so is the vocoder's first layer: they become one, which costs nothing where it is served.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import torch

from engine.checkpoints.config import build
from engine.networks.flow.flow import Flow, FlowConfig
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from training import flow as flow_training
from training import flow_critic, pulse
from training.dataset import Dataset
from training.features import CEPSTRA, Floats
from training.t3_batches import speaker_vectors

STRENGTH = 1.15  # times as far as true ones are spread: T3's codes and the vocoder blur as well
MOST = 3.0  # times as far, at most
SPEECH = -8.0  # mean ln mel of a frame above which it is speech
UTTERANCES = 60  # held-out ones that the spread is measured on


@dataclass(frozen=True)
class Relief:
    gain: Floats  # [F] of each cepstral coefficient
    mean: Floats  # [F] ln mel of speech, which stays

    @classmethod
    def measured(cls, made: Floats, true: Floats, strength: float = STRENGTH) -> Relief:
        """From the flow's mels [T, F] and the true ones of the same utterances. Loudness stays, and so does what lies
        between the harmonics, of which the codes know nothing."""
        speech = true.mean(1) > SPEECH
        blurred, sharp = (scipy.fft.dct(mel[speech], norm="ortho", axis=1) for mel in (made, true))
        gain = np.ones(made.shape[1], np.float32)
        envelope = slice(1, CEPSTRA)
        gain[envelope] = np.minimum(strength * (sharp.std(0) / blurred.std(0))[envelope], MOST)
        return cls(gain, made[speech].mean(0).astype(np.float32))

    @property
    def matrix(self) -> Floats:
        """[F, F] A of mel' = mean + A (mel - mean)."""
        basis = scipy.fft.dct(np.eye(len(self.gain)), norm="ortho", axis=0)
        return np.asarray(basis.T @ (self.gain[:, None] * basis), np.float32)


@torch.no_grad()
def sharpen(vocoder: PulseVocoder, relief: Relief) -> None:
    """Puts the map in front of the vocoder, into its first layer."""
    config, front, matrix = vocoder.config, vocoder.front, torch.from_numpy(relief.matrix)
    mean = (torch.from_numpy(relief.mean) - config.mel_mean) / config.mel_deviation
    assert front.bias is not None
    front.bias += front.weight.sum(2) @ (mean - matrix @ mean)
    front.weight.copy_(torch.einsum("oik,ij->ojk", front.weight, matrix))


@torch.inference_mode()
def mels(dataset: Dataset, flow: Flow, count: int) -> tuple[Floats, Floats]:
    """The flow's and the true mels [T, F] of so many held-out utterances of the first voice, from their true codes."""
    speaker = speaker_vectors(1, flow.config.speaker_width)
    prompt = dataset.prompt(dataset.voices[0])
    tokens, mel = (torch.from_numpy(part)[None] for part in (dataset.tokens(prompt), dataset.mel(prompt)))
    prepared = flow.prepare_prompt(tokens, mel, speaker)
    chosen = [u for u in dataset.split("valid") if u.voice == 0][:count]
    made = [
        flow.offline(torch.from_numpy(dataset.tokens(u))[None], prepared, seed)[0].T for seed, u in enumerate(chosen)
    ]
    return torch.cat(made).numpy(), np.concatenate([dataset.mel(u) for u in chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--strength", type=float, default=STRENGTH)
    parser.add_argument("--out", type=Path, default=pulse.ASSET)
    options = parser.parse_args()
    torch.set_num_threads(1)
    flow = Flow(build(FlowConfig, json.loads(flow_training.CONFIG.read_text()), str(flow_training.CONFIG))).eval()
    flow.load_state_dict(
        torch.load(options.work / "flow" / flow_critic.NAME / "checkpoint.pt", weights_only=True)["average"]
    )
    vocoder = PulseVocoder(build(PulseConfig, json.loads(pulse.CONFIG.read_text()), str(pulse.CONFIG)))
    checkpoint = torch.load(options.work / "pulse" / "checkpoint.pt", weights_only=True, map_location="cpu")
    vocoder.load_state_dict(checkpoint["mean"])
    relief = Relief.measured(*mels(Dataset(options.work / "dataset"), flow, UTTERANCES), options.strength)
    sharpen(vocoder, relief)
    pulse.export(vocoder, options.out)
    print("gain by coefficient:", " ".join(f"{gain:.2f}" for gain in relief.gain[:CEPSTRA]))


if __name__ == "__main__":
    main()
