"""What people write -> what is spoken."""

from __future__ import annotations

import random
import re
import string
import time

import pytest

from engine.text.normalize import normalize, write_out
from engine.text.normalize.needs import needs_digit
from engine.text.normalize.order import RULES
from tests.engine.text.written_forms import CRITICISED, FRESH, KNOWN, read_forms

ALPHABET = set(string.ascii_lowercase + " '.,?!")

SPOKEN = {
    # numbers
    "There are 3 of 24.": "there are three of twenty four.",
    "1,204 and 100,000": "one thousand two hundred and four and one hundred thousand",
    "us$5 and ca$55": "five dollars and fifty five canadian dollars",
    "3.14, .5 and v2.0": "three point one four, zero point five and v two point zero",
    "version 1.2.3": "version one point two point three",
    "007 and 1234567": "oh oh seven and one two three four five six seven",
    "the 1st, 22nd and 103rd": "the first, twenty second and one hundred and third",
    "-5 or 5 - 3": "minus five or five minus three",
    "10-15 or 10–15": "ten to fifteen or ten to fifteen",
    "1/2, 3/4 and 2 2/3": "one half, three quarters and two and two thirds",
    "room 12A, mp3 and B2B": "room twelve ay, m p three and b two b",
    "5k, 4x4 and #1": "five thousand, four by four and number one",
    # years, dates, times
    "In 1984, 1905 and 2019.": "in nineteen eighty four, nineteen oh five and twenty nineteen.",
    "Since 2005 or 1900?": "since two thousand and five or nineteen hundred?",
    "the 1990s, the '90s": "the nineteen nineties, the nineties",
    "May 17, 2024": "may seventeenth, twenty twenty four",
    "17 May 2024": "the seventeenth of may twenty twenty four",
    "2024-05-17 or 5/17/2024": "may seventeenth, twenty twenty four or may seventeenth, twenty twenty four",
    "Meet me at 3:45 pm.": "meet me at three forty five p m.",
    "It's 5 p.m. Let's go.": "it's five p m. let's go.",
    "at 9 a.m. daily": "at nine ay m daily",
    "14:30, 7:00, 14:00 or 7:05?": "fourteen thirty, seven o'clock, fourteen hundred or seven oh five?",
    "on Mon. the 3rd of Dec.": "on monday the third of december.",
    # money, units, telephone numbers
    "$3.50, $1, $0.99 and £20": "three dollars and fifty cents, one dollar, ninety nine cents and twenty pounds",
    "$1.2 million or €5M": "one point two million dollars or five million euros",
    "$5/month": "five dollars per month",
    "About 60% of it": "about sixty percent of it",
    "5 km, 10kg, 1 m, 20°C": "five kilometers, ten kilograms, one meter, twenty degrees celsius",
    "60 km/h at 24 kHz with 5G": "sixty kilometers per hour at twenty four kilohertz with five g",
    "5'10\" tall": "five foot ten tall",
    "Call 555-123-4567.": "call five five five, one two three, four five six seven.",
    "+49 170 1234567": "plus four nine, one seven oh, one two three four five six seven",
    # abbreviations, acronyms, initials
    "Mr. Smith, Mrs Jones and Dr. Lee": "mister smith, missus jones and doctor lee",
    "on Main St. near St. Paul": "on main street near saint paul",
    "fruit, e.g. apples, i.e. food, etc.": "fruit, for example apples, that is food, et cetera.",
    "cats vs. dogs": "cats versus dogs",
    "No. 5 is alive. No. I will not": "number five is alive. no. i will not",
    "He sat. I was in the sun.": "he sat. i was in the sun.",
    "3 GPUs and an API": "three g p u's and an ay p i",
    "NASA is in the U.S. and the USA.": "nasa is in the u s and the u s ay.",
    "J. K. Rowling and John F. Kennedy": "j k rowling and john f kennedy",
    "World War II, Henry VIII, an article I wrote": "world war two, henry the eighth, an article i wrote",
    "PLEASE STOP THAT": "please stop that",
    "I got an A.": "i got an ay.",
    # symbols, addresses, markup
    "R&D @ home = 1 + 1": "r and d at home equals one plus one",
    "x >= 2 and y <= 3": "x at least two and y at most three",
    "bob.smith@example.com": "bob dot smith at example dot com",
    "See https://www.foo.com/bar-baz.": "see w w w dot foo dot com slash bar dash baz.",
    "**bold**, _it_ and `code`": "bold, it and code",
    "* one\n* two": "one, two",
    "and/or, w/o, 24/7": "and or, without, twenty four seven",
    # digits that are no quantity
    "Your code is 482913.": "your code is four eight two nine one three.",
    "Your PIN: 0420": "your pin, oh four two oh",
    "order number 20417": "order number two oh four one seven",
    "your otp is ab9453": "your otp is ay b nine four five three",
    "We had 4829 visits": "we had four thousand eight hundred and twenty nine visits",
    "4000 1234 5678 9010": "four oh oh oh, one two three four, five six seven eight, nine oh one oh",
    "415.555.0142": "four one five, five five five, oh one four two",
    "NV 89501": "n v eight nine five oh one",
    "due 12/25": "due december twenty fifth",
    "3/16 and 1/2": "three sixteenths and one half",
    # capitals
    "HELLO there. Press ENTER. It is VERY EASY.": "hello there. press enter. it is very easy.",
    "YOU'LL see. I CAN'T": "you'll see. i can't",
    "the IEEE and HTML": "the i e e e and h t m l",
    # units and money
    "500 µg or 500 μg or 500mcg": "five hundred micrograms or five hundred micrograms or five hundred micrograms",
    "5M users, 5 m, 2B people": "five million users, five meters, two billion people",
    "US$5, ₹500, 50¢": "five dollars, five hundred rupees, fifty cents",
    "60 W, 230 V, 41 km³, 3 m²": "sixty watts, two hundred and thirty volts, forty one cubic kilometers, three square "
    "meters",
    'he said "27" and 27"': "he said twenty seven and twenty seven inches",
    "$350/yr": "three hundred and fifty dollars per year",
    "v0.12.1": "v zero point twelve point one",
    # ranges and sums
    "$250-$300, 5pm-7pm, 20~30": "two hundred and fifty dollars to three hundred dollars, five p m to seven p m, "
    "twenty to thirty",
    "2*8 and 1-2=5": "two times eight and one minus two equals five",
    # titles, addresses, zones
    "Gen. Lee near Mt. Hood.": "general lee near mount hood.",
    "12 Oak Dr. or 9 Elm Ave. Apt. 4B": "twelve oak drive or nine elm avenue apartment four b",
    "10:00:00 p.m. EST": "ten p m eastern time",
    # what is written and not meant
    "zero\u200dwidth 12\u202f000": "zerowidth twelve thousand",
    "\x1b[31mred\x1b[0m alert": "red alert",
    # punctuation
    "“Hello” — he said… well; (maybe): ‘fine’!": "hello, he said, well, maybe, fine!",
    "What?! No...": "what? no.",
    "wait... what": "wait, what",
    "well-known rock 'n' roll, the dogs' bowls": "well known rock n roll, the dogs bowls",
    "It's John's, isn't it?": "it's john's, isn't it?",
    # what has no sound
    "naïve café 🙂 Übung\u200b": "naive cafe ubung",
    "hello\x00world": "hello world",
    "": "",
    " \n\t ": "",
    "🙂🙂": "",
    "Привет": "",
    "... -- !?": "",
}


