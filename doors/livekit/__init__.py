"""Gapless for LiveKit Agents: `TTS`. Needs the extra `livekit`; docs/livekit.md.

A segment is one utterance. Its tokens are spoken as they come, its transcript is timed word by word, an interruption
cancels it, and errors are those that LiveKit's retries and fallbacks know.
"""

from livekit.agents import Plugin

from .tts import TTS, ChunkedStream, SynthesizeStream

__all__ = ["TTS", "ChunkedStream", "SynthesizeStream"]

Plugin.register_plugin(Plugin("gapless.doors.livekit", "0.1.0", "gapless"))
