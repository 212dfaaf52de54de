"""The reference's sampling: its own inference loop over a T3 whose head says what it is told, and whose dice are given.

Options: `turbo`, `sampling` (what its pipelines pass to the loop), `guidance`.
Tensors: `logits` [steps, R, V] that the head says (R 2 with guidance), `gumbel` [steps, V] of each choice.
Outputs: `tokens` [steps]; the defaults of the three pipelines, one tensor each (<pipeline>.<parameter>).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from tests.parity.reference import stubs
from tests.parity.reference.serve import serve

stubs.install()

from chatterbox.models.t3.modules.cond_enc import T3Cond  # noqa: E402
from chatterbox.mtl_tts import ChatterboxMultilingualTTS  # noqa: E402
from chatterbox.tts import ChatterboxTTS  # noqa: E402
from chatterbox.tts_turbo import ChatterboxTurboTTS  # noqa: E402

from tests.parity.reference.t3 import build  # noqa: E402

PIPELINES = {"base": ChatterboxTTS, "multilingual": ChatterboxMultilingualTTS, "turbo": ChatterboxTurboTTS}
WIDTH = 16


class _ScriptedHead(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.weight = torch.zeros(1)  # where its device is looked up
        self._left = list(logits)

    def forward(self, hidden: Tensor) -> Tensor:
        said = self._left.pop(0)[:, None]
        row: Tensor = said.expand(hidden.shape[0], hidden.shape[1], -1)
        return row


def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    logits, dice = tensors["logits"], list(tensors["gumbel"])
    steps = len(logits)
    model = build("turbo" if options["turbo"] else "base", _sizes(options["turbo"]))
    # The loop embeds one token more than it draws.
    model.speech_head = _ScriptedHead(torch.cat((logits, logits[-1:])))

    def choose(probabilities: Tensor, num_samples: int) -> Tensor:
        """The Gumbel-max trick: the same draw as the softmax's."""
        token: Tensor = (probabilities.log() + dice.pop(0)).argmax(-1, keepdim=True)
        return token

    speaker = torch.zeros(1, 256)
    condition = T3Cond(speaker_emb=speaker, emotion_adv=torch.zeros(1, 1, 1))
    sampling = options["sampling"]
    with mock.patch.object(torch, "multinomial", choose):
        if options["turbo"]:
            tokens = model.inference_turbo(
                condition, torch.ones(1, 3, dtype=torch.int64), max_gen_len=steps - 1, **sampling
            )
        else:
            text = torch.tensor([[255, 7, 0]]).expand(2, -1).contiguous()
            tokens = model.inference(
                t3_cond=condition, text_tokens=text, max_new_tokens=steps, cfg_weight=options["guidance"], **sampling
            )
    return {"tokens": tokens[0]} | defaults()


def _sizes(turbo: bool) -> dict[str, Any]:
    llama = {"intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    gpt2 = {"n_embd": WIDTH, "n_layer": 1, "n_head": 1, "n_positions": 1000}
    return {"backbone": {"hidden_size": WIDTH, "head_dim": WIDTH, **(gpt2 if turbo else llama)}, "queries": 1}


def defaults() -> dict[str, Tensor]:
    """Numbers that the pipelines' `generate` takes unless told otherwise."""
    found = {}
    for name, pipeline in PIPELINES.items():
        for parameter in inspect.signature(pipeline.generate).parameters.values():
            if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool):
                found[f"{name}.{parameter.name}"] = torch.tensor(float(parameter.default))
    return found


if __name__ == "__main__":
    serve(run)