@pytest.mark.parametrize(("written", "spoken"), SPOKEN.items())
def test_written_becomes_spoken(written: str, spoken: str) -> None:
    assert normalize(written) == spoken


WRITTEN_OUT = {  # for models that know capitals and punctuation
    "There are 3 of 24.": "There are three of twenty four.",
    "10-15 or 10–15?": "ten to fifteen or ten to fifteen?",
    "Mr. Smith (Dr. No) paid $3.50!": "Mister Smith (Doctor No) paid three dollars and fifty cents!",
    "It's 5 p.m. Let's go at 9:05 AM.": "It's five PM. Let's go at nine oh five AM.",
    "No. 5 is alive. No. I will not": "Number five is alive. No. I will not",
    "World War II, Henry VIII": "World War two, Henry the eighth",
    "R&D @ home = 1 + 1": "R and D at home equals one plus one",
    "the T-800, an mp3, 5G, a 3-year-old": "the T eight hundred, an mp three, five G, a three year-old",
    "NASA, the U.S.A. and 3 GPUs": "NASA, the U.S.A. and three GPUs",
    "J. R. R. Tolkien — naïve; (café): “Ω”": 'J. R. R. Tolkien — naïve; (café): "Ω"',
    "**bold**, `code` and [a link](https://example.com/a)": "bold, code and a link",
    "# Title\n- one\n* two": "Title\none\ntwo",
    "Wait... what?! No…": "Wait... what?! No…",
}


