"""Which vocoder a model has: its configuration tells. All of them have the same state and keep the same laws."""

from __future__ import annotations

from engine.networks.hift.hift import HiFT, HiFTConfig
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from engine.networks.pulse.timbre import Timbre
from engine.networks.vocoder_state import VocoderState

Vocoder = HiFT | PulseVocoder
VocoderConfig = HiFTConfig | PulseConfig


def begun(vocoder: Vocoder, seed: int, timbre: Timbre) -> VocoderState:
    """The state before a segment's first frame."""
    return vocoder.init_state(seed, timbre) if isinstance(vocoder, PulseVocoder) else vocoder.init_state(seed)


def vocoder(config: VocoderConfig) -> Vocoder:
    """The network, its weights not yet filled in."""
    return PulseVocoder(config) if isinstance(config, PulseConfig) else HiFT(config)
