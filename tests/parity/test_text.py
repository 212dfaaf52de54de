"""Text -> tokens: the same ids as the reference's, with the normaliser off, for text of one piece."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.text.build import build
from engine.text.frontend import TextFrontEnd
from engine.text.languages import Cangjie, Hiragana, Step
from engine.text.published import MultilingualText
from tests.engine.text.files import config, write_english, write_gpt2, write_multilingual
from tests.engine.text.sentences import PUNCTUATED, SENTENCES, TAGGED
from tests.parity.harness import Case, Reference

WRITERS: dict[str, Callable[[Path], Path]] = {
    "english": write_english,
    "multilingual": write_multilingual,
    "gpt2": write_gpt2,
}
# What pykakasi says of the Japanese sentence, phrase by phrase, and of one that sounds like a particle.
JAPANESE = (
    "今日は=こんにちは とても 良い=よい 天気=てんき て \u3099 すね 。 東京=とうきょう へ 行き=いき ましょうか ? 母=はは"
)
LETTERS = "aeinorst ABC   .,;:!?…—–-'\"“”‘’ 019 éßñ()&%$/\t\n"


def _random_texts(count: int) -> list[str]:
    """Stripped, and with a letter that all vocabularies have: elsewhere the reference and we disagree on purpose."""
    rng = random.Random(0)
    texts = ("".join(rng.choices(LETTERS, k=rng.randint(1, 60))).strip() for _ in range(count))
    return [text for text in texts if re.search("[A-Za-z0-9]", text)]


def _halves(text: str) -> list[str]:
    """Stands in for a segmenter: every two characters are a word."""
    return re.findall("..?", text, re.DOTALL)


def _prepared(text: str) -> str:
    """What the language steps are given. None of these texts is changed by the punctuation rules but at its end."""
    return unicodedata.normalize("NFKD", text.lower())


def _readings(text: str) -> list[dict[str, str]]:
    phrases = (phrase.partition("=") for phrase in JAPANESE.split())
    return [{"orig": written, "hira": reading or written} for written, _, reading in phrases]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tokenizers")
    for kind, write in WRITERS.items():
        (place / kind).mkdir()
        write(place / kind)
    return place


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    english = [*PUNCTUATED, SENTENCES["en"], *_random_texts(300)]
    languages = {f"multilingual {code}": [text] for code, text in SENTENCES.items()}
    return {"english": english, "gpt2": [*english, *TAGGED], "multilingual en more": english, **languages}


@pytest.fixture(scope="module")
def reference(directory: Path, texts: dict[str, list[str]]) -> Reference:
    words = {_prepared(SENTENCES["zh"]): _halves(_prepared(SENTENCES["zh"]))}
    readings = {_prepared(SENTENCES["ja"]): _readings("")}
    cases = {}
    for name, said in texts.items():
        kind, language = (*name.split(), "en")[:2]
        options = {"kind": kind, "language": language, "texts": said, "directory": str(directory / kind)}
        cases[name] = Case(options | {"words": words, "readings": readings}, {"none": torch.zeros(1)})
    return Reference("text", cases)


def _front_end(kind: str, directory: Path) -> TextFrontEnd:
    if kind != "multilingual":
        return build(config(kind, normalize=False), directory)
    chinese = Cangjie(directory / "Cangjie5_TC.json", _halves)
    steps: dict[str, Step] = {"zh": chinese, "ja": Hiragana(_readings)}
    return MultilingualText(config(kind, normalize=False), directory, steps)


def _ids(front_end: TextFrontEnd, text: str, language: str) -> list[int]:
    (piece,) = front_end.pieces(text, language)
    return front_end.encode(piece, language)


@pytest.mark.parametrize("case", ["english", "gpt2", "multilingual en more", *(f"multilingual {c}" for c in SENTENCES)])
def test_text_becomes_the_tokens_of_the_reference(
    case: str,
    reference: Reference,
    directory: Path,
    texts: dict[str, list[str]],
    check: Callable[..., None],
) -> None:
    kind, language = (*case.split(), "en")[:2]
    front_end = _front_end(kind, directory / kind)
    ids = [_ids(front_end, text, language) for text in texts[case]]
    answer = reference[case]
    theirs = _split(answer["ids"], answer["lengths"])
    assert [text for text, a, b in zip(texts[case], ids, theirs, strict=True) if a != b] == []
    check(f"tokens of text, {case}", torch.tensor(list(chain(*ids))), answer["ids"], answer)


def _split(ids: Tensor, lengths: Tensor) -> list[list[int]]:
    return [part.tolist() for part in ids.split(lengths.tolist())]