@pytest.mark.parametrize(("written", "spoken"), WRITTEN_OUT.items())
def test_models_that_know_capitals_get_words_for_numbers_only(written: str, spoken: str) -> None:
    assert write_out(written) == spoken


@pytest.mark.parametrize("spoken", WRITTEN_OUT.values())
def test_text_that_is_written_out_stays_as_it_is(spoken: str) -> None:
    assert write_out(spoken) == spoken


def test_tags_pass_untouched() -> None:
    tags = frozenset({"[laugh]", "[clear throat]", "[take 5]"})
    text = "[clear throat] I paid $5[laugh] for [take 5]. [cough 1]"
    assert write_out(text, tags) == "[clear throat] I paid five dollars[laugh] for [take 5]. [cough one]"


@pytest.mark.parametrize("spoken", [text for text in SPOKEN.values() if text])
def test_spoken_text_stays_as_it_is(spoken: str) -> None:
    """The teacher and the engine normalise text that may be normalised already."""
    assert normalize(spoken) == spoken


def test_any_text_gives_the_alphabet_only() -> None:
    rng = random.Random(0)
    characters = string.printable + "0123456789.,:/-$£€%½²–—…°🙂éßЖ'’"
    for _ in range(2_000):
        spoken = normalize("".join(rng.choices(characters, k=rng.randint(1, 40))))
        assert set(spoken) <= ALPHABET
        assert "  " not in spoken
        assert spoken == spoken.strip()


@pytest.mark.parametrize(
    "unit",
    [
        "I paid $5 for a 6' by 5\" box to 12 Oak Dr. on 12/25 at 5 p.m. ",
        "9 ",
        "1-2 ",
        ".",
        "\\",
        "x^",
        "A1",
        "1:",
        "$ ",
    ],
)
def test_time_is_proportional_to_the_text(unit: str) -> None:
    """A run of dots or backslashes was tried again from each of them."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        began = time.process_time()
        normalize(text)
        write_out(text)
        return time.process_time() - began

    assert min(seconds(8_000) for _ in range(2)) < 12 * seconds(2_000) + 0.05


def test_pages_of_digits_take_no_time() -> None:
    """Every number pattern once tried again from each digit: 5,000 digits took 40 s."""
    began = time.monotonic()
    assert normalize("9" * 5_000).startswith("nine nine")
    assert normalize("$" + "9" * 5_000).endswith("dollars")
    assert write_out("9" * 5_000).startswith("nine nine")
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\d+", True),
        (r"(?:a|b)7", True),
        (r"x(?=[0-9])", True),
        (r"(?:\d|(?>[3-5])) ?(?:am|pm)", True),
        (r"\d*x", False),
        (r"(?:\d|x)", False),
        (r"(?!\d)x", False),
        (r"[\dx]", False),
        (r"[^\d]", False),
        (r"\.[a-z]++(?:\d{2})?", False),
    ],
)
def test_what_a_pattern_cannot_match_without(pattern: str, expected: bool) -> None:
    assert needs_digit(re.compile(pattern)) is expected


def test_rules_that_are_left_out_would_find_nothing() -> None:
    written = [re.sub(r"\d", "", form.written) for path in (KNOWN, FRESH, CRITICISED) for form in read_forms(path)]
    skipped = [rule for rule in RULES if rule.needs_digit]
    assert len(skipped) > len(RULES) / 2
    assert not [(rule.pattern.pattern, text) for rule in skipped for text in written if rule.pattern.search(text)]
