"""What the multilingual tokenizer wants done to a text in its language, before it becomes tokens: str -> str.

Input is lower case and decomposed (NFKD), which already turns Korean syllables into Jamo. Chinese and Japanese need a
package each; Hebrew vowel points and Russian stress marks are added where their packages are installed, as the
reference does. All are loaded at the first use of their language, and nothing is ever downloaded.

Source: the reference's tokenizer. Quirks that the weights depend on are marked.
"""

from __future__ import annotations

import json
import logging
import os
import unicodedata
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from engine.errors import ModelError, Unsupported

CANGJIE = "Cangjie5_TC.json"
_PKUSEG_MODEL = "spacy_ontonotes"  # the one that pkuseg() takes by default
_DICTA_MODEL = "dicta-1.0.int8.onnx"
_NEEDED = {"zh": "spacy_pkuseg", "ja": "pykakasi"}
_WELCOME = {"he": "dicta_onnx", "ru": "russian_text_stresser"}

Step = Callable[[str], str]

_log = logging.getLogger(__name__)


class LanguageSteps:
    """The steps of all languages; each is loaded once unless it is given, and runs in one thread at a time."""

    def __init__(self, directory: Path, steps: Mapping[str, Step] | None = None) -> None:
        self._directory = directory
        self._lock = Lock()
        self._steps: dict[str, Step] = {"ko": str.strip, **(steps or {})}

    def check(self, language: str) -> None:
        """Raises Unsupported when a package or a file is missing that `language` cannot do without. Loads nothing."""
        if language in self._steps:
            return
        package = _NEEDED.get(language)
        if package is not None and find_spec(package) is None:
            raise Unsupported(f"language {language!r} needs a package: pip install 'gapless[{language}]'")
        if language == "zh":
            if not (self._directory / CANGJIE).is_file():
                raise Unsupported(f"language 'zh' needs {CANGJIE}, which is not among the model's files")
            _pkuseg_model(self._directory)

    def __call__(self, language: str, text: str) -> str:
        if language not in self._steps and language not in _NEEDED and language not in _WELCOME:
            return text
        with self._lock:
            if language not in self._steps:
                self.check(language)
                self._steps[language] = self._load(language)
            return self._steps[language](text)

    def _load(self, language: str) -> Step:
        if language == "zh":
            segmenter = import_module("spacy_pkuseg").pkuseg(str(_pkuseg_model(self._directory)))
            return Cangjie(self._directory / CANGJIE, segmenter.cut)
        if language == "ja":
            return Hiragana(import_module("pykakasi").kakasi().convert)
        return self._marks(language) or _unchanged

    def _marks(self, language: str) -> Step | None:
        """Vowel points or stress marks, where there is what they need."""
        installed = find_spec(_WELCOME[language]) is not None
        if language == "ru" and installed:
            return import_module("russian_text_stresser.text_stresser").RussianTextStresser().stress_text  # type: ignore[no-any-return]
        if language == "he" and installed and (self._directory / _DICTA_MODEL).is_file():
            return import_module("dicta_onnx").Dicta(str(self._directory / _DICTA_MODEL)).add_diacritics  # type: ignore[no-any-return]
        _log.info("%s is spoken without the marks that %s would add", language, _WELCOME[language])
        return None


class Cangjie:
    """Chinese words -> the keys on which each glyph is typed: '明' -> '[cj_a][cj_b][cj_.]'."""

    def __init__(self, table: Path, cut: Callable[[str], list[str]]) -> None:
        self._cut = cut
        self._keys = _cangjie_keys(table)

    def __call__(self, text: str) -> str:
        return "".join(self._typed(glyph) for glyph in " ".join(self._cut(text)))

    def _typed(self, glyph: str) -> str:
        keys = self._keys.get(glyph) if unicodedata.category(glyph) == "Lo" else None
        return glyph if keys is None else "".join(f"[cj_{key}]" for key in (*keys, "."))


class Hiragana:
    """Japanese -> phrases with Chinese characters in hiragana, all others as written."""

    def __init__(self, convert: Callable[[str], list[dict[str, str]]]) -> None:
        self._convert = convert

    def __call__(self, text: str) -> str:
        return unicodedata.normalize("NFKD", "".join(map(self._read, self._convert(text))))

    @staticmethod
    def _read(phrase: dict[str, str]) -> str:
        if not any("一" <= char <= "\u9fff" for char in phrase["orig"]):
            return phrase["orig"]
        # Quirk: a reading that begins like the particles は and へ is set apart from what precedes it.
        return " " + phrase["hira"] if phrase["hira"].startswith(("は", "へ")) else phrase["hira"]


def _cangjie_keys(table: Path) -> dict[str, str]:
    """Glyph -> keys; a glyph that shares its keys with earlier ones has its place among them appended."""
    try:
        entries: list[Any] = json.loads(table.read_text(encoding="utf-8"))
        pairs = [tuple(entry.split("\t")[:2]) for entry in entries]
        keys_of = {glyph: keys for glyph, keys in pairs}
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{table} is no list of 'glyph<tab>keys': {error}") from error
    sharing: dict[str, list[str]] = {}
    for glyph, keys in pairs:
        sharing.setdefault(keys, []).append(glyph)
    # Quirk: of a glyph that is listed twice the later keys count, but its places in both lists are taken.
    places = {glyph: sharing[keys].index(glyph) for glyph, keys in keys_of.items()}
    return {glyph: keys + (str(places[glyph]) if places[glyph] else "") for glyph, keys in keys_of.items()}


def _pkuseg_model(directory: Path) -> Path:
    """pkuseg would download its model; it is taken from where it puts it, or from the model directory."""
    home = Path(os.getenv("PKUSEG_HOME", "~/.pkuseg")).expanduser()
    for place in (directory / _PKUSEG_MODEL, home / _PKUSEG_MODEL):
        if (place / "features.msgpack").is_file() and (place / "weights.npz").is_file():
            return place
    raise Unsupported(
        f"language 'zh' needs pkuseg's model {_PKUSEG_MODEL!r} in {directory} or {home}; "
        'to download it: python -c "import spacy_pkuseg; spacy_pkuseg.pkuseg()"'
    )


def _unchanged(text: str) -> str:
    return text
