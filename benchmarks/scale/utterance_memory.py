"""How much memory may one utterance hold, by model?

The answer is computed from the shapes of the networks in float32; nothing is downloaded.

python -m benchmarks.scale.utterance_memory
"""

from __future__ import annotations

from dataclasses import replace

import torch

from engine import checkpoints
from engine.checkpoints.variants import VARIANTS
from engine.engine import LEDGER_WINDOWS
from engine.model import Model, ModelConfig
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT
from engine.networks.t3.t3 import T3
from engine.options import EngineOptions
from engine.scheduling.windows import largest_peek
from engine.stages.utterance_memory import UtteranceMemory, of_utterance

PUBLISHED = ("nano", "turbo", "base", "multilingual")


def without_data(embedded: Model, config: ModelConfig) -> Model:
    """A model of these sizes whose networks have shapes and no weights."""
    meta = torch.device("meta")
    with meta:
        t3, flow, hift = T3(config.t3), Flow(config.flow), HiFT(config.hift)
    return replace(embedded, config=config, t3=t3, flow=flow, vocoder=hift, device=meta)


def of(model: Model) -> UtteranceMemory:
    return of_utterance(
        model,
        ledger_tokens=LEDGER_WINDOWS * largest_peek(model.config.ladder, model.flow.lookahead),
        channel_samples=round(EngineOptions().channel_s * model.config.sample_rate),
        proposals=False,
    )


def main() -> None:
    embedded = checkpoints.load()
    print("| MiB | T3's cache | flow | vocoder | buffers | one utterance |\n|---|---:|---:|---:|---:|---:|")
    for name in ("embedded", *PUBLISHED):
        one = of(embedded if name == "embedded" else without_data(embedded, VARIANTS[name].config))
        cells = [one.t3, one.flow, one.vocoder, one.waiting, one.total]
        print(f"| {name} | " + " | ".join(f"{cell / 2**20:.2f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()
