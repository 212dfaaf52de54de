"""Voices and models, as the programs that ask for them read the answers."""

from __future__ import annotations

from typing import Any

from gapless.doors.aliases import OPENAI_VOICES, Aliases
from tests.doors.http.conftest import Open, open_door


async def get(door: Open, path: str) -> Any:
    async with door.session.get(door.url + path) as response:
        assert response.status == 200
        return await response.json()


async def test_voices_are_objects_with_id_and_name(door: Open) -> None:
    """Open WebUI reads voice["id"]; given plain names it falls back to six of OpenAI's, in silence."""
    voices = (await get(door, "/v1/audio/voices"))["voices"]
    assert {"id": "anna", "name": "scripted anna"} in voices
    assert {"id": "alloy", "name": "alloy (the default voice)"} in voices
    assert len(voices) == 5 + len(OPENAI_VOICES)


async def test_an_alias_is_not_listed_beside_the_voice_of_its_name() -> None:
    async with open_door({"aliases": Aliases().with_({"karl": "anna", "narrator": "karl"})}) as door:
        voices = (await get(door, "/v1/audio/voices"))["voices"]
        assert [voice["name"] for voice in voices if voice["id"] in ("karl", "narrator")] == [
            "scripted karl",
            "narrator (karl)",
        ]
        async with door.speak(voice="Narrator") as response:
            await response.read()
        assert door.engine.submitted[-1].voice == "karl"


async def test_models(door: Open) -> None:
    assert {"id": "gapless"} in (await get(door, "/v1/audio/models"))["models"]
    listed = await get(door, "/v1/models")
    assert listed["object"] == "list"
    assert {"gapless", "scripted", "tts-1"} <= {model["id"] for model in listed["data"]}


async def test_health(door: Open) -> None:
    assert await get(door, "/health") == {"status": "ok"}
