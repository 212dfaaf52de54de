"""The International Phonetic Alphabet -> the embedded voice's symbols."""

from __future__ import annotations

import pytest

from engine.text.phonemes.ipa import symbols
from engine.text.phonemes.unknown import SYMBOLS


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("nəˈvɑːdə", "nəvˈɑdə"),
        ("/ˈtʃeɪndʒ/", "ʧˈAnʤ"),
        ("ˈwɔːtɚ", "wˈɔtəɹ"),
        ("kæt", "kˈæt"),
        ("ˌɪn.fɚˈmeɪ.ʃən", "ˌɪnfəɹmˈAʃən"),
        ("ɡoʊ", "ɡˈO"),
        ("t͡ʃɪp", "ʧˈɪp"),
    ],
)
def test_stress_stands_before_its_vowel(written: str, spoken: str) -> None:
    assert symbols(written) == spoken
    assert set(spoken) <= set(SYMBOLS)


def test_what_is_no_sound_is_named() -> None:
    with pytest.raises(ValueError, match="ǃ"):
        symbols("kǃa")
