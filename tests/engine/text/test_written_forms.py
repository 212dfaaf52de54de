"""How much of two tables of written forms is read as a person would read it."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.text.normalize import normalize, traced, write_out
from tests.engine.text.written_forms import CRITICISED, FRESH, KNOWN, expanded, letters_of, read_forms

ENOUGH = 0.92
KINDS = {  # of complaints about other systems: the classes that they are of
    "digits": ("code", "card", "phone", "zip", "flight"),
    "capitals": ("capitals",),
    "units and money": ("unit", "money", "large"),
    "ranges": ("range",),
    "titles and addresses": ("title", "address"),
    "mathematics": ("maths",),
    "marks": ("mark",),
    "time": ("time",),
}
COMPLAINTS = {  # other systems read them letter by letter, as the wrong unit, or not at all
    "Your code is 482913.": "your code is four eight two nine one three",
    "4000 1234 5678 9010": "four [thousand/0 0 0] one two three four five six seven eight nine 0 one 0",
    "415.555.0142": "four one five five five five 0 one four two",
    "NV 89501": "[nevada/n v] eight nine five 0 one",
    "12/25": "december [twenty fifth/twenty five]",
    "your otp is ab9453": "your otp is a b nine four five three",
    "HELLO there. Press ENTER. It is VERY EASY. YOU'LL see": "hello there press enter it is very easy youll see",
    "500 µg": "five hundred micrograms",
    "500 μg": "five hundred micrograms",
    "5M users": "five million users",
    "US$5": "five (u s) dollars",
    "₹500": "five hundred rupees",
    "60 W": "sixty watts",
    "50¢": "fifty cents",
    '27"': "twenty seven inches",
    "41 km³": "forty one cubic kilometers",
    "$350/yr": "three hundred and fifty dollars per year",
    "v0.12.1": "[v/version] zero [point/dot] twelve [point/dot] one",
    "$250-$300, 5pm-7pm, 20~30": "two hundred and fifty dollars to three hundred dollars five p m to seven p m twenty "
    "to thirty",
    "Gen. Lee near Mt. Hood. 12 Oak Dr. or 9 Elm Ave. Apt. 4B": "general lee near mount hood twelve oak drive or nine "
    "elm avenue apartment four b",
    r"$x^2 + \frac{1}{2} \leq 3$": "x squared plus one half is less than or equal to three",
    "2*8": "two times eight",
    "1-2=5": "one minus two equals five",
    "zero\u200dwidth": "zerowidth",
    "12\u202f000": "twelve thousand",
    "10:00:00 p.m. EST": "ten p m [eastern time/e s t]",
    "01:00 a.m.": "one a m",
}


@pytest.mark.parametrize("table", [KNOWN, FRESH], ids=lambda path: path.stem)
@pytest.mark.parametrize("normaliser", [normalize, write_out])
def test_nearly_all_forms_are_read_as_a_person_would(table: Path, normaliser: Callable[[str], str]) -> None:
    forms = read_forms(table)
    wrong = [(form.written, said) for form in forms if not form.is_read(said := normaliser(form.written))]
    assert len(forms) >= 400
    assert 1 - len(wrong) / len(forms) >= ENOUGH, wrong


@pytest.mark.parametrize("normaliser", [normalize, write_out])
def test_every_form_that_was_criticised_is_read_right(normaliser: Callable[[str], str]) -> None:
    forms = read_forms(CRITICISED)
    assert not [(form.written, said) for form in forms if not form.is_read(said := normaliser(form.written))]


@pytest.mark.parametrize("normaliser", [normalize, write_out])
@pytest.mark.parametrize(("written", "readings"), COMPLAINTS.items())
def test_complaints_about_other_systems_are_none_here(
    normaliser: Callable[[str], str], written: str, readings: str
) -> None:
    assert letters_of(normaliser(written)) in set(map(letters_of, expanded(readings)))


def test_an_address_brings_no_pause() -> None:
    assert normalize("12 Oak Dr. or 9 Elm Ave. Apt. 4B") == "twelve oak drive or nine elm avenue apartment four b"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normaliser", [normalize, write_out])
def test_twenty_more_of_each_kind_of_complaint(normaliser: Callable[[str], str], kind: str) -> None:
    forms = [form for table in (KNOWN, FRESH) for form in read_forms(table) if form.kind in KINDS[kind]]
    assert len({form.written for form in forms} - COMPLAINTS.keys()) >= 20
    assert not [(form.written, said) for form in forms if not form.is_read(said := normaliser(form.written))]


def test_forms_in_any_order_break_no_rule() -> None:
    """Months of 31/02, Roman numbers of IIII, powers of nothing: what a pattern takes for a form may be none."""
    rng = random.Random(0)
    parts = [part for table in (KNOWN, FRESH) for form in read_forms(table) for part in form.written.split()]
    parts += ["31/02/2024", "25:61", "IIII", "\\frac{", "$", "^", "00", "1" * 30, "٣", "②", "ſ", "İ"]
    for _ in range(1_000):
        text = rng.choice(["", " "]).join(rng.choices(parts, k=rng.randint(1, 5)))
        spoken = traced(text)
        assert len(spoken.spans) == len(spoken.text)
        assert set(spoken.text) <= set(string.ascii_lowercase + " '.,?!"), text
        write_out(text)


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
