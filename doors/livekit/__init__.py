"""Gapless for LiveKit Agents: `TTS`, `HeardTranscript`. Needs the extra `livekit`; docs/livekit.md.

A segment is one utterance. Its tokens are spoken as they come, its transcript is timed word by word, an interruption
cancels it, and errors are those that LiveKit's retries and fallbacks know.
"""

from livekit.agents import Plugin

from .transcript import HeardTranscript
from .tts import TTS, ChunkedStream, SynthesizeStream

__all__ = ["TTS", "ChunkedStream", "HeardTranscript", "SynthesizeStream"]

Plugin.register_plugin(Plugin("gapless.doors.livekit", "0.1.0", "gapless"))
