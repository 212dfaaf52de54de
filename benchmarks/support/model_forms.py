"""A loaded model changed: with another form of the flow (cached, windowed or cumulative), or one that never stops."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from engine.model import Model

NEVER = -1e4  # added to the stop token's logit


def with_form(model: Model, form: str) -> Model:
    """The same networks and weights; nothing is loaded again."""
    flow = copy.copy(model.flow)
    flow.config = replace(flow.config, form=form)
    return replace(model, flow=flow, config=replace(model.config, flow=flow.config))


def endless(model: Model, tokens: int) -> Model:
    """The same with segments of `tokens` speech tokens, whatever the text: the stop token is never drawn."""
    head = model.t3.speech_head
    bias = torch.zeros(head.weight.shape[0]) if head.bias is None else head.bias.detach().float().cpu()
    bias[model.t3.config.stop_speech] = NEVER
    head.bias = torch.nn.Parameter(bias.to(head.weight), requires_grad=False)
    text = replace(model.config.text, base_tokens=tokens, tokens_per_text_token=0.0)
    return replace(model, config=replace(model.config, text=text))
