"""Trains the embedded voice's flow (speech tokens -> mel) on the rendered data, under the masks it is served with.

Two losses: L1 between mu and the mel, so that mu already is the mean mel, and flow matching for the estimator.

    python -m training.flow --work out/training --minutes 35     # resumes from its own checkpoint
    python -m training.flow --work out/training --export
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from engine.checkpoints.config import build
from engine.networks.flow.flow import Flow, FlowConfig
from engine.networks.flow.state import FlowPrompt
from training.codes import VOICES
from training.dataset import Dataset, Utterance, balanced
from training.flow_batches import Batch, Corpus
from training.storing import stored
from training.t3_batches import speaker_vectors

CONFIG = Path(__file__).parent / "configs" / "flow.json"
ASSET = Path(__file__).parents[1] / "engine" / "assets" / "embedded" / "flow.safetensors"

RATE, BETAS, DECAY = 1.5e-3, (0.9, 0.98), 0.01
WARM_UP_STEPS = 60
LAST_RATE = 0.02  # of the full rate, at the end
GRADIENT_NORM = 1.0
TIME_POWER = 1.5  # of a uniform time: a few Euler steps never see the last quarter, and the first matter most
AVERAGE = 0.998  # decay of the weights' running mean
TOKENS = 640  # of the targets of a batch
LOG_S, SAVE_S, VALIDATE_S = 20.0, 120.0, 480.0
VALID_UTTERANCES = 24
VALID_WINDOWS = (8, 16, 25)  # tokens; the last repeats
VALID_STEPS = (1, 2, 3)


class Trainer(nn.Module):
    """The network with its losses; `Flow` itself stays as it is served."""

    def __init__(self, config: FlowConfig, n_voices: int) -> None:
        super().__init__()
        self.flow = Flow(config)
        self.register_buffer("speakers", speaker_vectors(n_voices, config.speaker_width), persistent=False)
        self.speakers: Tensor
        self.initialise()

    def initialise(self) -> None:
        """What writes into a residual stream starts at zero; the streams start at unit scale."""
        for name, parameter in self.flow.named_parameters():
            if name.endswith(("linear_out.weight", "w_2.weight", "to_out.weight", "ff_out.weight")):
                nn.init.zeros_(parameter)
        for embed in (self.flow.encoder.embed, self.flow.encoder.up_embed):
            nn.init.constant_(embed.norm.weight, 1 / embed.scale)

    def forward(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """noise [B, 2T, F], time [B] -> L1 of mu, mean square error of what the estimator predicts."""
        target = self.flow.normalise(batch.mel)
        mu, output = self.predicted(batch, noise, time)
        wanted = target - (noise if self.flow.config.prediction == "velocity" else mu.detach())
        weight = mean_weight(batch)
        l1 = ((mu.float() - target).abs() * weight).sum()
        return l1, ((output.float() - wanted).square() * weight).sum()

    def predicted(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """noise [B, 2T, F], time [B] -> mu and the estimator's output, normalised, [B, 2T, F]."""
        flow, at = self.flow, time[:, None, None]
        known = flow.normalise(batch.known) * batch.known_mask
        mu = flow.masked_mu(batch.tokens, batch.plan)
        static = flow.conditions(mu, flow.speaker(self.speakers[batch.voice]), known)
        noisy = (1 - at) * noise + at * flow.normalise(batch.mel)
        return mu, flow.masked_estimate(noisy, static, time, time, batch.plan.sight(flow.ratio))


def mean_weight(batch: Batch) -> Tensor:
    """[B, 2T, 1] such that the weighted sum over frames and bins is a mean."""
    return batch.weight / (batch.weight.sum() * batch.mel.shape[2])


@dataclasses.dataclass
class Run:
    """Where a training run stands; everything a checkpoint holds beside weights and optimiser."""

    step: int = 0
    trained_s: float = 0.0


