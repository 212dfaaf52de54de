"""The three stages of a model, with what its device captures of their work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.device.device import Device
from engine.model import Model, Voice
from engine.networks.hift.hift import HiFT
from engine.networks.linears import packed_weights
from engine.options import EngineOptions
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.jobs import Stages
from engine.stages import flow_prompts
from engine.stages.flow import FlowStage, closing
from engine.stages.flow_graphs import FlowGraphs
from engine.stages.flow_prompts import FlowPrompts
from engine.stages.t3 import T3Stage
from engine.stages.utterance_memory import PLACES
from engine.stages.vocoder import VocoderStage
from engine.stages.vocoder_graphs import VocoderGraphs
from engine.stages.watermark import Watermark
from engine.voices.conditionals import Conditionals


@dataclass(frozen=True)
class Built:
    stages: Stages
    prepare: Callable[[Conditionals], Voice]  # for these stages


def build(
    model: Model,
    options: EngineOptions,
    device: Device,
    config: SchedulerConfig,
    *,
    voice_bytes: int,
    mark: Watermark | None,
) -> Built:
    """`voice_bytes`: what all prepared voices may take."""
    capture = device.capture(packed_weights(model.t3)) if options.graphs else None
    utterances, batch, largest = config.max_utterances, config.max_batch, max(config.ladder.sizes)
    mel_graphs, sound_graphs = None, None
    if options.graphs:
        mel_graphs = flow_graphs(
            model,
            device,
            places=(PLACES + options.speculate) * utterances,  # a proposal is kept until the next window was run
            batch=batch,
            largest=largest,
            voice_bytes=voice_bytes,
        )
        sound_graphs = vocoder_graphs(model, device, utterances=utterances, batch=batch, largest=largest)
    mel = FlowStage(model, mel_graphs)
    stages = Stages(
        tokens=T3Stage(model, utterances, fixed_batch=options.deterministic, capture=capture),
        mel=mel,
        sound=VocoderStage(model, mark, graphs=sound_graphs),
    )
    return Built(stages, lambda voice: mel.settle(model.prepare(voice)))


def flow_graphs(
    model: Model, device: Device, *, places: int, batch: int, largest: int, voice_bytes: int
) -> FlowGraphs | None:
    """Graphs of the flow's windows of `largest` tokens, where the device has any and the flow's form allows them."""
    capture = device.window_capture()
    if capture is None or model.flow.config.form != "windowed":
        return None
    voices = max(1, voice_bytes // flow_prompts.voice_bytes(model.flow))
    return FlowGraphs(
        model.flow,
        capture,
        FlowPrompts(model.flow, model.device, voices=voices),
        places=places,
        batch=batch,
        most=largest + model.flow.lookahead + len(closing(model)),
    )


def vocoder_graphs(model: Model, device: Device, *, utterances: int, batch: int, largest: int) -> VocoderGraphs | None:
    """Graphs of the vocoder's windows, where the device has any and the vocoder's state keeps its shape."""
    capture = device.window_capture()
    if capture is None or not isinstance(model.vocoder, HiFT):
        return None
    return VocoderGraphs(
        model.vocoder,
        capture,
        places=PLACES * utterances,
        batch=batch,
        largest=largest,
        frames_per_token=model.flow.ratio,
    )
