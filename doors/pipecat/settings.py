"""What can be changed while a pipeline runs: it holds for the turns that begin after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipecat.services.settings import NOT_GIVEN, TTSSettings, is_given

from gapless.client import Options, Sampling

if TYPE_CHECKING:
    from pipecat.services.settings import NotGiven


@dataclass
class GaplessTTSSettings(TTSSettings):
    """Settings of GaplessTTSService. None is the server's default.

    Parameters:
        seed: The same seed, text and settings give the same audio.
        sampling: How speech tokens are drawn: `temperature`, `exaggeration`, `cfg_weight` and others.
        speaking_rate: Relative to the model's own, of servers that can.
        pronunciations: Word -> respelling, or phonemes between slashes.
        text_format: "auto", "plain", "markdown" or "ssml".
        code_blocks: "announce", "skip" or "speak".
        max_text_delay: Seconds to wait for the end of a sentence.
    """

    seed: int | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    sampling: Sampling | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    speaking_rate: float | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    pronunciations: Mapping[str, str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    text_format: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    code_blocks: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    max_text_delay: float | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)

    @classmethod
    def complete(cls, given: TTSSettings | None) -> GaplessTTSSettings:
        """All fields, those of `given` where it has them."""
        settings = cls(model="gapless", **dict.fromkeys(_OPTIONS))
        if given is not None:
            settings.apply_update(given)
        return settings

    def options(self, sample_rate: int) -> Options:
        """Of an utterance."""
        options: Options = {"sample_rate": sample_rate}
        for name in _OPTIONS:
            value = getattr(self, name)
            if is_given(value) and value is not None:
                options[name] = value  # type: ignore[literal-required]
        return options


_OPTIONS = (
    "voice",
    "language",
    "seed",
    "sampling",
    "speaking_rate",
    "pronunciations",
    "text_format",
    "code_blocks",
    "max_text_delay",
)
