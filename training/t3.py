"""Trains the embedded voice's T3 (text -> speech tokens) by teacher forcing on the rendered data.

Cross entropy on speech tokens, plus guided attention: one head of some layers is held to the teacher's alignment by a
Gaussian over characters, which is what makes T3 learn within an hour on one core, and what word timings are read from.

    python -m training.t3 --work out/training --minutes 95     # resumes from its own checkpoint
    python -m training.t3 --work out/training --export
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.checkpoints.config import build
from engine.networks.t3.llama import Llama, LlamaLayer
from engine.networks.t3.t3 import T3, T3Config
from training.codes import VOICES
from training.dataset import Dataset, balanced
from training.muon import Muon
from training.t3_batches import Batch, Corpus, speaker_vectors
from training.t3_export import export

CONFIG = Path(__file__).parent / "configs" / "t3.json"
ASSETS = Path(__file__).parents[1] / "engine" / "assets" / "embedded"

POSITIONS = 3_300  # of a batch
MUON_RATE, MUON_DECAY = 0.02, 0.02
ADAM_RATE = 2e-3
FLAT = 0.4  # of the run at full rate, then linearly down
WARM_UP_STEPS = 50
GUIDED_LAYERS = (1, 2, 3, 4)
GUIDED_HEAD = 0
GUIDE_WIDTH = 1.2  # symbols, standard deviation
GUIDE_EARLY, GUIDE_LATE, GUIDE_TURN = 1.0, 0.3, 0.3  # weight, then weight, from this share of the run on
EMBEDDING = 0.08  # standard deviation of the token embeddings at the start
GRADIENT_NORM = 1.0
MASKED = -1e4  # a score that no softmax sees
AVERAGE = 0.998  # decay of the weights' running mean
LOG_S, SAVE_S, VALIDATE_S = 20.0, 150.0, 300.0
VALIDATION_ROWS = 240


def _layer(layer: LlamaLayer, x: Tensor, rotation: Tensor, future: Tensor) -> tuple[Tensor, Tensor]:
    """One decoder layer over whole rows, and the guided head's scaled scores [B, T, T].

    Attention is written out: fused by the compiler it trains three times as fast as the library's on a CPU."""
    q, (k, v) = layer.qkv(x, rotation)
    scores = (q * q.shape[-1] ** -0.5) @ k.mT
    weights = (scores + future).softmax(-1)
    return layer.finish(x, weights.to(v.dtype) @ v), scores[:, GUIDED_HEAD]


def _guide(scores: Tensor, future: Tensor, focus: Tensor, text_end: Tensor) -> Tensor:
    """Mean over speech positions of -ln(attention near the spoken character)."""
    scores = scores.float()  # [B, T, T]
    at = torch.arange(scores.shape[2], device=scores.device)
    total = (scores + future).logsumexp(-1)
    distance = (at - focus[:, :, None]).float()
    near = scores - 0.5 * (distance / GUIDE_WIDTH).square()
    near = near.masked_fill((at == 0) | (at >= text_end[:, None])[:, None], MASKED).logsumexp(-1)
    spoken = focus > 0
    return ((total - near) * spoken).sum() / spoken.sum()


