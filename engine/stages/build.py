"""The three stages of a model, with what its device captures of their work."""

from __future__ import annotations

from engine.device.device import Device
from engine.model import Model
from engine.networks.hift.hift import HiFT
from engine.networks.linears import packed_weights
from engine.options import EngineOptions
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.jobs import Stages
from engine.stages.flow import FlowStage
from engine.stages.t3 import T3Stage
from engine.stages.utterance_memory import PLACES
from engine.stages.vocoder import VocoderStage
from engine.stages.vocoder_graphs import VocoderGraphs
from engine.stages.watermark import Watermark


def stages(
    model: Model, options: EngineOptions, device: Device, config: SchedulerConfig, mark: Watermark | None
) -> Stages:
    capture = device.capture(packed_weights(model.t3)) if options.graphs else None
    return Stages(
        tokens=T3Stage(model, config.max_utterances, fixed_batch=options.deterministic, capture=capture),
        mel=FlowStage(model),
        sound=VocoderStage(model, mark, graphs=_vocoder_graphs(model, device, config) if options.graphs else None),
    )


def _vocoder_graphs(model: Model, device: Device, config: SchedulerConfig) -> VocoderGraphs | None:
    capture = device.window_capture()
    if capture is None or not isinstance(model.vocoder, HiFT):
        return None
    return VocoderGraphs(
        model.vocoder,
        capture,
        places=PLACES * config.max_utterances,
        batch=config.max_batch,
        largest=max(config.ladder.sizes),
        frames_per_token=model.flow.ratio,
    )
