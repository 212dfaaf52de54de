"""Texts for training: a seeded, deduplicated stream of normalised texts of 3..110 characters.

Sources: sentences of Debian's `fortunes` and of /usr/share/common-licenses, random strings of English words (every
word among the most frequent `VOCABULARY` appears, the most frequent more often), template sentences (training/phrases),
and one- and two-word items. Held-out texts and near copies of them never come out.
Debian packages: fortunes, wamerican. Word frequencies: the `wordfreq` package.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import wordfreq

from engine.text.normalize import normalize
from training import phrases

FORTUNES = Path("/usr/share/games/fortunes")
LICENCES = Path("/usr/share/common-licenses")
WORDS = Path("/usr/share/dict/american-english")
HELD_OUT = Path(__file__).parent / "heldout"

SHORTEST, LONGEST = 3, 110  # characters
VOCABULARY = 32_000  # most frequent words that all appear
FREQUENT = 6_000  # of them, those that appear again and again
NEAR_COPY = 0.6  # share of common words from which a text counts as a copy of a held-out one
# Utterances per source, out of 100.
SHARES = {"prose": 42, "words": 30, "templates": 17, "short": 11}

_PLAIN = re.compile(r"[A-Za-z '.,?!;:\"()-]+")
_DASHES = re.compile(r"\s+-+\s*|--+|[;:()\"]+")
_SKIPPED_FORTUNES = {"art", "ascii-art", "translate-me", "perl"}


@dataclass(frozen=True)
class Text:
    text: str
    source: str  # a key of SHARES


def plain(text: str) -> str:
    """Prose without digits or symbols as the normaliser would give it; "" for anything else."""
    text = " ".join(text.replace("`", "'").split())
    if not _PLAIN.fullmatch(text) or re.search(r"\b[A-Z]{2,}\b|\.\w|\b[A-Z]\.|\b(?:Mr|Mrs|Ms|Dr|St|etc|vs|Jr)\.", text):
        return ""
    text = _DASHES.sub(", ", text).replace("-", " ").lower()
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", "", text)
    text = re.sub(r"[ ,]*([.?!])[ .,?!]*", r"\1 ", text)
    text = re.sub(r"[ ,]*,[ ,]*", ", ", text)
    return " ".join(text.split()).strip(" ,")


def prose() -> Iterator[str]:
    """Sentences and, of longer ones, clauses of the fortunes and licences."""
    files = [path for path in sorted(FORTUNES.iterdir()) if "." not in path.name and path.name not in _SKIPPED_FORTUNES]
    licences = [path for path in sorted(LICENCES.iterdir()) if not path.is_symlink()]
    for path in files + licences:
        text = path.read_text(encoding="utf-8", errors="replace")
        separator = r"\n%\n" if path in files else r"\n\s*\n"
        for item in re.split(separator, text):
            body = re.split(r"\n\s*--", item)[0]  # without the attribution
            for sentence in re.split(r"(?<=[.?!])[\"')]*\s+(?=[\"'(A-Z])", " ".join(body.split())):
                yield from _fitting(plain(sentence))


def _fitting(sentence: str) -> Iterator[str]:
    if len(sentence) <= LONGEST:
        yield sentence
        return
    clauses = sentence.split(", ")
    for clause, following in zip(clauses, [*clauses[1:], ""], strict=True):
        if 15 <= len(clause) < LONGEST:
            yield clause + ("," if following else "")


def words() -> list[str]:
    """The most frequent words that are in the dictionary (names included) or very frequent, best first."""
    known = {line.strip().lower() for line in WORDS.read_text(encoding="utf-8").splitlines()}
    ranked = [word for word in wordfreq.top_n_list("en", 3 * VOCABULARY) if re.fullmatch(r"[a-z]+('[a-z]+)?", word)]
    frequent = [word for rank, word in enumerate(ranked) if word in known or rank < 1_000]
    return [word for word in frequent if len(word) > 1 or word in ("a", "i")][:VOCABULARY]


def word_strings(vocabulary: list[str], rng: random.Random) -> Iterator[str]:
    """Endless strings of 2..10 words: a pass over all words, two over the frequent ones, and again."""
    while True:
        pool = vocabulary + 2 * vocabulary[:FREQUENT]
        rng.shuffle(pool)
        while pool:
            line = pool.pop()
            for _ in range(rng.randint(1, 9)):
                if pool and len(line) < LONGEST - 20:
                    line += rng.choices(["", ",", "."], [80, 16, 4])[0] + " " + pool.pop()
            yield line + rng.choices([".", "?", "!", ",", ""], [78, 8, 6, 4, 4])[0]


def short_items(vocabulary: list[str], rng: random.Random) -> Iterator[str]:
    """Common short phrases, then one- and two-word items of frequent words."""
    yield from phrases.short_phrases(rng)
    while True:
        count = rng.choice([1, 1, 1, 2, 2])
        limit = rng.choice([400, FREQUENT])
        item = " ".join(rng.choices(vocabulary[:limit], k=count))
        yield item + rng.choices([".", "?", "!", ",", ""], [66, 14, 12, 4, 4])[0]


def corpus(seed: int) -> Iterator[Text]:
    """An endless stream (it ends only if a source runs dry), the sources mixed by SHARES; no text comes twice."""
    rng = random.Random(seed)
    vocabulary = words()
    sentences = sorted({sentence for sentence in prose()})
    rng.shuffle(sentences)
    streams = {
        "prose": iter(sentences),
        "words": word_strings(vocabulary, random.Random(seed + 1)),
        "templates": phrases.sentences(random.Random(seed + 2)),
        "short": short_items(vocabulary, random.Random(seed + 3)),
    }
    sources = {name: _fresh(stream, HeldOut()) for name, stream in streams.items()}
    seen: set[str] = set()
    while sources:
        name = rng.choices(list(sources), [SHARES[source] for source in sources])[0]
        text = next(sources[name], None)
        if text is None:
            del sources[name]
        elif text not in seen:
            seen.add(text)
            yield Text(text, name)


class HeldOut:
    """Knows the held-out texts; `holds` tells whether a text is one of them or nearly so.

    Near copies are judged by the words that are written out: number words are shared by every time and price."""

    def __init__(self) -> None:
        lines = held_out("sentences") + held_out("short")
        self._exact = {_letters(normalize(line)) for line in lines}
        self._bags = [set(_letters(line.lower()).split()) for line in lines if len(line.split()) > 3]

    def holds(self, text: str) -> bool:
        letters = _letters(text)
        if letters in self._exact:
            return True
        bag = set(letters.split())
        return len(bag) > 3 and any(len(bag & other) >= NEAR_COPY * min(len(bag), len(other)) for other in self._bags)


def held_out(name: str) -> list[str]:
    """The lines of heldout/<name>.txt as written."""
    return (HELD_OUT / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def _letters(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text).split())


def _fresh(stream: Iterable[str], held: HeldOut) -> Iterator[str]:
    """Texts of allowed length with a word in them that are not held out."""
    for text in stream:
        if SHORTEST <= len(text) <= LONGEST and re.search("[a-z]", text) and not held.holds(text):
            yield text