def _cross_entropy(hidden: Tensor, head: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and number of right guesses over [n, C]."""
    logits = F.linear(hidden, head).float()
    return F.cross_entropy(logits, target), (logits.detach().argmax(-1) == target).sum()


class Trainer(nn.Module):
    """The network with its losses; `T3` itself stays as it is served."""

    def __init__(self, config: T3Config, n_voices: int, compiled: bool) -> None:
        super().__init__()
        self.t3 = T3(config)
        self.register_buffer("speakers", speaker_vectors(n_voices, config.speaker_width), persistent=False)
        self.speakers: Tensor
        wrap: Any = (lambda f: torch.compile(f, dynamic=True)) if compiled else (lambda f: f)
        self.layer, self.guide, self.cross_entropy = wrap(_layer), wrap(_guide), wrap(_cross_entropy)

    def initialise(self, codebook: Tensor) -> None:
        """Matrices that write into the stream start at zero; codes that sound alike start alike."""
        for name, parameter in self.t3.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)
            elif "_pos_" in name or name.endswith("speech_head.weight"):
                nn.init.normal_(parameter, std=0.02)
            elif "_emb" in name:
                nn.init.normal_(parameter, std=EMBEDDING)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        sound = (codebook - codebook.mean(0)) / codebook.std()
        with torch.no_grad():
            for weight, scale in ((self.t3.speech_emb.weight, EMBEDDING), (self.t3.speech_head.weight, 0.02)):
                projection = torch.randn(sound.shape[1], weight.shape[1]) * sound.shape[1] ** -0.5
                weight[: len(sound)].mul_(0.3).add_(sound @ projection, alpha=scale)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Cross entropy, guided attention loss, share of right guesses."""
        t3 = self.t3
        assert t3.text_pos_emb is not None
        assert t3.speech_pos_emb is not None
        embedding = torch.cat([t3.text_emb.weight, t3.speech_emb.weight])
        position = torch.cat([t3.text_pos_emb.emb.weight, t3.speech_pos_emb.emb.weight])
        stream = F.embedding(batch.ids, embedding) + F.embedding(batch.places, position)
        x = torch.cat([t3.cond_enc.spkr_enc(self.speakers[batch.voice]).float()[:, None], stream], 1)
        assert isinstance(t3.tfmr, Llama)
        rotation = t3.tfmr.rotary[:, : x.shape[1]]
        future = x.new_full((x.shape[1], x.shape[1]), MASKED).triu(1)  # added to scores
        guide = x.new_zeros(())
        for index, layer in enumerate(t3.tfmr.blocks()):
            x, scores = self.layer(layer, x, rotation, future)
            if index in GUIDED_LAYERS:
                guide = guide + self.guide(scores, future, batch.focus, batch.text_end)
        spoken = batch.target >= 0
        target = batch.target[spoken]
        loss, right = self.cross_entropy(t3.tfmr.norm(x[spoken]), t3.speech_head.weight, target)
        return loss, guide / len(GUIDED_LAYERS), right / target.shape[0]


def optimisers(model: Trainer) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if "tfmr.layers." in name and p.dim() == 2]
    taken = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in taken]
    adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [Muon(matrices, lr=MUON_RATE, weight_decay=MUON_DECAY), adam]


def rate(progress: float, step: int) -> float:
    """Of the full learning rate."""
    return min(1.0, (step + 1) / WARM_UP_STEPS, max(0.0, 1 - progress) / (1 - FLAT))


@dataclasses.dataclass
class Run:
    """Where a training run stands; everything a checkpoint holds beside weights and optimisers."""

    step: int = 0
    epoch: int = 0
    in_epoch: int = 0
    trained_s: float = 0.0
    positions: int = 0


