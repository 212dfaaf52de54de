"""Digits that are no quantity, read one by one or in pairs: telephones, cards, codes, postcodes, roads, rooms."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import Rule, letters, one_of, rule
from engine.text.normalize.tables.names import DIRECTIONS, STATES
from engine.text.normalize.tables.units import UNITS

_SECRET = (  # what a number behind it is read digit by digit for
    r"(?:code|otp|pin|password|passcode|passkey|token|id|account|acct\.?|confirmation|order|tracking|invoice|ticket|case|"
    r"reference|ref\.?|card|booking|pnr|locator|serial|license|licence|plate|policy|member|membership|employee|badge|"
    r"claim|routing|voucher|coupon|sku|vin|ssn|cvv|cvc|key|error|status|model|part|extension|ext\.?)"
    r"(?:\s(?:number|no\.?|code|id|plate|key|reference|is|was|are|ending(?:\s(?:in|with))?|error|status)){0,3}"
    r"(?:\s?:)?(?:\s?#)?\s?"
)
_CHARACTERS = r"(?=[a-z]{0,11}\d)(?=\d{0,11}[a-z])[a-z\d]{3,17}"
_SIGNS = re.compile(r"\d+|[a-z]+", re.IGNORECASE)
_DIALLED = "call|dial|text|phone|called|dialed|dialled|ring"


def telephone(written: str) -> str:
    """Digit by digit, with a pause between the groups; '800' is eight hundred."""
    groups = re.findall(r"\d+", written)
    plus = "plus " if written.startswith("+") else ""
    return plus + ", ".join(_toll_free(group) for group in groups)


def _telephone(match: Match[str]) -> str:
    return telephone(match[0])


def _toll_free(digits: str) -> str:
    return numbers.paired(digits) if digits == "800" else numbers.spelled(digits)


def characters(written: str) -> str:
    """'ab9453' -> 'ay b nine four five three'; a hyphen is a pause."""
    groups = re.split(r"[\s-]+", written)
    return ", ".join(" ".join(map(_sign, _SIGNS.findall(group))) for group in groups)


def _sign(run: str) -> str:
    return numbers.spelled(run) if run.isdigit() else letters(run)


def _code(match: Match[str]) -> str:
    """What it is stands in front of it."""
    return match[1].replace("#", "number ").replace(" no.", " number") + characters(match[2])


def _hyphened(match: Match[str]) -> str:
    """'X7-99K' -> 'x seven, nine nine k'."""
    return characters(match[0])


def _unlike_a_word(match: Match[str]) -> str:
    """'XK4P7Q', but not 'PS5' or 'COVID19': letters and digits change more than once."""
    switches = re.findall(r"(?<=\d)(?=[A-Z])|(?<=[A-Z])(?=\d)", match[0])
    return characters(match[0]) if len(switches) > 1 else match[0]


def _state(match: Match[str]) -> str:
    if match[2] == "MD" and not match[3]:  # a doctor
        return match[0]
    return match[1] + STATES[match[2]] + (f" {characters(match[3])}" if match[3] else "")


DIGITS: tuple[Rule, ...] = (
    rule(r"\b0x([\da-f]{1,16})\b", lambda m: "zero x " + characters(m[1])),
    # telephones
    rule(
        r"(?<![\w-])(?:\+?1[- ])?(800|833|844|855|866|877|888)-(?=[A-Z]{3})",
        lambda m: f"{'one ' if m[0][:1] in '+1' else ''}{_toll_free(m[1])} ",
        exact=True,
    ),
    rule(r"(?<![\w.])\+(?=(?:[-. ()]{0,2}\d){7,15}\b)\d{1,4}(?:[-. ]?\(?\d{1,10}\)?){1,6}\b(?![.,]\d)", _telephone),
    rule(r"(?<![\w.])(?:\b1[-. ])?(?:\(\d{3}\)\s?|\d{3}[-. ])\d{3}[-. ]\d{4}\b(?!-\d)", _telephone),
    rule(r"\b1[38]00 \d{3} \d{3}\b(?! \d)|(?<![\w.])\(0\d{1,4}\)(?: ?\d{3,8}){1,2}\b|\b555\.\d{4}\b", _telephone),
    rule(r"(?<![\w.,:/-])(?<!\d )0(?:\d{4} \d{5,6}|\d{3} \d{6,7}|\d{2} \d{7,8})\b(?![.,]\d| \d)", _telephone),
    rule(
        r"\b((?:tel|telephone|phone|fax|mobile|cell|whatsapp|call|dial)(?:\s(?:number|no\.?|us(?:\son|\sat)?|at|is))?"
        r"\.?\s?:?\s)(\(?\d{2,5}\)?(?:[-. ]\d{2,6}){1,4})\b(?![.,:]\d|\s[ap]\.?m)",
        lambda m: m[1] + telephone(m[2]),
    ),
    rule(
        r"(?<![\d/.-])(?:\d{2,4}-\d{3}-\d{3,4}|\d{3}-\d{4}|\d{2,4}(?:-\d{2,4}){3,4}|"
        r"(?!(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])-(?:1[5-9]|20))\d{2,3}-\d{2}-\d{4})\b(?!-\d)"
        rf"(?!\s?(?:{one_of(UNITS)})(?!\w))",
        _telephone,
    ),
    rule(r"(?<![\w.,$£€-])(?:[2-9]11|112|999)(?= (?:call|operator|dispatcher|line))", lambda m: numbers.spelled(m[0])),
    rule(rf"\b((?:{_DIALLED}) )(\d11|112|999|988|000|\d{{5,6}})\b(?![,.]\d)", lambda m: m[1] + numbers.spelled(m[2])),
    rule(r"(?<![\w.,:/-])(?<!\d )0\d{2,4}(?: \d{3,4}){2}\b(?![.,]\d)", _telephone),
    rule(r"(?<![\w.,$£€-])404\b(?![,.]\d)", "four oh four"),
    rule(r"\b(40[13])\(?([kb])\b\)?", lambda m: f"{numbers.paired(m[1])} {m[2]}"),
    # cards and accounts
    rule(r"\b\d{4}(?:[ -]\d{4}){2,4}\b|\b\d{4}[ -]\d{6}[ -]\d{5}\b", _telephone),
    rule(
        r"\b(?!(?:AD|BC)\d)[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b",
        lambda m: characters(m[0]),
        exact=True,
    ),
    rule(r"\bX{2,4}-?(\d{4})\b", lambda m: "ending in " + numbers.spelled(m[1]), exact=True),
    # codes
    rule(
        rf"\b({_SECRET})(\d{{3}}(?: \d{{3}}){{1,4}}|\d{{4}}(?: \d{{4}}){{1,4}})\b(?![.,]?\d| \d)"
        rf"(?! (?:{one_of(UNITS)})\b)",
        _code,
    ),
    rule(
        rf"\b({_SECRET})(\d{{3,12}}|{_CHARACTERS}|(?=[a-z-]{{0,20}}\d)[a-z\d]{{1,8}}(?:-[a-z\d]{{1,8}}){{1,4}})\b(?![,:/]\w|\.\d|[-]\w|%)",
        _code,
    ),
    rule(rf"\b({_SECRET})(\d(?:[ -]\d){{2,11}})\b(?![.,]\d)", _code),
    rule(r"\b((?:enter|type|type in|key in|punch in|input) )(\d{4,12})\b(?![.,:/-]\d|\s?%)", _code),
    rule(r"(?<=\w )#(\d{4,12})\b", lambda m: "number " + numbers.spelled(m[1])),
    rule(r"\b\d(?:-\d){3,11}\b|\b\d{1,7}(?:-\d{1,7}){3,5}\b", lambda m: characters(m[0])),
    rule(r"\b(?=[A-Z\d]{0,16}\d)(?=[A-Z\d]{0,16}[A-Z])[A-Z\d]{5,17}\b", _unlike_a_word, exact=True),
    rule(r"\b([A-Z]{1,4})-(\d{5,10})\b(?!-)", lambda m: f"{m[1]}, {numbers.spelled(m[2])}", exact=True),
    rule(r"\b[A-Z]{1,4}\d{1,4}-\d{1,4}[A-Z]{1,4}\b", _hyphened, exact=True),
    # postcodes
    rule(r"\b\d{5}-\d{4}\b", _telephone),
    rule(r"\b((?:zip(?: code)?|postcode|postal code)(?: is)?:? )(\d{4,6})\b", lambda m: m[1] + numbers.spelled(m[2])),
    rule(r"\b(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b", lambda m: characters(m[0]), exact=True),
    rule(
        rf"((?<=[a-z], )|(?<=[a-z],)\s)({'|'.join(STATES)})(?: (\d{{5}}(?:-\d{{4}})?))?\b"
        r"(?=\s*(?:[.,;)!?]|$|\n)|\s[A-Z]?[a-z])",
        _state,
        exact=True,
    ),
    rule(r"\b([A-Z]{2} )(\d{5})\b(?![,.]\d)", lambda m: m[1] + numbers.spelled(m[2]), exact=True),
    # roads, aircraft, agents
    rule(
        r"\b((?:I|US|SR)-\d{1,3}|(?:[Hh]ighway|[Hh]wy\.?|[Rr]oute|[Rr]te\.?|[Ii]nterstate) \d{1,3}) "
        rf"({one_of(DIRECTIONS)})\b",
        lambda m: f"{m[1]} {DIRECTIONS[m[2]]}",
        exact=True,
    ),
    rule(r"\b(I|US|SR|CA|FM|A|M|B|E|Rte)-(\d{2,4})\b(?!-)", lambda m: f"{m[1]} {numbers.paired(m[2])}", exact=True),
    rule(r"\b([A-Z]{1,4}|[A-Z][a-z]{1,12})-(\d{3})\b(?!-)", lambda m: f"{m[1]} {numbers.paired(m[2])}", exact=True),
    rule(r"\b([A-Z]{1,3})(\d{3,4})\b(?![.,:/-]\d)", lambda m: f"{m[1]} {numbers.paired(m[2])}", exact=True),
    rule(r"\b(\d{3,4})p\b", lambda m: f"{numbers.paired(m[1])} p"),
    rule(r"\b7[0-8]7(?=s\b| (?:jet|plane|aircraft|max|dreamliner))", lambda m: numbers.paired(m[0])),
)
