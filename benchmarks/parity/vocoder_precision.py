"""How much faster is the vocoder in bfloat16, and how far do its samples differ from float32?

Only the residual blocks are computed in bfloat16.

    python -m benchmarks.parity.vocoder_precision --model DIR      (without --model the embedded voice)

The mel is the voice's own prompt, in windows of 50 frames (1 s); the windows of both are timed in turns, on one thread.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import torch
from torch import Tensor

from benchmarks.support.machine import describe
from engine.checkpoints import load
from engine.device.precision import Precision
from engine.networks.hift.hift import HiFT

WINDOW = 50  # frames
SEED = 1


def window_ms(hift: HiFT, mel: Tensor) -> float:
    """Of a window that others have gone before."""
    _, state = hift(mel[..., :WINDOW], hift.init_state(SEED))
    started = time.perf_counter()
    hift(mel[..., WINDOW : 2 * WINDOW], state)
    return 1e3 * (time.perf_counter() - started)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded", help="as the service takes it")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models = [load(arguments.model, precision=Precision(vocoder=name)) for name in ("float32", "bfloat16")]
    voice = models[0].voices[models[0].config.default_voice]
    mel = voice.prompt_feat.float().mT
    mel = mel.repeat(1, 1, math.ceil(2 * WINDOW / mel.shape[-1]))
    whole, half = (model.vocoder(mel, model.vocoder.init_state(SEED), final=True)[0] for model in models)
    times = [[window_ms(model.vocoder, mel) for model in models] for _ in range(arguments.rounds)]
    plain, rounded = (statistics.median(column) for column in zip(*times, strict=True))
    error = float((half - whole).norm() / whole.norm())
    print(f"{models[0].config.name}, windows of {WINDOW} frames, one thread, on {describe()}")
    print(f"float32 {plain:.1f} ms  bfloat16 {rounded:.1f} ms  ratio {rounded / plain:.2f}")
    print(f"rms error {100 * error:.2f} % of the signal ({20 * math.log10(error):.0f} dB)")


if __name__ == "__main__":
    main()
