"""Plays an utterance on the audio device, and stops it when the listener begins to speak.

async with Player(rate) as player, client.utterance(sample_rate=rate) as utterance:
    ...
    await player.write(chunk.samples, received_ns=chunk.received_ns, prebuffer_hint_s=chunk.prebuffer_hint_s)
    await player.drain()
"""

from .device import device_rate
from .player import Player, Position, barge_in, report_playback
from .start import StartRule, start_rule

__all__ = ["Player", "Position", "StartRule", "barge_in", "device_rate", "report_playback", "start_rule"]
