"""Which vocoder a model has: its configuration tells. All of them have the same state and keep the same laws."""

from __future__ import annotations

from engine.networks.hift.hift import HiFT, HiFTConfig
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder

Vocoder = HiFT | PulseVocoder
VocoderConfig = HiFTConfig | PulseConfig


def vocoder(config: VocoderConfig) -> Vocoder:
    """The network, its weights not yet filled in."""
    return PulseVocoder(config) if isinstance(config, PulseConfig) else HiFT(config)
