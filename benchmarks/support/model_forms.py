"""A loaded model with another form of the flow: cached, windowed or cumulative."""

from __future__ import annotations

import copy
from dataclasses import replace

from engine.model import Model


def with_form(model: Model, form: str) -> Model:
    """The same networks and weights; nothing is loaded again."""
    flow = copy.copy(model.flow)
    flow.config = replace(flow.config, form=form)
    return replace(model, flow=flow, config=replace(model.config, flow=flow.config))