class Training:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        self.folder = Path(args.work) / "t3" / args.name
        self.folder.mkdir(parents=True, exist_ok=True)
        config = build(T3Config, json.loads(Path(args.config).read_text()), str(args.config))
        dataset = Dataset(Path(args.work) / "dataset")
        self.model = Trainer(config, len(VOICES), args.compile)
        self.model.initialise(torch.from_numpy(dataset.codebook()))
        self.model.to(args.device)
        self.train = Corpus(dataset, balanced(dataset.split("train")), config)
        for name in args.also:
            more = Dataset(Path(args.work) / name)
            self.train.add(more, more.split("train"))
        self.valid = Corpus(dataset, dataset.split("valid"), config)
        self.optimisers = optimisers(self.model)
        self.run = Run()
        self.average = {name: p.detach().clone() for name, p in self.model.t3.named_parameters()}
        self._resume()

    @property
    def progress(self) -> float:
        if self.args.steps:
            return min(1.0, self.run.step / int(self.args.steps))
        return min(1.0, self.run.trained_s / (60.0 * float(self.args.minutes)))

    def __call__(self) -> None:
        self._log(f"{len(self.train)} + {len(self.valid)} utterances, {self.train.length.sum()} positions")
        marks = {"log": time.monotonic(), "save": time.monotonic(), "validate": time.monotonic()}
        mean = np.zeros(3)
        n_mean, tick, positions = 0, time.monotonic(), 0
        while self.progress < 1.0:
            generator = np.random.default_rng([self.args.seed, self.run.epoch])
            for index, batch in enumerate(self.train.epoch(self.args.positions, generator)):
                if index < self.run.in_epoch:
                    continue  # already trained before a resume; drawn again so that the noise goes on the same
                mean += self._step(batch)
                n_mean, positions = n_mean + 1, positions + batch.ids.numel()
                now = time.monotonic()
                self.run.trained_s += now - tick
                tick = now
                if now - marks["log"] > LOG_S:
                    ce, guide, right = mean / n_mean
                    per_s = positions / (now - marks["log"])
                    self._log(f"ce {ce:.3f} guide {guide:.3f} acc {right:.3f} positions/s {per_s:.0f}")
                    marks["log"], n_mean, positions = now, 0, 0
                    mean[:] = 0
                if now - marks["validate"] > VALIDATE_S:
                    self._log("VALID " + self._validate())
                    marks["validate"] = time.monotonic()
                if now - marks["save"] > SAVE_S:
                    self._save()
                    marks["save"] = time.monotonic()
                if self.progress >= 1.0:
                    break
            else:
                self.run.epoch, self.run.in_epoch = self.run.epoch + 1, 0
        self._save()
        self._log("DONE " + self._validate())

    def _step(self, batch: Batch) -> tuple[float, float, float]:
        scale = rate(self.progress, self.run.step)
        for optimiser, full in zip(self.optimisers, (MUON_RATE, ADAM_RATE), strict=True):
            optimiser.param_groups[0]["lr"] = full * scale
        with torch.autocast(self.args.device, torch.bfloat16):
            loss, guide, right = self.model(batch.to(self.args.device))
        weight = GUIDE_EARLY if self.progress < GUIDE_TURN else GUIDE_LATE
        (loss + weight * guide).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        parameters = [p.detach() for p in self.model.t3.parameters()]
        keep = min(AVERAGE, self.run.step / (self.run.step + 10))
        torch._foreach_lerp_(list(self.average.values()), parameters, 1 - keep)
        self.run.step += 1
        self.run.in_epoch += 1
        return float(loss.detach()), float(guide.detach()), float(right)

    @torch.no_grad()
    def _validate(self) -> str:
        """Cross entropy, guided loss and accuracy on the same held-out rows, with current and averaged weights."""
        rows = np.random.default_rng(0).permutation(len(self.valid))[:VALIDATION_ROWS]
        batches = [batch.to(self.args.device) for batch in self.valid.undisturbed(rows, self.args.positions)]
        lines = []
        for label, weights in (("now", None), ("mean", self.average)):
            kept = {name: p.detach().clone() for name, p in self.model.t3.named_parameters()}
            if weights is not None:
                self.model.t3.load_state_dict(weights)
            with torch.autocast(self.args.device, torch.bfloat16):
                figures = np.mean([[float(x) for x in self.model(batch)] for batch in batches], axis=0)
            self.model.t3.load_state_dict(kept)
            lines.append(f"{label}: ce {figures[0]:.3f} guide {figures[1]:.3f} acc {figures[2]:.3f}")
        return "; ".join(lines)

    def _log(self, text: str) -> None:
        clock = time.strftime("%H:%M:%S", time.gmtime())
        print(f"{clock} step {self.run.step} epoch {self.run.epoch} at {100 * self.progress:.1f} % {text}", flush=True)

    def _save(self) -> None:
        state = {
            "run": dataclasses.asdict(self.run),
            "t3": self.model.t3.state_dict(),
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location=self.args.device)
        self.model.t3.load_state_dict(state["t3"])
        self.average = state["average"]
        if "run" not in state:  # carried over by training.recode
            return
        self.run = Run(**state["run"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", default="out/training", help="folder with dataset/; checkpoints go to t3/ in it")
    parser.add_argument("--config", default=CONFIG, help="T3Config as JSON")
    parser.add_argument("--also", nargs="*", default=[], help="further data sets to learn from")
    parser.add_argument("--name", default="", help="subfolder of the run, for comparisons")
    parser.add_argument("--minutes", type=float, default=95.0, help="training time; the schedule is stretched to it")
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps instead (exactly repeatable)")
    parser.add_argument("--positions", type=int, default=POSITIONS, help="positions in a batch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="fuse by torch.compile")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--export", action="store_true", help="write the averaged weights as the served asset")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.export:
        checkpoint = Path(args.work) / "t3" / args.name / "checkpoint.pt"
        heads = [(layer, GUIDED_HEAD) for layer in GUIDED_LAYERS]
        print(export(checkpoint, Path(args.config), ASSETS, Dataset(Path(args.work) / "dataset"), heads))
        return
    Training(args)()


if __name__ == "__main__":
    main()
