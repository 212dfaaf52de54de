"""Voices by the names of other services: programs written for those ask for them whether we have them or not.

An alias means the default voice, "", unless somebody says which voice it means. Names that are neither a voice nor an
alias are passed on as they are, and the service refuses them with the list of its voices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OPENAI_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
NVIDIA_MODELS = ("magpie-multilingual", "magpie-zeroshot", "magpie-flow", "chatterbox-multilingual", "english-us")
"""NVIDIA's voices are called MODEL.LANGUAGE.NAME; these are the models whose voices its clients ask for."""


@dataclass(frozen=True)
class Aliases:
    """Names in lower case -> our voices, "" for the default one."""

    voices: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(OPENAI_VOICES, ""))

    def with_(self, chosen: Mapping[str, str]) -> Aliases:
        return Aliases({**self.voices, **{name.lower(): voice for name, voice in chosen.items()}})

    def voice(self, name: str) -> str:
        return self.voices.get(name.lower(), name)


def voice_of_path(name: str, voices: Iterable[str]) -> str:
    """The voice that a name with dots means, as NVIDIA's clients send it: its last part, whatever its case, or "" for a
    voice of NVIDIA's own models. Any other name is given back."""
    known = {voice.lower(): voice for voice in voices}
    model, _, _ = name.lower().partition(".")
    for candidate in (name.lower(), name.lower().rpartition(".")[2]):
        if candidate in known:
            return known[candidate]
    return "" if model in NVIDIA_MODELS else name
