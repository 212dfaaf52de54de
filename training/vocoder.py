"""Trains the embedded voice's vocoder on (mel, f0, waveform) of the data set: python -m training.vocoder --work DIR

Spectral losses only, no adversary: log magnitudes and spectral convergence at several resolutions, and the mel itself.
The excitation is driven by the true f0 while the pitch predictor learns beside it. The input mel is roughened a little,
because at run time it comes from the flow. The learning rate falls on a cosine over the time budget; checkpoints
resume. `--export` writes the float16 weights; `--samples` resynthesises held-out utterances and prints figures.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.checkpoints.config import build
from engine.networks.hift.hift import HiFT, HiFTConfig
from training.dataset import Dataset, Utterance
from training.features import MEL_FLOOR
from training.spectral import SpectralLoss

CONFIG = Path(__file__).parent / "configs" / "hift.json"
ASSET = Path(__file__).parent.parent / "engine" / "assets" / "embedded" / "hift.safetensors"
MEL_WEIGHT = 1.5
PITCH_WEIGHT = 1.0
SKIPPED_START, SKIPPED_END = 4, 2  # frames of a segment that lack their context, unless the utterance ends there
EDGE_SHARE = 0.1  # of the segments start with their utterance, and as many end with it
SILENT_MEL = math.log(MEL_FLOOR)
WARM_UP_STEPS = 100
LOG_EVERY_S, SAVE_EVERY_S = 20.0, 120.0


@dataclass(frozen=True)
class Batch:
    mel: Tensor  # [B, 80, T]
    f0: Tensor  # [B, T] Hz, 0 where unvoiced
    wav: Tensor  # [B, 480 T]
    judged: Tensor  # [B, 480 T] bool: has its context
    seeds: list[int]


class Segments:
    """Random pieces of the training utterances, drawn from (seed, step)."""

    def __init__(self, data: Dataset, batch: int, frames: int, seed: int) -> None:
        self.data = data
        self.batch = batch
        self.frames = frames
        self.seed = seed
        self.utterances = data.split("train", wav=True)
        lengths = np.array([utterance.n_frames for utterance in self.utterances], dtype=np.float64)
        self.probability = lengths / lengths.sum()

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(self.utterances), self.batch, p=self.probability)
        pieces = [self._piece(self.utterances[index], rng) for index in chosen]
        mel, f0, wav, judged = (torch.from_numpy(np.stack(parts)) for parts in zip(*pieces, strict=True))
        seeds = [int(seed) for seed in rng.integers(0, 2**62, self.batch)]
        judged = judged.repeat_interleave(wav.shape[1] // judged.shape[1], dim=1)
        return Batch(_roughened(mel.transpose(1, 2), rng), f0, wav, judged, seeds)

    def _piece(self, utterance: Utterance, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        mel, f0, wav = self.data.mel(utterance), self.data.f0(utterance), self.data.wav(utterance)
        hop, short = len(wav) // len(mel), self.frames - len(mel)
        if short > 0:
            mel = np.pad(mel, ((0, short), (0, 0)), constant_values=SILENT_MEL)
            f0, wav = np.pad(f0, (0, short)), np.pad(wav, (0, short * hop))
        place, last = rng.random(), len(mel) - self.frames
        start = 0 if place < EDGE_SHARE else last if place < 2 * EDGE_SHARE else int(rng.integers(0, last + 1))
        frames = slice(start, start + self.frames)
        judged = np.ones(self.frames, dtype=bool)
        judged[: 0 if start == 0 else SKIPPED_START] = False
        judged[self.frames - (0 if start == last else SKIPPED_END) :] = False
        return mel[frames], f0[frames], wav[frames.start * hop : frames.stop * hop], judged


def _roughened(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Noise of 0 .. 0.2 (ln mel) on every row, and a third of the rows smeared over neighbouring frames."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    smeared = F.avg_pool1d(F.pad(mel, (1, 1), mode="replicate"), 3, 1) * 0.6 + mel * 0.4
    rows = torch.rand(len(mel), 1, 1, generator=generator)
    level = torch.rand(len(mel), 1, 1, generator=generator) * 0.2
    rough = torch.where(rows < 0.33, smeared, mel) + torch.randn(mel.shape, generator=generator) * level
    return rough.clamp_min(SILENT_MEL)


def pitch_loss(predicted: Tensor, true: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """(|ln f0| over voiced frames, cross-entropy of "above the threshold") of f0 [B, T] in Hz."""
    voiced = (true > 0).float()
    off = (predicted.clamp_min(1.0).log() - true.clamp_min(1.0).log()).abs()
    voicing = F.binary_cross_entropy_with_logits((predicted - threshold) / 10.0, voiced)
    return (off * voiced).sum() / voiced.sum().clamp_min(1.0), voicing


class Trainer:
    def __init__(self, config: HiFTConfig, folder: Path, rate: float, bf16: bool, seed: int) -> None:
        torch.manual_seed(seed)
        self.config = config
        self.model = HiFT(config)
        self._set_up_weights()
        self.loss = SpectralLoss()
        self.rate = rate
        self.bf16 = bf16
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.8, 0.99), weight_decay=0.0)
        self.step = 0
        self.spent_s = 0.0
        self.checkpoint = folder / "checkpoint.pt"

    def _set_up_weights(self) -> None:
        """Sines add up to a pulse; pitches come out in the hundreds of Hz."""
        source, pitch = self.model.m_source, self.model.f0_predictor.classifier
        with torch.no_grad():
            source.l_linear.weight.fill_(3.0 / math.sqrt(len(source.orders)))
            source.l_linear.bias.zero_()
            pitch.weight.mul_(100.0)

    def precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", dtype=torch.bfloat16) if self.bf16 else nullcontext()

    def train_step(self, batch: Batch, progress: float) -> dict[str, float]:
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * warm * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))))
        state = self.model.init_state(batch.seeds, warm_up=False)
        state = replace(state, phase=torch.tensor([seed % 4096 / 4096 for seed in batch.seeds], dtype=torch.float64))
        with self.precision():
            wav, _ = self.model(batch.mel, state, final=True, f0=batch.f0)
            pitch = self.model.predict_f0(batch.mel).float()
        spectrum, mel = self.loss(torch.where(batch.judged, wav.float(), batch.wav), batch.wav)
        tone, voicing = pitch_loss(pitch, batch.f0, self.config.source.voiced_threshold_hz)
        total = spectrum + MEL_WEIGHT * mel + PITCH_WEIGHT * (tone + voicing)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        losses = {"spectrum": spectrum, "mel": mel, "tone": tone, "voicing": voicing}
        return {name: value.item() for name, value in losses.items()}

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        waiting = self.checkpoint.with_suffix(".new")
        torch.save(state | {"step": self.step, "spent_s": self.spent_s}, waiting)
        waiting.replace(self.checkpoint)

    def resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.spent_s = state["step"], state["spent_s"]

    def run(self, segments: Segments, budget_s: float) -> None:
        began, spent_before = time.monotonic(), self.spent_s
        logged = saved = began
        gathered: list[dict[str, float]] = []
        while self.spent_s < budget_s:
            gathered.append(self.train_step(segments(self.step), self.spent_s / budget_s))
            now = time.monotonic()
            self.spent_s = spent_before + now - began
            if now - logged > LOG_EVERY_S or self.spent_s >= budget_s:
                print(_progress(self.step, self.spent_s, gathered), flush=True)
                gathered, logged = [], now
            if now - saved > SAVE_EVERY_S:
                self.save()
                saved = now
        self.save()


def _progress(step: int, spent_s: float, gathered: list[dict[str, float]]) -> str:
    means = {name: sum(row[name] for row in gathered) / len(gathered) for name in gathered[0]}
    figures = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
    return f"{time.strftime('%H:%M:%S')}  step {step}  {spent_s / 60:.1f} min  {figures}"


@torch.inference_mode()
def evaluate(model: HiFT, data: Dataset, count: int, folder: Path | None) -> str:
    """Held-out figures with the predicted pitch: spectrum, mel L1, voicing errors, level of silent frames (dBFS)."""
    loss = SpectralLoss(MEL_FLOOR)
    rows, quiet = [], []
    for utterance in data.split("valid", wav=True)[:count]:
        mel, true = torch.from_numpy(data.mel(utterance)).T[None], torch.from_numpy(data.wav(utterance))[None]
        f0 = torch.from_numpy(data.f0(utterance))[None]
        wav: Tensor = model(mel, model.init_state(0), final=True)[0]
        pitch = model.predict_f0(mel)
        both = (f0 > 0) & (pitch > model.config.source.voiced_threshold_hz)
        cents = (pitch[both] / f0[both]).log2().abs().mean() * 1200
        spectrum, distance = loss(wav, true)
        error = ((f0 > 0) != (pitch > model.config.source.voiced_threshold_hz)).float().mean()
        rows.append([float(spectrum), float(distance), float(error), float(cents)])
        power = wav.view(-1, model.config.hop).square().mean(dim=1)
        silent = true.view(-1, model.config.hop).abs().amax(dim=1) < 1e-4
        quiet += (10 * (power[silent[: len(power)]] + 1e-12).log10()).tolist()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{utterance.id}.wav", wav[0].numpy(), model.config.sample_rate)
            soundfile.write(folder / f"{utterance.id}.teacher.wav", true[0].numpy(), model.config.sample_rate)
    spectrum, distance, error, cents = np.mean(rows, axis=0)
    silence = f"silence p50 {np.median(quiet):.1f} p99 {np.quantile(quiet, 0.99):.1f} dBFS" if quiet else "no silence"
    return (
        f"valid: spectrum {spectrum:.4f}  mel {distance:.4f}  voicing errors {error:.4f}  cents {cents:.1f}  {silence}"
    )


def export(model: HiFT, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--data", type=Path, help="default: WORK/dataset")
    parser.add_argument("--run", default="vocoder", help="folder of the checkpoint, under WORK")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--minutes", type=float, default=33.0)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--frames", type=int, default=46)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export", action="store_true", help="write the checkpoint's weights to engine/assets")
    parser.add_argument("--samples", type=int, default=0, help="resynthesise this many held-out utterances")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    folder = arguments.work / arguments.run
    folder.mkdir(parents=True, exist_ok=True)
    config = build(HiFTConfig, json.loads(arguments.config.read_text()), str(arguments.config))
    trainer = Trainer(config, folder, arguments.rate, arguments.bf16, arguments.seed)
    if trainer.checkpoint.exists():
        trainer.resume()
    data = Dataset(arguments.data or arguments.work / "dataset")
    if arguments.export or arguments.samples:
        trainer.model.eval()
    else:
        trainer.run(Segments(data, arguments.batch, arguments.frames, arguments.seed), arguments.minutes * 60)
    if arguments.export:
        export(trainer.model, ASSET)
    samples = folder / "samples" if arguments.samples else None
    print(evaluate(trainer.model.eval(), data, arguments.samples or 24, samples), flush=True)


if __name__ == "__main__":
    main()
