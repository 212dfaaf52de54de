"""Where sentences and clauses end. Text -> marks, and for each of them whether it ends something.

A mark is judged from the text round it, of which a bounded part counts, so that all judgements together take time in
proportion to the text. What is not there yet is waited for: the same text is cut the same way however it arrives.
"""

from __future__ import annotations

import re
from re import Match

from engine.text import dots
from engine.text.dots import words
from engine.text.normalize.tables.names import TITLES

_CLOSERS = "\"'”’)\\]»」』）】》〉"
_STOPS = "。！？｡؟۔।॥"  # end a sentence by themselves
_WIDE_COMMAS = "，、；："
RUN = 30  # marks that are looked at together, and white space or letters behind them
_NEARBY = 64  # characters before or behind a mark that tell what it is

MARK = re.compile(
    rf"(?=[.!?…\u037e\n,;:،؛—–{_STOPS}{_WIDE_COMMAS}-])"  # most characters are none
    rf"(?:(?P<wide_stop>[.!?…]{{0,{RUN}}}[{_STOPS}][{_STOPS}.!?…]{{0,{RUN}}}[{_CLOSERS}]{{0,{RUN}}})"
    rf"|(?P<stop>[.!?…\u037e]{{1,{RUN}}}[{_CLOSERS}]{{0,{RUN}}})"
    r"|(?P<line>\n)"
    rf"|(?P<comma>[,;:،؛][{_CLOSERS}]{{0,{RUN}}})"
    rf"|(?P<wide_comma>[{_WIDE_COMMAS}]{{1,{RUN}}}[{_CLOSERS}]{{0,{RUN}}})"
    rf"|(?P<long_dash>—)|(?P<dash>[-–]{{1,{RUN}}}))"
)
SENTENCE_MARKS = ("wide_stop", "stop", "line")

_WIDE_GOES_ON = frozenset(_STOPS + ".!?…" + _CLOSERS)
_WIDE_COMMA_GOES_ON = frozenset(_WIDE_COMMAS + _STOPS + _CLOSERS)
_BULLETS = "-*•"
_LINE_BREAKS = re.compile(rf"[ \t]{{0,20}}(?:\n|[{_BULLETS}] |\d{{1,4}}[.)] )")
_LINE_MAY_BREAK = re.compile(rf"[ \t]{{0,20}}(?:[{_BULLETS}]|\d{{1,4}}[.)]?)?\Z")
_PARAGRAPH = re.compile(r"\s*?\n[ \t]*\n")
_OPENERS = "\"'“‘(["

