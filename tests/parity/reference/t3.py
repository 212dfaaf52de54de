"""The reference's T3, run by its own inference loop with the choice of tokens made greedy: logits [steps, V], tokens.

Options: `kind` (base, multilingual, turbo, nano), `sizes` (null: as published), `seed`, `steps`, `guidance`.
Tensors: `speaker` [1, 256], `prompt` [1, P], `emotion` [1, 1, 1], `text` [1, N] as the tokenizer's caller frames it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.parity.reference import stubs
from tests.parity.reference.serve import randomise, serve, weights

stubs.install()

from chatterbox.models.t3 import llama_configs, t3  # noqa: E402
from chatterbox.models.t3.modules import cond_enc, perceiver  # noqa: E402
from chatterbox.models.t3.modules.cond_enc import T3Cond  # noqa: E402
from chatterbox.models.t3.modules.t3_config import T3Config  # noqa: E402

# 0.1.7 has no Nano; it is Turbo on the small GPT-2.
NANO = llama_configs.GPT2_MEDIUM_CONFIG | {"n_embd": 768, "hidden_size": 768, "n_head": 12, "n_layer": 12}
BACKBONES = {
    "base": llama_configs.LLAMA_520M_CONFIG_DICT,
    "multilingual": llama_configs.LLAMA_520M_CONFIG_DICT,
    "turbo": llama_configs.GPT2_MEDIUM_CONFIG,
    "nano": NANO,
}
TEXT_VOCAB = {"base": 704, "multilingual": 2454, "turbo": 50276, "nano": 50276}


def is_turbo(kind: str) -> bool:
    return kind in ("turbo", "nano")


def build(kind: str, sizes: Mapping[str, Any] | None) -> t3.T3:
    """`sizes`: `backbone` overrides the backbone's configuration, `t3` the rest, `prompt` the perceiver's queries."""
    sizes = sizes or {}
    backbone = BACKBONES[kind] | sizes.get("backbone", {})
    llama_configs.LLAMA_CONFIGS["parity"] = backbone
    hp = T3Config(text_tokens_dict_size=TEXT_VOCAB[kind])
    hp.llama_config_name = "parity"
    if is_turbo(kind):
        hp.speech_tokens_dict_size = 6563
        hp.input_pos_emb = None
        hp.speech_cond_prompt_len = 375
        hp.use_perceiver_resampler = False
        hp.emotion_adv = False
    for name, value in sizes.get("t3", {}).items():
        setattr(hp, name, value)
    width, queries = backbone["hidden_size"], sizes.get("queries", 32)
    cond_enc.Perceiver = lambda: perceiver.Perceiver(queries, width, width)
    # The later head has no alignment analyser, and it wins.
    T3Config.is_multilingual = property(lambda self: False)
    return t3.T3(hp).eval()


@torch.no_grad()
def liven(model: t3.T3) -> None:
    """Makes every layer count. As initialised, a layer adds hundredths to what it is given, positions are whispers,
    and a logit is little more than its own token's embedding, so that a wrong text would hardly show."""
    for name, parameter in model.named_parameters():
        if name.endswith(("pos_emb.emb.weight", "wpe.weight")):
            parameter.mul_(0.5 / parameter.std())
        elif name.startswith("tfmr.") and parameter.dim() == 2:
            inputs = parameter.shape[0 if model.is_gpt else 1]  # GPT-2's matrices are (in, out)
            parameter.mul_(inputs**-0.5 / parameter.std())


def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    torch.manual_seed(options["seed"])
    model = build(options["kind"], options["sizes"])
    liven(model)
    randomise(model, options["seed"])
    state = weights(model)  # before the loop, which adds a second name for every tensor
    logits, tokens = generate(model, options, tensors)
    return state | {"logits": logits, "tokens": tokens}


def generate(model: t3.T3, options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Raw logits [steps, R, V] of the head, and the ids that the greedy choice among codes gave [steps]."""
    heard: list[Tensor] = []
    chosen: list[int] = []

    def hear(_module: Any, _args: Any, output: Tensor) -> None:
        heard.append(output[:, -1].clone())

    def choose(probabilities: Tensor, num_samples: int) -> Tensor:
        codes = probabilities[:1, : options["codes"]]  # neither the stop nor ids that the flow does not know
        chosen.append(int(codes.argmax()))
        return torch.tensor([[chosen[-1]]])

    condition = T3Cond(
        speaker_emb=tensors["speaker"],
        cond_prompt_speech_tokens=tensors["prompt"],
        emotion_adv=tensors["emotion"],
    )
    hook = model.speech_head.register_forward_hook(hear)
    with mock.patch.object(torch, "multinomial", choose):
        if is_turbo(options["kind"]):
            model.inference_turbo(condition, tensors["text"], temperature=1.0, max_gen_len=options["steps"] - 1)
        else:
            model.inference(
                t3_cond=condition,
                # Two rows always: without guidance the reference's loop doubles the start all the same.
                text_tokens=tensors["text"].expand(2, -1).contiguous(),
                max_new_tokens=options["steps"],
                temperature=1.0,
                top_p=1.0,
                cfg_weight=options["guidance"],
            )
    hook.remove()
    return torch.stack(heard[: options["steps"]]), torch.tensor(chosen)


if __name__ == "__main__":
    serve(run)
