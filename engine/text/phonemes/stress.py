"""Stress marks of a pronunciation: taken off, made weaker, put in front of the vowel that bears them."""

from __future__ import annotations

import re

PRIMARY, SECONDARY = "ˈ", "ˌ"
_MARKS = re.compile(f"[{PRIMARY}{SECONDARY}]")
_VOWELS = "AIOWYaiuæɑɔəɛɜɪʊʌᵻ"
_FIRST_VOWEL = re.compile(f"[{_VOWELS}]")
_FIRST_SOUND = re.compile(f"[{_VOWELS}bdfhjklmnpstvwzðŋɡɹTʃʒʤʧθ]")


def begins_with_vowel(phonemes: str) -> bool | None:
    """None where the article "a" is all there is: what is in front of it is said as in front of what follows."""
    sound = _FIRST_SOUND.search(phonemes)
    return None if sound is None else sound[0] in _VOWELS


def marked(phonemes: str) -> bool:
    return _MARKS.search(phonemes) is not None


def lightly_stressed(phonemes: str) -> str:
    """A word without any stress gets a secondary one, as a word that begins with a capital does."""
    return phonemes if marked(phonemes) else _FIRST_VOWEL.sub(lambda vowel: SECONDARY + vowel[0], phonemes, count=1)


def unstressed(phonemes: str) -> str:
    return _MARKS.sub("", phonemes)


def emphasised(phonemes: str) -> str:
    """A word without a primary stress gets one, as a word in capitals does."""
    if PRIMARY in phonemes:
        return phonemes
    return lightly_stressed(phonemes).replace(SECONDARY, PRIMARY)


def spelled_out(letters: list[str]) -> str:
    """The names of letters, said as one word: the last one bears the stress."""
    weaker = "".join(letters).replace(SECONDARY, "").replace(PRIMARY, SECONDARY)
    return PRIMARY.join(weaker.rsplit(SECONDARY, 1))
