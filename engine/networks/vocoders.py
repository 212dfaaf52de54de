"""Which vocoder a model has: its configuration tells. All of them keep the same laws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from engine.networks.hift.hift import HiFT, HiFTConfig, HiFTState
from engine.networks.pulse.pulse import PulseConfig, PulseState, PulseVocoder

Vocoder = HiFT | PulseVocoder
VocoderConfig = HiFTConfig | PulseConfig
VocoderState = HiFTState | PulseState


def joined(states: Sequence[VocoderState]) -> VocoderState:
    """A batch of all their rows; all of one vocoder."""
    kind: Any = type(states[0])
    return cast(VocoderState, kind.joined(states))


def vocoder(config: VocoderConfig) -> Vocoder:
    """The network, its weights not yet filled in."""
    return PulseVocoder(config) if isinstance(config, PulseConfig) else HiFT(config)
