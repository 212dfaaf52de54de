"""What is done to a text in its language before it becomes tokens."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from threading import Thread

import pytest

from engine.errors import ModelError, Unsupported
from engine.text.languages import CANGJIE, Cangjie, Hiragana, LanguageSteps
from tests.engine.text.files import write_multilingual
from tests.engine.text.sentences import SENTENCES


def cangjie(tmp_path: Path, *entries: str) -> Cangjie:
    (tmp_path / CANGJIE).write_text(json.dumps(entries), encoding="utf-8")
    return Cangjie(tmp_path / CANGJIE, list)


def test_a_chinese_glyph_becomes_its_keys_and_words_are_set_apart(tmp_path: Path) -> None:
    convert = cangjie(tmp_path, "明\tab\tx", "天\tmk")
    assert convert("明天ok") == "[cj_a][cj_b][cj_.] [cj_m][cj_k][cj_.] o k"


def test_glyphs_that_share_keys_are_numbered(tmp_path: Path) -> None:
    convert = cangjie(tmp_path, "你\tonf", "們\tonf", "您\tonf")
    assert convert("你") == "[cj_o][cj_n][cj_f][cj_.]"
    assert convert("您") == "[cj_o][cj_n][cj_f][cj_2][cj_.]"


def test_glyphs_without_keys_and_punctuation_stay(tmp_path: Path) -> None:
    assert cangjie(tmp_path, "。\txx", "天\tmk")("龘。").split() == ["龘", "。"]


def test_a_broken_table_is_a_model_error(tmp_path: Path) -> None:
    for content in ('{"a": 1}', "[1]", "no json", '["no tab"]'):
        (tmp_path / CANGJIE).write_text(content)
        with pytest.raises(ModelError, match="no list of"):
            Cangjie(tmp_path / CANGJIE, list)


def test_only_phrases_with_chinese_characters_are_read() -> None:
    phrases = {
        "": [
            {"orig": "東京", "hira": "とうきょう"},
            {"orig": "カメラ", "hira": "かめら"},
            {"orig": "母", "hira": "はは"},
            {"orig": "x", "hira": "x"},
        ]
    }
    assert Hiragana(phrases.__getitem__)("") == "とうきょうカメラ ははx"


def test_korean_becomes_jamo_by_decomposition_alone() -> None:
    steps = LanguageSteps(Path())
    syllables = unicodedata.normalize("NFKD", " 안녕! ")
    assert steps("ko", syllables) == "\u110b\u1161\u11ab\u1102\u1167\u11bc!"


@pytest.mark.parametrize("code", ["de", "fr", "hi", "he", "ru"])
def test_other_languages_stay_as_they_are(code: str, tmp_path: Path) -> None:
    """Hebrew and Russian where the packages that would add marks are not installed."""
    assert LanguageSteps(tmp_path)(code, SENTENCES[code]) == SENTENCES[code]


def test_nothing_is_imported_before_a_language_is_used(tmp_path: Path) -> None:
    before = set(sys.modules)
    steps = LanguageSteps(write_multilingual(tmp_path))
    steps("de", "ja")
    assert not {"spacy_pkuseg", "pykakasi"} & (set(sys.modules) - before)


def test_chinese_without_its_table_or_its_model_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PKUSEG_HOME", str(tmp_path / "home"))
    pytest.importorskip("spacy_pkuseg")
    steps = LanguageSteps(tmp_path)
    with pytest.raises(Unsupported, match=CANGJIE):
        steps.check("zh")
    write_multilingual(tmp_path)
    with pytest.raises(Unsupported, match=r"spacy_ontonotes.*home.*to download it"):
        steps("zh", "明")


@pytest.mark.parametrize(("code", "package"), [("zh", "spacy_pkuseg"), ("ja", "pykakasi")])
def test_a_missing_package_is_named(code: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(Unsupported, match=rf"pip install 'gapless\[{code}\]'"):
        LanguageSteps(tmp_path)(code, "x")


def test_japanese_is_read_by_pykakasi(tmp_path: Path) -> None:
    pytest.importorskip("pykakasi")
    text = unicodedata.normalize("NFKD", "東京へ行きます。")
    assert LanguageSteps(tmp_path)("ja", text) == unicodedata.normalize("NFKD", "とうきょうへいきます。")


def test_a_language_is_loaded_once_and_used_by_one_thread_at_a_time(tmp_path: Path) -> None:
    running: list[int] = []
    most = []

    def step(text: str) -> str:
        running.append(1)
        most.append(len(running))
        running.pop()
        return text

    steps = LanguageSteps(tmp_path, {"ja": step})
    threads = [Thread(target=lambda: [steps("ja", "x") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 800
