"""How much of two tables of written forms is read as a person would read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.text.normalize import normalize, write_out
from tests.engine.text.written_forms import FRESH, KNOWN, expanded, letters_of, read_forms

ENOUGH = 0.92


@pytest.mark.parametrize("table", [KNOWN, FRESH], ids=lambda path: path.stem)
@pytest.mark.parametrize("normaliser", [normalize, write_out])
def test_nearly_all_forms_are_read_as_a_person_would(table: Path, normaliser: Callable[[str], str]) -> None:
    forms = read_forms(table)
    wrong = [(form.written, said) for form in forms if not form.is_read(said := normaliser(form.written))]
    assert len(forms) >= 400
    assert 1 - len(wrong) / len(forms) >= ENOUGH, wrong


def test_no_form_is_in_both_tables() -> None:
    known = {form.written for form in read_forms(KNOWN)}
    assert not known & {form.written for form in read_forms(FRESH)}


def test_readings_are_expanded() -> None:
    assert set(expanded("(a) half")) == {"a half", " half"}
    assert set(expanded("[one/a] 0")) == {"one oh", "one zero", "a oh", "a zero"}
    assert letters_of("Five PM, ay café") == "fivepmacafe"


def test_a_line_of_two_columns_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "forms.tsv"
    table.write_text("money\t$5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"forms\.tsv, line 1"):
        read_forms(table)
