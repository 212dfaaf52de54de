"""What there is, as Home Assistant asks for it: one program with its voices, and that it streams.

Home Assistant shows the voices of the language that a person chose, and then names the voice only. So where a model
speaks several languages, a voice is there once for each of its own: `anna` in the model's default one, `anna@de`.
"""

from __future__ import annotations

from collections.abc import Iterator

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from gapless.client import Client, ServerInfo, Voice

_OURS = Attribution(name="Gapless", url="")
_IN = "@"  # which no name of a voice has
_LANGUAGE = "en"  # of a model that knows no languages; Home Assistant shows no voice without one


async def describe(client: Client) -> Info:
    """Raises ClientError."""
    server = await client.info()
    known = sorted(await client.voices(), key=lambda voice: not voice.is_default)
    voices = [one for voice in known for one in _of_every_language(voice, server)]
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


def chosen(name: str) -> tuple[str, str | None]:
    """Voice, and language if the name says one."""
    voice, _, language = name.partition(_IN)
    return voice, language or None


def _of_every_language(voice: Voice, server: ServerInfo) -> Iterator[TtsVoice]:
    languages = list(voice.language_codes or server.languages or (_LANGUAGE,))
    if len(server.languages) < 2:
        yield _voice(voice.name, voice, server, languages)
        return
    for language in languages:
        is_default = language == server.languages[0]
        yield _voice(voice.name if is_default else f"{voice.name}{_IN}{language}", voice, server, [language])


def _voice(name: str, voice: Voice, server: ServerInfo, languages: list[str]) -> TtsVoice:
    return TtsVoice(
        name=name,
        description=voice.description or voice.name,
        attribution=_OURS,
        installed=True,
        version=server.version,
        languages=languages,
    )
