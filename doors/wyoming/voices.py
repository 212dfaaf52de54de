"""What there is, as Home Assistant asks for it: one program with its voices, and that it streams."""

from __future__ import annotations

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from gapless.client import Client, ServerInfo, Voice

_OURS = Attribution(name="Gapless", url="")
_LANGUAGE = "en"  # of a model that knows no languages; Home Assistant shows no voice without one


async def describe(client: Client) -> Info:
    """Raises ClientError."""
    server = await client.info()
    voices = [_voice(voice, server) for voice in sorted(await client.voices(), key=lambda voice: not voice.is_default)]
    program = TtsProgram(
        name="gapless",
        description=f"Gapless: {server.model}",
        attribution=_OURS,
        installed=True,
        version=server.version,
        voices=voices,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])


def _voice(voice: Voice, server: ServerInfo) -> TtsVoice:
    return TtsVoice(
        name=voice.name,
        description=voice.description or voice.name,
        attribution=_OURS,
        installed=True,
        version=server.version,
        languages=list(voice.language_codes or server.languages or (_LANGUAGE,)),
    )
