"""Which text front end a model has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import InvalidConfig
from engine.text.frontend import TextConfig, TextFrontEnd
from engine.text.phonemic import PhonemicText
from engine.text.published import EnglishText, Gpt2Text, MultilingualText
from engine.text.spelled import SpelledText

_FRONT_ENDS: dict[str, Callable[[TextConfig, Path], TextFrontEnd]] = {
    "phonemes": PhonemicText,
    "spelled": SpelledText,
    "english": EnglishText,
    "multilingual": MultilingualText,
    "gpt2": Gpt2Text,
}


def build(config: TextConfig, directory: Path) -> TextFrontEnd:
    """Reads the tokenizer's files in `directory`. Raises ModelError."""
    if config.front_end not in _FRONT_ENDS:
        raise InvalidConfig(f"text.front_end: {config.front_end!r} is none of {', '.join(_FRONT_ENDS)}")
    return _FRONT_ENDS[config.front_end](config, directory)