_ABBREVIATIONS = words(
    "mr mrs ms dr prof st sr jr vs etc vol fig approx dept est inc ltd co corp gen col lt sgt capt rev hon jan feb mar "
    "apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun e.g i.e a.m p.m ph.d mt ft ave "
    "blvd rd ln hwy apt ste pres sen gov maj cpl cmdr adm messrs ext cf pp "
    "bzw usw ca str evtl vgl sra srta ud uds p.ej mme mlle dott sig bijv enz osv dvs t.ex f.eks bl.a np itd тыс "
    "млн"
)
_WITH_A_CAPITAL = words("sat sun mon wed fig mar dec gen col rev hon ft mt apt adm sen ste")  # else words
_ENDS_ANYWAY = words("etc usw enz osv itd a.m p.m inc ltd co corp jr sr")
_STREETS = words("st dr ave rd blvd ln hwy")
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])*")
_ORDINAL_DIGITS = 2  # as many languages write it: 'den 3. juli'
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_STARTERS = words(
    "The It He She We They You I There This That These Those My Your Our Their His Her Please Then But And So If When "
    "Would Could Can Do Did Does Is Are Was Were Yes Let Now After Before In On At For What Where Why How"
)
_AFTER_A_TIME = re.compile(
    r"(?:[A-Z]{2,4}|Eastern|Central|Mountain|Pacific|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?)$"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_GLUED = re.compile(r"(?:[A-Z][a-z]{1,30}|[IA](?=[\s'’]))")
_NAME_ENDS = words(  # behind a dot, a host's or a file's last part even with a capital
    "com net org edu gov io ai dev app js ts py md txt pdf html css json xml csv exe zip java cpp rs go sh co uk de us "
    "yaml yml toml ini cfg doc docx xls xlsx ppt pptx png jpg jpeg gif svg mp3 mp4 wav vue jsx tsx php rb"
)
_MAY_GO_ON = re.compile(
    r"(?<![:/\d])(?!(?:1[5-9]|20)\d\d\Z)\d+\Z|\A(?:https?://[^/.]*|(?:https?://)?www(?:\.[^/.]*)?)\Z"
)
_DOTTED_NUMBER = re.compile(r"[$€£]?(?:\d|\d{1,9}(?:\.\d{1,9}){1,4})")
_FACTORIAL = 6  # characters that it looks at
_MAY_BE_FACTORIAL = re.compile(r"(?:(?<![\w'’])[a-z]|(?<![\w.:$])\d{1,3}|\b[a-z] ?[-+] ?\d\))\Z")
_OPERATORS = frozenset("=+*/×·÷<>≤≥≈≠^−")
_NAME_SIGNS = frozenset("@/\\_=.#")


def ends(text: str, begin: int, mark: Match[str], final: bool) -> bool | None:
    """Whether the mark ends a sentence, line or clause of the segment that begins at `begin`; None: it depends on what
    follows the text. `final`: nothing follows."""
    end, kind = mark.end(), mark.lastgroup
    following = text[end : end + 1]
    if not following and not final and kind != "long_dash":
        return None
    if kind == "wide_stop":
        return following not in _WIDE_GOES_ON
    if kind == "stop":
        return _stop_ends(text, begin, mark, final)
    if kind == "line":
        return _line_ends(text, end, following, final)
    if kind == "comma":
        return not following or following.isspace()
    if kind == "wide_comma":
        return following not in _WIDE_COMMA_GOES_ON
    if kind == "long_dash":
        return True
    before = text[max(begin, mark.start() - 1) : mark.start()]
    return before.isspace() and (not following or following.isspace())


def _line_ends(text: str, end: int, following: str, final: bool) -> bool | None:
    """Of a line end: whether an empty line or an item of a list follows."""
    if following == "\n":
        return True
    if following and not following.isspace() and not following.isdecimal() and following not in _BULLETS:
        return False
    if _LINE_BREAKS.match(text, end):
        return True
    return None if not final and _LINE_MAY_BREAK.match(text, end) else final and not text[end:].strip()


def ends_well(text: str, begin: int) -> bool:
    """Whether the text from `begin` on is a whole sentence, by what it ends with: not the dot of an abbreviation, of a
    number or of an address that may go on."""
    return _last_mark(text, begin, may_go_on=False)


def ends_somehow(text: str, begin: int) -> bool:
    """As `ends_well`, and the dot of a number or an address counts, too."""
    return _last_mark(text, begin, may_go_on=True)


def _last_mark(text: str, begin: int, may_go_on: bool) -> bool:
    tail = max(begin, len(text) - _NEARBY)
    marks = [mark for mark in MARK.finditer(text, tail) if mark.lastgroup in ("stop", "wide_stop")]
    if not marks or text[marks[-1].end() :].strip():
        return False
    mark = marks[-1]
    if mark.lastgroup == "wide_stop":
        return True
    word = _word_before(text, begin, mark)
    if mark[0] == "." and _MAY_GO_ON.search(word):
        return may_go_on
    return "." not in mark[0] or not _is_abbreviation(word) or word.lower() in _ENDS_ANYWAY


def _stop_ends(text: str, begin: int, mark: Match[str], final: bool) -> bool | None:
    end = mark.end()
    if end < len(text) and not text[end].isspace():
        return _is_glued(text, begin, mark, final)
    if "." not in mark[0]:
        return _is_no_factorial(text, begin, mark, final)
    return text.startswith("\n\n", end) or _dot_ends(text, begin, mark, final)


def _dot_ends(text: str, begin: int, mark: Match[str], final: bool) -> bool | None:
    """Of a dot before white space: by the word that it belongs to and by what follows."""
    end = mark.end()
    before = text[max(begin, mark.start() - _NEARBY) : mark.start()]
    word = _last_word(before)
    if not word:
        return True
    ordinal = len(word) <= _ORDINAL_DIGITS and word.isdecimal()
    abbreviation = not ordinal and _is_abbreviation(word)
    if not (ordinal or abbreviation or dots.is_doubtful(word, before)):
        return True
    following = text[end : end + _NEARBY]
    if "\n" in following and _PARAGRAPH.match(following):
        return True
    rest = following.lstrip()
    if not rest:
        return True if len(following) == _NEARBY else (False if final else None)
    if ordinal:
        return not rest[0].islower()
    if not abbreviation:
        if not final and len(following) < _NEARBY and not dots.may_decide(word, before, rest):
            return None
        if dots.goes_on(word, before, rest):
            return False
        return _may_end_title(word, rest, final)
    return _may_end(text, begin, mark, word, rest, final)


def _may_end_title(word: str, rest: str, final: bool) -> bool | None:
    """'Fr. Brown', but 'my Fr. Then'"""
    following = _WORD.match(rest)
    if word not in TITLES or following is None or not following[0][0].isupper():
        return True
    if following.end() == len(rest) < _NEARBY and not final:
        return None
    return following[0].partition("'")[0] in _STARTERS


def _is_no_factorial(text: str, begin: int, mark: Match[str], final: bool) -> bool | None:
    """'n! = 120' and '5! is' go on."""
    if mark[0] != "!" or not _MAY_BE_FACTORIAL.search(text, max(begin, mark.start() - _FACTORIAL), mark.start()):
        return True
    following = text[mark.end() : mark.end() + _NEARBY]
    rest = following.lstrip()
    if not rest:
        return final or len(following) == _NEARBY or None
    return rest[0] not in _OPERATORS and not rest[0].islower()


def _may_end(text: str, begin: int, mark: Match[str], word: str, rest: str, final: bool) -> bool | None:
    """Of an abbreviation that can stand at the end of a sentence: whether what follows begins one."""
    small = word.lower()
    street = small in _STREETS and _behind_a_name(text, begin, mark, word)
    acronym = "." in word and small not in _ABBREVIATIONS
    if not (street or acronym or small in _ENDS_ANYWAY) or not rest[0].isupper():
        return False
    following = _WORD.match(rest)
    if following is None:
        return True
    if following.end() == len(rest) < _NEARBY and not final:
        return None
    if street or acronym:
        return following[0] in _STARTERS or following[0].partition("'")[0] in _STARTERS
    return not (small in ("a.m", "p.m") and _AFTER_A_TIME.match(following[0]))


def _behind_a_name(text: str, begin: int, mark: Match[str], word: str) -> bool:
    """'12 Oak Dr.', unlike 'see Dr.'"""
    before = text[max(begin, mark.start() - _NEARBY) : mark.start() - len(word)].split()
    return bool(before) and (before[-1][:1].isupper() or before[-1][:1].isdigit())


def _word_before(text: str, begin: int, mark: Match[str]) -> str:
    """What is written together with the mark, up to it."""
    return _last_word(text[max(begin, mark.start() - _NEARBY) : mark.start()])


def _last_word(before: str) -> str:
    find = before.rfind
    return before[max(find(" "), find("\n"), find("\t"), find("\u00a0")) + 1 :].lstrip(_OPENERS)


def _is_abbreviation(word: str) -> bool:
    small = word.lower()
    if small in _ABBREVIATIONS:
        return small not in _WITH_A_CAPITAL or word[:1].isupper()
    return word[1:2] in (".", "") and _INITIALS.fullmatch(word) is not None


def _is_glued(text: str, begin: int, mark: Match[str], final: bool) -> bool | None:
    """'three rooms.Which one': a capital begins a word there, and it is no host, file or name such as Node.JS."""
    end = mark.end()
    if not text[end].isupper():
        return False
    near = text[end : end + _NEARBY]
    letters = _LETTERS.match(near)
    waits = not final and (letters is None or letters.end() + 2 > len(near)) and len(near) < _NEARBY
    begins = _GLUED.match(near)
    is_word = letters is not None and begins is not None and begins.end() == letters.end()
    if not waits and (letters is None or not is_word or letters[0].lower() in _NAME_ENDS):
        return False
    word = _word_before(text, begin, mark)
    only_starters = _only_before_a_starter(text, begin, mark, word) if len(word) >= 2 - word.isdigit() else None
    if only_starters is None:
        return False
    if waits or letters is None:  # without letters it waits
        return None
    if only_starters and letters[0] not in _STARTERS:
        return False
    behind = near[letters.end() : letters.end() + 2]
    return behind[:1] not in ("_", "/", "@", "(", "\\", "=") and not (behind[:1] == "." and behind[1:].isalpha())


def _only_before_a_starter(text: str, begin: int, mark: Match[str], word: str) -> bool | None:
    """Whether what is glued to the mark must be a word that begins sentences, since this may be a name or a number
    whose parts dots join; None: not even then."""
    small = word.lower()
    if small in ("a.m", "p.m"):
        return False
    if _DOTTED_NUMBER.fullmatch(word):
        return None if mark.start() - len(word) <= begin else True
    if small.rpartition(".")[2] in _NAME_ENDS and "@" not in word and "." in word:
        return True
    if "." in word and small not in _ABBREVIATIONS and _INITIALS.fullmatch(word) and word.isupper():
        return True
    if _NAME_SIGNS.intersection(word) or not (word[-1].islower() or word[-1].isdigit()) or _is_abbreviation(word):
        return None
    return False