class Training:
    figures: tuple[str, ...] = ("mu l1", "cfm")  # what a step returns, for the log

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        self.folder = Path(args.work) / "flow" / args.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = build(FlowConfig, json.loads(Path(args.config).read_text()), str(args.config))
        self.dataset = Dataset(args.dataset or Path(args.work) / "dataset")
        self.model = Trainer(self.config, len(VOICES)).to(args.device)
        self.train = Corpus(self.dataset, balanced(self.dataset.split("train")), self.config)
        self.valid = self._held_out()
        parameters = self.model.parameters()
        self.optimiser = torch.optim.AdamW(parameters, lr=args.rate, betas=BETAS, weight_decay=DECAY, fused=True)
        self.run = Run()
        self.average = {name: p.detach().clone() for name, p in self.model.flow.named_parameters()}
        self._resume()

    def _held_out(self) -> list[Utterance]:
        """As many of each voice."""
        voices = range(len(self.dataset.voices))
        own = [[u for u in self.dataset.split("valid") if u.voice == voice] for voice in voices]
        return [u for utterances in own for u in utterances[: VALID_UTTERANCES // len(own)]]

    @property
    def progress(self) -> float:
        if self.args.steps:
            return min(1.0, self.run.step / float(self.args.steps))
        return min(1.0, self.run.trained_s / (60.0 * float(self.args.minutes)))

    def __call__(self) -> None:
        n_parameters = sum(p.numel() for p in self.model.parameters())
        self._log(f"{len(self.train.utterances)} utterances, {n_parameters} parameters")
        now = time.monotonic()
        marks = {"log": now, "save": now, "validate": now}
        sums, count, frames = np.zeros(len(self.figures)), 0, 0
        for batch in self.train.epochs(self.args.tokens, self.args.seed, self.run.step):
            if self.progress >= 1.0:
                break
            started = now
            sums += self._step(batch)
            count, frames, now = count + 1, frames + batch.mel.shape[0] * batch.mel.shape[1], time.monotonic()
            self.run.trained_s += now - started
            if now - marks["log"] > LOG_S:
                means = " ".join(f"{name} {mean:.3f}" for name, mean in zip(self.figures, sums / count, strict=True))
                self._log(f"{means} frames/s {frames / (now - marks['log']):.0f}")
                sums[:], count, frames, marks["log"] = 0, 0, 0, now
            if now - marks["validate"] > VALIDATE_S:
                self._log("VALID " + self.validate())
                marks["validate"] = time.monotonic()
            if now - marks["save"] > SAVE_S:
                self._save()
                marks["save"] = time.monotonic()
        self._save()
        self._log("DONE " + self.validate())

    def rate(self) -> float:
        """Of the full learning rate: warm-up, then half a cosine."""
        fall = 0.5 * (1 + math.cos(math.pi * self.progress))
        return min(1.0, (self.run.step + 1) / WARM_UP_STEPS) * (LAST_RATE + (1 - LAST_RATE) * fall)

    def _step(self, batch: Batch) -> tuple[float, ...]:
        figures = self._gradients(batch, torch.Generator().manual_seed(self.args.seed * 1_000_003 + self.run.step))
        self.optimiser.param_groups[0]["lr"] = self.args.rate * self.rate()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.optimiser.zero_grad()
        parameters = [p.detach() for p in self.model.flow.parameters()]
        decay = min(AVERAGE, self.run.step / (self.run.step + 10))
        torch._foreach_lerp_(list(self.average.values()), parameters, 1 - decay)
        self.run.step += 1
        return figures

    def _gradients(self, batch: Batch, generator: torch.Generator) -> tuple[float, ...]:
        device = self.args.device
        noise = torch.randn(batch.mel.shape, generator=generator).to(device)
        times = (torch.rand(batch.mel.shape[0], generator=generator) ** TIME_POWER).to(device)
        with torch.autocast(device, torch.bfloat16):
            l1, cfm = self.model(batch.to(device), noise, times)
        (l1 + cfm).backward()
        return float(l1.detach()) * self.config.mel_std, float(cfm.detach())

    def served(self, steps: int) -> Flow:
        """The averaged weights as a flow of so many solver steps."""
        flow = Flow(dataclasses.replace(self.config, steps=steps))
        flow.load_state_dict(self.average)
        return flow.eval()

    @torch.inference_mode()
    def validate(self) -> str:
        """Held-out mean |ln mel difference|, streamed as served: of mu, and of the solved mel by number of steps."""
        figures = []
        for steps in VALID_STEPS:
            flow = self.served(steps)
            prompts = [self._prompt(flow, voice) for voice in range(len(self.dataset.voices))]
            errors = [self._error(flow, prompts[u.voice], u) for u in self.valid]
            figures.append(f"{steps} steps {np.mean(errors):.3f}")
        mu = [self._mu_error(self.served(1), u) for u in self.valid]
        return f"mu {np.mean(mu):.3f}, " + ", ".join(figures)

    def _prompt(self, flow: Flow, voice: int) -> FlowPrompt:
        utterance = self.dataset.prompt(self.dataset.voices[voice])
        tokens, mel = self.dataset.tokens(utterance), self.dataset.mel(utterance)
        embedding = self.model.speakers[voice : voice + 1].cpu()
        return flow.prepare_prompt(torch.from_numpy(tokens)[None], torch.from_numpy(mel)[None], embedding)

    def _error(self, flow: Flow, prompt: FlowPrompt, utterance: Utterance) -> float:
        tokens, mel = torch.from_numpy(self.dataset.tokens(utterance))[None], self.dataset.mel(utterance)
        state, position, total = flow.init_state(prompt, seed=1), 0, tokens.shape[1]
        pieces: list[Tensor] = []
        while position < total:
            size = min(VALID_WINDOWS[min(len(pieces), len(VALID_WINDOWS) - 1)], total - position)
            end = min(position + size + flow.lookahead, total)
            piece, state = flow.window(tokens[:, position:end], size, state, final=position + size == total)
            pieces.append(piece)
            position += size
        return float((torch.cat(pieces, 2)[0].t() - torch.from_numpy(mel)).abs().mean())

    def _mu_error(self, flow: Flow, utterance: Utterance) -> float:
        corpus = Corpus(self.dataset, [utterance], self.config)
        batch = corpus.batch(np.zeros(1, np.int64), np.random.default_rng(0))
        mu = flow.spectrogram(flow.masked_mu(batch.tokens, batch.plan)).transpose(1, 2)
        target = batch.weight == 1.0
        return float(((mu - batch.mel).abs() * target).sum() / (target.sum() * mu.shape[2]))

    def export(self) -> None:
        ASSET.parent.mkdir(parents=True, exist_ok=True)
        ASSET.write_bytes(save(stored(self.average)))
        self._log(f"exported {ASSET.stat().st_size / 1e6:.1f} MB")

    def _log(self, text: str) -> None:
        clock = time.strftime("%H:%M:%S", time.gmtime())
        print(f"{clock} step {self.run.step} at {100 * self.progress:.1f} % {text}", flush=True)

    def _state(self) -> dict[str, Any]:
        return {
            "run": dataclasses.asdict(self.run),
            "flow": self.model.flow.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }

    def _save(self) -> None:
        torch.save(self._state(), self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    def _stored(self, path: Path) -> dict[str, Any] | None:
        return torch.load(path, weights_only=True, map_location=self.args.device) if path.exists() else None

    def _resume(self) -> None:
        state = self._stored(self.folder / "checkpoint.pt")
        if state is None:
            return
        self.model.flow.load_state_dict(state["flow"])
        self.average = state["average"]
        if "run" not in state:  # carried over by training.recode
            return
        self.run = Run(**state["run"])
        self.optimiser.load_state_dict(state["optimiser"])


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", default="out/training", help="folder with dataset/; checkpoints go to flow/ in it")
    parser.add_argument("--dataset", default="", help="data set folder, if it is another")
    parser.add_argument("--config", default=CONFIG, help="FlowConfig as JSON")
    parser.add_argument("--name", default="", help="subfolder of the run, for comparisons")
    parser.add_argument("--minutes", type=float, default=35.0, help="training time; the schedule is stretched to it")
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps instead (exactly repeatable)")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="target tokens in a batch")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda; validation is on the CPU")
    parser.add_argument("--export", action="store_true", help="write the averaged weights as the served asset")
    return parser


def main() -> None:
    args = arguments((__doc__ or "").split("\n\n")[0]).parse_args()
    torch.set_num_threads(1)
    training = Training(args)
    training.export() if args.export else training()


if __name__ == "__main__":
    main()
