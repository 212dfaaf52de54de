"""The International Phonetic Alphabet -> the symbols that the embedded voice knows (see this package's docstring)."""

from __future__ import annotations

import re
import unicodedata

from engine.text.phonemes.stress import PRIMARY, SECONDARY
from engine.text.phonemes.unknown import SYMBOLS

_DIPHTHONGS = {"eɪ": "A", "aɪ": "I", "oʊ": "O", "əʊ": "O", "aʊ": "W", "ɔɪ": "Y", "tʃ": "ʧ", "dʒ": "ʤ"}
_SAME = {  # as an American says it
    **{"g": "ɡ", "r": "ɹ", "ɾ": "T", "ɝ": "ɜɹ", "ɚ": "əɹ", "ɫ": "l", "ʍ": "w", "x": "k", "ç": "h", "ʔ": "t"},
    **{"e": "A", "o": "O", "ɒ": "ɑ", "ɨ": "ᵻ", "y": "u", "ø": "ɜ", "œ": "ɜ", "ɲ": "nj", "ʁ": "ɹ", "ɵ": "O", "a": "æ"},
    **{"'": PRIMARY, ",": SECONDARY},
}
_SILENT = re.compile(r"[ːˑ.\s‿͡()|\u0300-\u036f-]")
_VOWEL = "AIOWYiuæɐɑɔəɛɜɪʊʌᵻ"
_STRESSED = re.compile(f"([{PRIMARY}{SECONDARY}])([^{_VOWEL}{PRIMARY}{SECONDARY}]*)(?=[{_VOWEL}])")
_PAIRS = re.compile("|".join(_DIPHTHONGS))


def symbols(written: str) -> str:
    """'nəˈvɑːdə' -> 'nəvˈɑdə': a stress mark stands before its vowel, length and syllables are not marked.

    Raises ValueError that names what is no sound of this voice."""
    plain = _SILENT.sub("", unicodedata.normalize("NFD", written.strip("/[]")))
    joined = _PAIRS.sub(lambda pair: _DIPHTHONGS[pair[0]], plain)
    known = "".join(_SAME.get(char, char) for char in joined)
    if strange := sorted(set(known) - set(SYMBOLS)):
        raise ValueError(f"no sounds of this voice: {' '.join(strange)}; it knows {' '.join(sorted(set(SYMBOLS)))}")
    moved = _STRESSED.sub(r"\2\1", known)
    if not re.search(f"[{_VOWEL}]", moved):
        raise ValueError(f"{written!r} has no vowel")
    return moved if PRIMARY in moved else re.sub(f"([{_VOWEL}])", PRIMARY + r"\1", moved, count=1)
