"""Carries trained networks over to other codes, so that they need not begin anew.

    python -m training.recode --work NEW --old OLD

OLD has T3 and flow that learned the codes of OLD/dataset; NEW/dataset has the same utterances in other codes. A new
code starts as the mean of the old ones that the same tokens had. Writes the first checkpoints of NEW/t3 and NEW/flow.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.dataset import Dataset

T3_TABLES = ("speech_emb.weight", "speech_head.weight")
FLOW_TABLES = ("input_embedding.weight",)
BLUR = 0.05  # of the table's deviation, so that codes that start alike can part


class Pairs:
    """Old and new codes [K] of the same tokens."""

    def __init__(self, old: Dataset, new: Dataset) -> None:
        known = {utterance.id: utterance for utterance in old.utterances}
        both = [(known[u.id], u) for u in new.utterances if u.id in known and known[u.id].n_tokens == u.n_tokens]
        if not both:
            raise ValueError(f"{old.path} and {new.path} have no utterance in common")
        self.old = torch.cat([torch.from_numpy(old.tokens(one)) for one, _ in both])
        self.new = torch.cat([torch.from_numpy(new.tokens(other)) for _, other in both])
        self.old_codes, self.new_codes = len(old.codebook()), len(new.codebook())

    def carried(self, table: Tensor) -> Tensor:
        """[old codes + S, C] -> [new codes + S, C]; the S further rows stay. A code that no token has gets the mean."""
        counts = torch.zeros(self.new_codes, self.old_codes)
        counts.index_put_((self.new, self.old), torch.ones(len(self.new)), accumulate=True)
        total = counts.sum(1, keepdim=True)
        counts = torch.where(total > 0, counts / total.clamp(min=1), counts.sum(0) / counts.sum())
        rows = counts @ table[: self.old_codes]
        rows += BLUR * rows.std() * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
        return torch.cat([rows, table[self.old_codes :]])


def carried_over(weights: dict[str, Tensor], tables: tuple[str, ...], pairs: Pairs) -> dict[str, Tensor]:
    return {name: pairs.carried(weight) if name in tables else weight for name, weight in weights.items()}


def recode(source: Path, target: Path, network: str, tables: tuple[str, ...], pairs: Pairs) -> None:
    """A checkpoint with the averaged weights and nothing else: what trains on begins its run and optimiser anew."""
    state: dict[str, Any] = torch.load(source, weights_only=True, map_location="cpu")
    weights = carried_over(state["average"], tables, pairs)
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save({network: weights, "average": weights}, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    parser.add_argument("--old", type=Path, required=True, help="folder with the other dataset/, t3/ and flow/")
    options = parser.parse_args()
    pairs = Pairs(Dataset(options.old / "dataset"), Dataset(options.work / "dataset"))
    for network, tables in (("t3", T3_TABLES), ("flow", FLOW_TABLES)):
        name = f"{network}/checkpoint.pt"
        recode(options.old / name, options.work / name, network, tables, pairs)


if __name__ == "__main__":
    main()
