"""PerTh as the reference uses it: marks a recording at 24 kHz, and says how sure it is that others are marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tests.parity.reference import stubs
from tests.parity.reference.serve import serve

stubs.install()
from perth.perth_net.perth_net_implicit.perth_watermarker import PerthImplicitWatermarker  # noqa: E402


@torch.no_grad()
def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """marked: `samples` with the mark; <name>: the detector's answer for each, before it is rounded."""
    perth, rate = PerthImplicitWatermarker(), options["sample_rate"]
    marked = torch.from_numpy(perth.apply_watermark(tensors["samples"].numpy(), sample_rate=rate))
    heard = {**tensors, "by the reference": marked}
    sure = {
        name: torch.from_numpy(perth.get_watermark(samples.numpy(), sample_rate=rate, round=False))
        for name, samples in heard.items()
    }
    return {"marked": marked, **{f"sure of {name}": answer.reshape(1) for name, answer in sure.items()}}


if __name__ == "__main__":
    serve(run)
