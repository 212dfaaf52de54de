"""Names of other services' voices."""

from __future__ import annotations

import pytest

from gapless.doors.aliases import OPENAI_VOICES, Aliases, voice_of_path

VOICES = ["anna", "karl", "Karl-Heinz", "a.b"]


def test_openai_voices_mean_the_default_voice() -> None:
    assert {Aliases().voice(name) for name in OPENAI_VOICES} == {""}
    assert Aliases().voice("Alloy") == ""
    assert Aliases().voice("karl") == "karl"


def test_a_name_can_be_given_a_voice() -> None:
    chosen = Aliases().with_({"Alloy": "karl", "narrator": "anna"})
    assert (chosen.voice("alloy"), chosen.voice("NARRATOR"), chosen.voice("nova")) == ("karl", "anna", "")


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("karl", "karl"),
        ("KARL", "karl"),
        ("Gapless.karl", "karl"),
        ("Gapless.EN-US.Karl", "karl"),
        ("karl-heinz", "Karl-Heinz"),
        ("a.b", "a.b"),
        ("", ""),
        ("Magpie-Multilingual.EN-US.Aria", ""),
        ("Magpie-Multilingual.EN-US.Karl", "karl"),
        ("Chatterbox-Multilingual.en-US.Male", ""),
        ("English-US.Female-1", ""),
        ("Gapless.bob", "Gapless.bob"),
        ("bob", "bob"),
        (".", "."),
        ("karl.", "karl."),
    ],
)
def test_paths(name: str, voice: str) -> None:
    assert voice_of_path(name, VOICES) == voice
