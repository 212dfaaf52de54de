"""The reference as a process that speaks a given list of tokens whenever asked, in one shot, in float32.

    python -m tests.parity.reference.one_shot KIND DIRECTORY

Each line of standard input is a run, {"text": ids, "tokens": ids}, answered by a line {"t3_s", "flow_s", "vocoder_s",
"samples"}. T3 goes through its own loop (Turbo's and Nano's), with the tokens in place of the dice and no processors;
then flow and vocoder, all at once. The watermark is left out. What the package prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.parity.reference.checkpoint import load


def speak(pipeline: Any, text: list[int], tokens: list[int]) -> dict[str, float]:
    drawn = iter([*tokens, pipeline.t3.hp.stop_speech_token])
    vocoded_at = 0.0
    vocode = pipeline.s3gen.hift_inference

    def draw(probabilities: Tensor, num_samples: int) -> Tensor:
        return torch.tensor([[next(drawn)]])

    def time_vocoder(mel: Tensor, cache: Tensor | None) -> Any:
        nonlocal vocoded_at
        vocoded_at = time.perf_counter()
        return vocode(mel, cache)

    started = time.perf_counter()
    with mock.patch.object(torch, "multinomial", draw):
        speech = pipeline.t3.inference_turbo(
            pipeline.conds.t3,
            torch.tensor([text]),
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            repetition_penalty=1.0,
            max_gen_len=len(tokens),
        )
    decoded_at = time.perf_counter()
    with mock.patch.object(pipeline.s3gen, "hift_inference", time_vocoder):
        wav, _ = pipeline.s3gen.inference(speech_tokens=speech, ref_dict=dict(pipeline.conds.gen), n_cfm_timesteps=2)
    ended = time.perf_counter()
    return {
        "t3_s": decoded_at - started,
        "flow_s": vocoded_at - decoded_at,
        "vocoder_s": ended - vocoded_at,
        "samples": wav.shape[1],
    }


def main() -> None:
    kind, directory = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pipeline = load(kind, Path(directory))
    for line in sys.stdin:
        print(json.dumps(speak(pipeline, **json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
