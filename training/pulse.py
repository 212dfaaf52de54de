"""Trains the embedded voice's vocoder: python -m training.pulse --work DIR --stage regression|spectrum

1. regression: the teacher of the female voice says, frame by frame, how it filters pulses and noise (data set
   `hidden`); the network learns to say the same from the mel alone, and the pitch and voicing.
2. spectrum: the sound itself is compared with the teacher's by spectral distances; the regression goes on beside it, at
   a lower weight.
Where the flow's mels are there (`flow_mels.py`), half of what the network sees is theirs.

Every stage starts with the last checkpoint; the learning rate falls on a cosine over the stage's minutes. The weights
that are kept are a running mean. `--device cuda` trains on a GPU. `training/sharpening.py` exports.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.checkpoints.config import build
from engine.networks.convs import Walk
from engine.networks.pulse.excitation import AHEAD
from engine.networks.pulse.pulse import REFERENCE_HZ, Filters, PulseConfig, PulseVocoder
from training.filters import TeacherFilters, TrueFilters
from training.muon import Muon
from training.segments import Batch, Segments
from training.spectral import SpectralLoss
from training.storing import stored

CONFIG = Path(__file__).parent / "configs" / "pulse.json"
ASSET = Path(__file__).parent.parent / "engine" / "assets" / "embedded" / "vocoder.safetensors"
STAGES = ("regression", "spectrum")
RATES = {"regression": 2e-3, "spectrum": 1e-3}
REGRESSED = ("pulses", "noise", "pulses_phase", "noise_phase")
REGRESSION_WEIGHTS = {"regression": 1.0, "spectrum": 0.3}
MEL_WEIGHT = 1.5
EVERY = 3  # of so many bins one is compared in a step: neighbours are alike
MEAN_DECAY = 0.995
MUON_RATE = 0.01  # of the blocks' matrices, at the regression's full rate
WARM_UP_STEPS = 100
LOG_EVERY_S, SAVE_EVERY_S = 20.0, 60.0


def regression(filters: Filters, true: TrueFilters, f0: Tensor, judged: Tensor) -> Tensor:
    """[4]: L1 of both magnitudes, and how far both phases are off (0 to 2), where they are heard: what is loud and, of
    the two, what is louder, weighs more."""
    pulses, noise, pulses_phase, noise_phase = true
    voiced = (f0 > 0).float().unsqueeze(-1)
    power_pulses, power_noise = (2 * pulses).exp() * voiced, (2 * noise).exp()
    total = power_pulses + power_noise + 1e-3
    loud = (0.5 * total.log() + 4.0).clamp(0.3, 6.0) / 3.0 * judged.unsqueeze(-1)
    weight_pulses = voiced * loud * (0.1 + 0.9 * power_pulses / total)
    weight_noise = loud * (0.1 + 0.9 * power_noise / total)
    off = [
        ((filters.pulses - pulses).abs(), weight_pulses),
        ((filters.noise - noise).abs(), weight_noise),
        (1 - (filters.pulses_phase - pulses_phase).cos(), weight_pulses),
        (1 - (filters.noise_phase - noise_phase).cos(), weight_noise),
    ]
    return torch.stack([(far * weight).sum() / weight.sum().clamp_min(1.0) for far, weight in off])


def pitch_loss(filters: Filters, f0: Tensor, judged: Tensor) -> Tensor:
    """[2]: cross-entropy of voicing, octaves off where there is voice."""
    voiced = (f0 > 0).float()
    entropy = F.binary_cross_entropy_with_logits(filters.voicing, voiced, reduction="none")
    octaves = (f0.clamp_min(40.0) / REFERENCE_HZ).log2()
    off = (filters.octaves - octaves).abs() * voiced * judged
    return torch.stack(
        [(entropy * judged).sum() / judged.sum().clamp_min(1.0), off.sum() / (voiced * judged).sum().clamp_min(1.0)]
    )


def optimizers(model: PulseVocoder) -> list[torch.optim.Optimizer]:
    """One for what is no matrix of a block, one for these."""
    matrices = [p for name, p in model.named_parameters() if name.endswith(("expand.weight", "reduce.weight"))]
    taken = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in taken]
    adam = torch.optim.AdamW(rest, lr=RATES["regression"], betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    return [adam, Muon(matrices, lr=MUON_RATE)]


class Trainer:
    def __init__(self, config: PulseConfig, work: Path, run: Path, stage: str, device: str) -> None:
        torch.manual_seed(0)
        self.config, self.stage, self.device = config, stage, device
        self.model = PulseVocoder(config)
        self.teacher = TeacherFilters.load(work / "head.npz", device)
        self._start_from_teacher()
        self.model.to(device)
        self.mean = copy.deepcopy(self.model).requires_grad_(False)
        self.loss = SpectralLoss().to(device)
        self.optimizers = optimizers(self.model)
        self.step, self.spent_s, self.checkpoint = 0, 0.0, run / "checkpoint.pt"

    @torch.no_grad()
    def _start_from_teacher(self) -> None:
        filters, phases, n_bins = self.model.filters, self.model.phases, self.config.n_bins
        for layer, part in ((filters, slice(2 * n_bins)), (phases, slice(2 * n_bins, None))):
            layer.weight.copy_(self.teacher.weight[:, part].T)
            layer.bias.copy_(self.teacher.bias[part])
        filters.weight[n_bins:] *= 0.2

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        model, walk = self.model, Walk(None, final=True)
        outline, _ = model.outline(batch.mel.mT, 0, walk)
        voicing, octaves = model.pitch(outline).unbind(-1)
        ahead = torch.roll(batch.f0, -AHEAD, 1)
        bins = torch.arange(self.step % EVERY, self.config.n_bins, EVERY, device=outline.device)
        both = torch.cat([bins, bins + self.config.n_bins])
        (pulses, noise), (turn, phase) = (
            F.linear(outline, layer.weight[both], layer.bias[both]).chunk(2, -1)
            for layer in (model.filters, model.phases)
        )
        own = Filters(pulses, noise, math.pi * turn.tanh(), phase, voicing, octaves)
        entropy, off = pitch_loss(own, ahead, batch.judged)
        with torch.no_grad():
            true = self.teacher(batch.hidden, bins)
        off = regression(own, true, batch.f0, batch.judged)
        weight = REGRESSION_WEIGHTS[self.stage]
        losses = {"voicing": 0.5 * entropy, "octaves": 4.0 * off}
        losses |= {name: weight * one for name, one in zip(REGRESSED, off, strict=True)}
        if self.stage != "regression":
            wav = self.sound(model.filters_of(outline), ahead, batch)
            judged = batch.judged.repeat_interleave(self.config.hop, 1) > 0
            spectrum, mel = self.loss(torch.where(judged, wav, batch.wav), batch.wav)
            losses |= {"spectrum": spectrum, "mel": MEL_WEIGHT * mel}
        return losses

    def sound(self, filters: Filters, f0: Tensor, batch: Batch) -> Tensor:
        model, walk = self.model, Walk(None, final=True)
        phase = torch.rand(len(f0), dtype=torch.float64, device=f0.device)
        pulses, _ = model.excitation.pulses(f0, phase, walk)
        return model.sound(filters, pulses, 0, walk)[:, : batch.wav.shape[1]]

    def train_step(self, batch: Batch, progress: float) -> dict[str, float]:
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        part = warm * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))))
        rate = RATES[self.stage] * part
        for optimizer, full in zip(self.optimizers, (1.0, MUON_RATE / RATES["regression"]), strict=True):
            optimizer.param_groups[0]["lr"] = rate * full
        losses = self.losses(batch)
        self.model.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                optimizer.step()
            weight = max(1 - MEAN_DECAY, 1 / (self.step + 1))
            parameters = [parameter.detach() for parameter in self.model.parameters()]
            torch._foreach_lerp_(list(self.mean.parameters()), parameters, weight)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def save(self) -> None:
        state: dict[str, Any] = {"model": self.model.state_dict(), "mean": self.mean.state_dict(), "stage": self.stage}
        state |= {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}
        state |= {"step": self.step, "spent_s": self.spent_s}
        waiting = self.checkpoint.with_suffix(".new")
        torch.save(state, waiting)
        waiting.replace(self.checkpoint)

    def resume(self) -> None:
        """The same stage goes on; a later one starts with the running mean."""
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        same = state["stage"] == self.stage
        self.model.load_state_dict(state["model" if same else "mean"])
        self.mean.load_state_dict(state["mean"])
        if same:
            for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
            self.step, self.spent_s = state["step"], state["spent_s"]

    def run(self, batches: Segments, budget_s: float) -> None:
        began, before = time.monotonic(), self.spent_s
        logged = saved = began
        gathered: list[dict[str, float]] = []
        while self.spent_s < budget_s:
            batch = batches(self.step).to(self.device)
            gathered.append(self.train_step(batch, self.spent_s / budget_s))
            now = time.monotonic()
            self.spent_s = before + now - began
            if now - logged > LOG_EVERY_S or self.spent_s >= budget_s:
                print(_progress(self.step, self.spent_s, gathered), flush=True)
                gathered, logged = [], now
            if now - saved > SAVE_EVERY_S:
                self.save()
                saved = now
        self.save()


def _progress(step: int, spent_s: float, gathered: list[dict[str, float]]) -> str:
    names = {name for row in gathered for name in row}
    means = {name: np.mean([row[name] for row in gathered if name in row]) for name in sorted(names)}
    figures = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
    return f"{time.strftime('%H:%M:%S')}  step {step}  {spent_s / 60:.1f} min  {figures}"


def export(model: PulseVocoder, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(stored(model.state_dict()), path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--run", default="pulse", help="folder of the checkpoint, under WORK")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--stage", choices=STAGES, default="regression")
    parser.add_argument("--minutes", type=float, default=15.0, help="of this stage")
    parser.add_argument("--batch", type=int, default=12, help="segments a step")
    parser.add_argument("--groups", type=int, default=20, help="length of a segment in tenths of a second")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("medium")  # products in bfloat16
    run = options.work / options.run
    run.mkdir(parents=True, exist_ok=True)
    config = build(PulseConfig, json.loads(options.config.read_text()), str(options.config))
    trainer = Trainer(config, options.work, run, options.stage, options.device)
    if trainer.checkpoint.exists():
        trainer.resume()
    seed = options.seed + 1000 * STAGES.index(options.stage)
    batches = Segments(options.work, options.batch, options.groups, seed)
    trainer.run(batches, options.minutes * 60)


if __name__ == "__main__":
    main()
