"""Addresses of pages, mail, hosts and files: their dots and slashes mean something else than elsewhere."""

from __future__ import annotations

import re
from re import Match

from engine.text.normalize import numbers
from engine.text.normalize.rule import letters, rule

_SCHEME = re.compile(r"^[a-z][a-z+]{1,9}://", re.IGNORECASE)
_SIGNS = {
    ".": "dot",
    "/": "slash",
    "\\": "backslash",
    "@": "at",
    "-": "dash",
    "_": "underscore",
    "~": "tilde",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "+": "plus",
}
_PARTS = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)
_NO_VOWEL = re.compile("[^aeiouy]{1,4}", re.IGNORECASE)
_SPELLED = frozenset(("etc", "www", "uk", "io", "ai", "py", "us", "eu", "api", "html", "xml", "exe", "ios", "yml"))
_ENDINGS = "(?-i:com|org|net|edu|gov|io|dev|ai|app|me|info|co|us|uk|de|fr|eu|ca|au|co\\.uk|COM|ORG|NET)"
_FILES = (
    "(?-i:py|txt|pdf|html?|css|jsx?|tsx?|json|xml|csv|tsv|md|rst|ya?ml|toml|ini|cfg|conf|log|sh|bat|exe|dll|zip|tar|gz|docx?|"
    "xlsx?|pptx?|png|jpe?g|gif|svg|mp[34]|wav|flac|mov|java|cpp|rs|go|rb|php|sql|env|lock|ipynb|MD|PDF|TXT|CSV)"
)


def _web(match: Match[str]) -> str:
    """An address, symbol by symbol."""
    return " ".join(filter(None, map(_part, _PARTS.findall(_SCHEME.sub("", match[0])))))


def _part(part: str) -> str:
    if part.isdigit():
        return numbers.cardinal(part) if len(part) < 5 else numbers.spelled(part)
    if not part.isalpha():
        return _SIGNS.get(part, "")
    if part.lower() in _SPELLED or _NO_VOWEL.fullmatch(part):
        return letters(part)
    return part


def _handle(match: Match[str]) -> str:
    return "at " + " ".join(_PARTS.findall(match[1].replace("_", " ")))


WEB = (
    rule(r"\b(localhost)(?::(\d{2,5}))\b", lambda m: f"{m[1]} {numbers.paired(m[2])}"),
    rule(
        r"\b[a-z][a-z+]{1,9}://[^\s\"<>()]*\w/?|\bwww\.[^\s\"<>()]*\w|"
        r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}",
        _web,
    ),
    rule(
        rf"(?<![\w.@/-])[a-z][\w-]{{0,63}}(?:\.[\w-]{{1,63}}){{0,8}}\.(?:{_ENDINGS})\b(?!\.\w)(?::\d{{2,5}})?"
        r"(?:/[\w./?=&#%~+-]*\w)?(?!\s?\()",
        _web,
    ),
    rule(rf"(?<![\w.@/-])(?:[\w-]{{1,63}}[./]){{0,8}}[\w-]{{1,63}}\.(?:{_FILES})\b(?![\w/])(?!\.\w)", _web),
    rule(rf"(?<![\w.])\.({_FILES}|com|org|net)\b", lambda m: f"dot {_part(m[1])}"),
    rule(r"(?<![\w/.~<])(?:~|\.{1,2})?/(?:[\w.-]+/){1,12}[\w.-]*\w|(?<![\w/.~])~/[\w.-]*\w", _web),
    rule(r"\b[a-z]:\\[\w\\. -]{0,200}\w|(?<![\w/.])/(?:etc|home|usr|var|tmp|opt|dev|bin|root|api|v\d)\b", _web),
    rule(r"\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\b(?!\.\d)", lambda m: " dot ".join(map(_octet, m.groups()))),
    rule(r"(?<![\w@])@([a-z]\w{1,40})", _handle),
    rule(
        r"(?<![\w#&])#(?=[a-f]{0,5}\d)(?=\d{0,5}[a-f])([\da-f]{6}|[\da-f]{3})\b",
        lambda m: "hash " + " ".join(numbers.spelled(sign) if sign.isdigit() else letters(sign) for sign in m[1]),
    ),
    rule(r"(?<![\w#&])#(?=[a-z])", "hashtag "),
    rule(r"(?<=[^\W_])_(?=[^\W_])", " "),
)


def _octet(digits: str) -> str:
    """Of an Internet address: '192' -> 'one ninety two'."""
    return numbers.paired(digits) if len(digits) == 3 and digits[1:] != "00" else numbers.cardinal(digits)
