"""Gives the shipped vocoder phases: python -m training.phase --work DIR

For a vocoder that was trained without them: they become a function of what its last layers see, as the teacher makes
them of its 256-vector, by the linear map from the one to the other that comes nearest by squares in DIR/hidden.
Rewrites the asset vocoder.safetensors; the other layers stay as they are. Prints how well the noise's phases of a tenth
of the utterances were met, which were left out: 1 is exactly, 0 is by chance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoints.config import build
from engine.networks.convs import Walk
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from training import pulse
from training.filters import TeacherFilters
from training.segments import Segments

RIDGE = 10.0
LEFT_OUT = 10  # utterances of which one is left out


def outlines(vocoder: PulseVocoder, data: Segments) -> Iterator[tuple[Tensor, Tensor]]:
    """What the vocoder's last layers see of each utterance, and a one [J, width + 1]; the teacher's [J, 256]."""
    for slow, fast in data.places():
        mel, hidden = (torch.from_numpy(part.astype(np.float32)) for part in (data.mel[slow], data.hid[fast]))
        outline, _ = vocoder.outline(mel.T[None], 0, Walk(None, final=True))
        yield torch.cat((outline[0], torch.ones(len(hidden), 1)), 1), hidden


def fitted(pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """[width + 1, 256], the best linear map."""
    seen, hidden = (torch.cat(parts).double() for parts in zip(*pairs, strict=True))
    squares = seen.T @ seen
    weights: Tensor = torch.linalg.solve(squares + RIDGE * torch.eye(len(squares)), seen.T @ hidden)
    return weights.float()


@torch.no_grad()
def give_phases(vocoder: PulseVocoder, teacher: TeacherFilters, data: Segments) -> float:
    """Fills the vocoder's layer; returns the mean cosine of what the noise's phases left out are off."""
    pairs, phases = list(outlines(vocoder, data)), slice(2 * teacher.n_bins, None)
    weight, bias = teacher.weight[:, phases], teacher.bias[phases]
    step = fitted([pair for number, pair in enumerate(pairs) if number % LEFT_OUT])
    vocoder.phases.weight.copy_((step[:-1] @ weight).T)
    vocoder.phases.bias.copy_(step[-1] @ weight + bias)
    seen, hidden = (torch.cat(parts) for parts in zip(*pairs[::LEFT_OUT], strict=True))
    noise = weight[:, teacher.n_bins :]
    return float((seen @ (step @ noise) - hidden @ noise).cos().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    vocoder = PulseVocoder(build(PulseConfig, json.loads(pulse.CONFIG.read_text()), str(pulse.CONFIG)))
    vocoder.load_state_dict({**vocoder.phases.state_dict(prefix="phases."), **load_file(pulse.ASSET)})
    met = give_phases(vocoder, TeacherFilters.load(options.work / "head.npz", "cpu"), Segments(options.work, 1, 1, 0))
    pulse.export(vocoder, pulse.ASSET)
    print(f"phases met: {met:.3f}")


if __name__ == "__main__":
    main()
