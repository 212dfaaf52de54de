"""Numbers -> English words, without hyphens or commas. Strings of digits in, lower-case words out."""

from __future__ import annotations

from num2words import num2words

SCALES = {
    "k": "thousand",
    "mio": "million",
    "mrd": "billion",
    "m": "million",
    "mn": "million",
    "mm": "million",
    "b": "billion",
    "bn": "billion",
    "t": "trillion",
    "tn": "trillion",
}
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_LONGEST = 15  # digits; beyond, a number is read digit by digit
_THIS_CENTURY = 50  # of two digits of a year, the first that belongs to the century before


def cardinal(digits: str) -> str:
    """'1,204' -> 'one thousand two hundred and four'; leading zeros and very long numbers digit by digit."""
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST or (len(plain) > 1 and plain[0] == "0"):
        return spelled(plain)
    return _plain(num2words(int(plain)))


def ordinal(digits: str) -> str:
    return _plain(num2words(int(digits.replace(",", "")), to="ordinal"))


def spelled(digits: str) -> str:
    """'407' -> 'four oh seven', as telephone numbers are read."""
    return " ".join("oh" if digit == "0" and len(digits) > 1 else _plain(num2words(int(digit))) for digit in digits)


def paired(digits: str) -> str:
    """'305' -> 'three oh five', '1175' -> 'eleven seventy five', '1600' -> 'sixteen hundred', as rooms, roads and
    flights are read."""
    if len(digits) not in (3, 4) or digits[0] == "0":
        return cardinal(digits) if len(digits) < 3 else spelled(digits)
    if digits[1:3] == "00" and len(digits) == 4:
        return cardinal(digits)
    first, rest = digits[:-2], digits[-2:]
    if rest == "00":
        return f"{cardinal(first)} hundred"
    return f"{cardinal(first)} {'oh ' if rest[0] == '0' else ''}{cardinal(str(int(rest)))}"


def decimal(whole: str, fraction: str) -> str:
    """('3', '14') -> 'three point one four'."""
    places = " ".join(_plain(num2words(int(digit))) for digit in fraction)
    return f"{cardinal(whole or '0')} point {places}"


def number(text: str) -> str:
    """A number with an optional decimal part."""
    whole, _, fraction = text.partition(".")
    return decimal(whole, fraction) if fraction else cardinal(whole)


def year(digits: str) -> str:
    """'1984' -> 'nineteen eighty four', '2005' -> 'two thousand and five', '1900' -> 'nineteen hundred'."""
    century, rest = divmod(int(digits), 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(str(int(digits)))
    if rest == 0:
        return f"{cardinal(str(century))} hundred"
    return f"{cardinal(str(century))} {'oh ' if rest < 10 else ''}{cardinal(str(rest))}"


def full_year(digits: str) -> str:
    """'21' -> '2021', '98' -> '1998'; four digits stay."""
    if len(digits) == 4:
        return digits
    return f"{'20' if int(digits) < _THIS_CENTURY else '19'}{digits}"


def plural(words: str) -> str:
    """'nineteen ninety' -> 'nineteen nineties', 'six' -> 'sixes'."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def clock(hour: str, minute: str, half: str = "") -> str:
    """('3', '45', 'pm') -> 'three forty five pm', ('7', '00', '') -> "seven o'clock", '14:00' -> 'fourteen hundred'."""
    words = cardinal(str(int(hour)))
    if int(minute):
        words += f" {'oh ' if int(minute) < 10 else ''}{cardinal(str(int(minute)))}"
    elif not half:
        words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    return f"{words} {half}" if half else words


def fraction(above: str, below: str) -> str:
    """('3', '4') -> 'three quarters', ('2', '3') -> 'two thirds', ('1', '50') -> 'one over fifty'."""
    parts = int(below)
    if not (2 <= parts <= 20 or parts in (32, 64, 100, 1000)) or int(above) >= parts:
        return f"{cardinal(above)} over {cardinal(below)}"
    part = ordinal(below)
    one, many = _FRACTIONS.get(parts, (part, part + "s"))
    return f"{cardinal(above)} {one if int(above) == 1 else many}"


def scaled(text: str, scale: str) -> str:
    """('5', 'k') -> 'five thousand'."""
    return f"{number(text)} {SCALES.get(scale.lower(), scale.lower())}"


def roman(letters: str) -> int | None:
    """'XIV' -> 14; None for what is not written as Romans did."""
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    numbers = [values[letter] for letter in letters.upper()]
    total = sum(-one if one < other else one for one, other in zip(numbers, [*numbers[1:], 0], strict=True))
    return total if 0 < total < 4_000 and _to_roman(total) == letters.upper() else None


def _to_roman(total: int) -> str:
    signs = ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"]
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    written = ""
    for sign, value in zip(signs, values, strict=True):
        written += sign * (total // value)
        total %= value
    return written


def _plain(words: str) -> str:
    return words.replace("-", " ").replace(",", "")
