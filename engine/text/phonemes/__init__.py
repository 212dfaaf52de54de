"""Spelled English text -> phonemes: a lexicon, the context of words, and a network for words that are not in it.

The symbols are those of misaki, one character a sound: "həlˈO ðˈɛɹ." says "hello there.". ˈ and ˌ stand before the
vowel that is stressed; A I O W Y are the vowels of day, eye, oh, how and joy, T is the flap in "water", ᵊ a vowel that
hardly sounds, ᵻ one between ɪ and ə. Marks , . ? ! and single spaces stay what they are.
"""

from __future__ import annotations

from engine.text.phonemes.english import English

__all__ = ["English"]
