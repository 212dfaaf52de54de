"""A TTS of LiveKit that is watched: what the programs for LiveKit share."""

from gapless.doors.livekit import TTS


class Watched:
    """A TTS, and what it emitted."""

    def __init__(self, address, **options):
        self.tts = TTS(address=address, **options)
        self.metrics, self.errors = [], []
        self.tts.on("metrics_collected", self.metrics.append)
        self.tts.on("error", self.errors.append)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.tts.aclose()
