"""Gapless for pipecat: `GaplessTTSService` in a pipeline. Needs the extra `pipecat`; docs/pipecat.md.

A turn of the language model is one utterance and one audio context. Its tokens are spoken as they come, its words reach
the conversation when they sound, an interruption cancels it.
"""

from .service import GaplessTTSService
from .settings import GaplessTTSSettings

__all__ = ["GaplessTTSService", "GaplessTTSSettings"]
