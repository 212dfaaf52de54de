"""Numbers -> English words, without hyphens or commas. Strings of digits in, lower-case words out."""

from __future__ import annotations

from num2words import num2words

_CURRENCIES = {  # symbol: (one, many, one hundredth, many hundredths)
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
}
CURRENCY_SYMBOLS = "".join(_CURRENCIES)
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_LONGEST = 15  # digits; beyond, a number is read digit by digit


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


def decade(digits: str) -> str:
    """'1990' -> 'nineteen nineties', '90' -> 'nineties'."""
    words = year(digits) if len(digits) == 4 else cardinal(digits)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def money(symbol: str, amount: str, scale: str = "") -> str:
    """('$', '3.50', '') -> 'three dollars and fifty cents'; ('£', '2.5', 'm') -> 'two point five million pounds'."""
    one, many, one_hundredth, many_hundredths = _CURRENCIES[symbol]
    if scale:
        return f"{number(amount)} {_SCALES.get(scale.lower(), scale.lower())} {many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return f"{number(amount)} {many}"
    units, hundredths = whole.lstrip("0") or "0", int(fraction or "0")
    parts = []
    if units != "0" or not hundredths:
        parts.append(f"{cardinal(units)} {one if units == '1' else many}")
    if hundredths:
        parts.append(f"{cardinal(str(hundredths))} {one_hundredth if hundredths == 1 else many_hundredths}")
    return " and ".join(parts)


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
    if not 2 <= int(below) <= 20 or int(above) >= int(below):
        return f"{cardinal(above)} over {cardinal(below)}"
    part = ordinal(below)
    one, many = _FRACTIONS.get(int(below), (part, part + "s"))
    return f"{cardinal(above)} {one if int(above) == 1 else many}"


def scaled(text: str, scale: str) -> str:
    """('5', 'k') -> 'five thousand'."""
    return f"{number(text)} {_SCALES[scale.lower()]}"


def _plain(words: str) -> str:
    return words.replace("-", " ").replace(",", "")
