"""Which texts come out, and which never do."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from engine.text.normalize import normalize
from training import corpus, phrases


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ('He said: "Go away - now!"', "he said, go away, now!"),
        ("A well-known 'fact'; isn't it...", "a well known fact, isn't it."),
        ("It costs 5 dollars.", ""),
        ("Mr. Smith", ""),
        ("NASA said so", ""),
    ],
)
def test_prose_is_cleaned_or_dropped(written: str, plain: str) -> None:
    assert corpus.plain(written) == plain


def test_held_out_texts_and_near_copies_are_known() -> None:
    held = corpus.HeldOut()
    assert all(held.holds(normalize(line)) for line in corpus.held_out("sentences") + corpus.held_out("short"))
    assert held.holds("my older sister lives on the third floor of that building!")
    assert held.holds("correct?")
    assert not held.holds("my sister has a new house in the city.")


def test_held_out_files() -> None:
    sentences, short = corpus.held_out("sentences"), corpus.held_out("short")
    assert (len(sentences), len(short)) == (60, 20)
    assert all(20 <= len(line) <= 100 for line in sentences)
    assert all(len(line.split()) <= 2 for line in short)


def test_word_strings_come_to_every_word() -> None:
    vocabulary = [f"word{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh"]
    lines = list(islice(corpus.word_strings(vocabulary, random.Random(0)), 200))
    assert set(vocabulary) <= set(" ".join(lines).replace(",", "").replace(".", "").split())
    assert all(len(line) <= corpus.LONGEST for line in lines)


def test_templates_are_seeded_and_already_normalised() -> None:
    one, two = (list(islice(phrases.sentences(random.Random(5)), 300)) for _ in range(2))
    assert one == two
    assert [normalize(text) for text in one] == one


def test_short_phrases_are_already_normalised() -> None:
    items = list(phrases.short_phrases(random.Random(0)))
    assert "goodbye." in items
    assert [normalize(item) for item in items] == items
