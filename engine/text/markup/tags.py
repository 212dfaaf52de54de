"""Tags of HTML and of a subset of SSML: they are dropped, and some of them say how the text is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from engine.messages import TextFormat
from engine.text.markup.cursor import Cursor, Dropped, Window
from engine.text.markup.links import speak_url
from engine.text.markup.rules import MORE, Style, window, words

_TAG_CHARS = 400
_CONTENT = 300  # characters of an element that is read as a whole
_NAME = r"[A-Za-z][\w:.-]{0,40}"
_VALUE = r"""(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'=<>`/]++)"""
_TAG = re.compile(rf"<(/?)({_NAME})((?:\s++{_NAME}\s*+=\s*+{_VALUE})*+)\s*+(/?)>")
_BEGUN = re.compile(
    rf"""</?(?:{_NAME}(?:\s++{_NAME}\s*+=\s*+{_VALUE})*(?:\s++(?:{_NAME}\s*+(?:=\s*+(?:"[^"<>]*|'[^'<>]*|[^\s"'=<>`]*))?)?)?/?)?\Z"""
)
_BEGUN_WORD = re.compile(rf"</?(?:{_NAME})?\Z")
_ATTRIBUTE = re.compile(rf"({_NAME})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`/]+))")
_LINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,300}|[\w.+-]{1,64}@[^\s<>]{1,300})>")
_LINK_BEGUN = re.compile(
    r"<(?:(?:https?://|mailto:)[^\s<>]{0,300}|h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|m(?:a(?:i(?:l(?:to?)?)?)?)?"
    r"|[\w.+-]{1,64}(?:@[^\s<>]{0,300})?)\Z"
)
_DECLARATION = re.compile(r"<[!?][^<>]{0,300}>")
_TIME = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s?(ms|s)")


_BLOCKS = frozenset(
    words(
        "p div h1 h2 h3 h4 h5 h6 li tr table ul ol dl dt dd blockquote section article header footer nav aside main hr "
        "figure figcaption caption details summary pre form body html head title thead tbody tfoot"
    )
)
_CELLS = frozenset(words("td th"))
_INLINE = words(
    "a b i u em strong span small big sub sup mark code kbd samp var q cite abbr s ins font center label "
    "button time data wbr img video audio picture source input select option textarea iframe canvas svg math link meta "
    "base area map object embed param track tt br colgroup col bdi bdo ruby rt rp dfn address fieldset legend output "
    "progress meter dialog slot"
)
_UNSPOKEN = words("script style template noscript")
_STRUCK = words("del strike")
_THOUGHTS = words("think thinking thought thoughts reasoning reflection scratchpad")
_FRAMES = words(  # of a model's answer
    "answer final_answer response tool_call tool_calls tool_use tool_result tool_response function_call function_calls"
)
_SPEECH = frozenset(
    words("speak break say-as phoneme emphasis prosody voice lang mark desc lexicon meta metadata w token audio")
)
_UNREAD = frozenset(_UNSPOKEN + _THOUGHTS)
_KNOWN = _BLOCKS.union(_CELLS, _INLINE, _UNREAD, _STRUCK, _FRAMES, _SPEECH)
_STRENGTHS = {"strong": 0.75, "x-strong": 1.0}  # seconds; of a medium one, as long as the voice's own pause
LONGEST_PAUSE_S = 10.0
_ORDINALS = {"1": "st", "2": "nd", "3": "rd"}
_SPELLED = words("characters spell-out verbatim letters digits telephone")
_PLAIN = words("cardinal number date time currency money unit fraction address duration")  # read from the text itself


def tag(cursor: Cursor, style: Style) -> bool | None:
    """'<' may begin a comment, a declaration, an address in brackets, or a tag that is known."""
    seen, at = window(cursor, _TAG_CHARS), cursor.at
    if seen.lacks(at + 1):
        return MORE
    if seen.text[at + 1 : at + 2] in ("!", "?"):
        return _unspoken_markup(cursor, seen)
    if match := _TAG.match(seen.text, at):
        return _act(cursor, style, match) if _is_known(match[2].lower(), style) else False
    if style.text_format is not TextFormat.SSML:
        if link := _LINK.match(seen.text, at):
            return _address(cursor, link)
        if seen.grows and _LINK_BEGUN.match(seen.text, at):
            return MORE
    return MORE if seen.grows and _may_become_tag(seen, at, style) else False


def _address(cursor: Cursor, link: re.Match[str]) -> bool:
    """'<https://example.com>', '<ann@example.com>'"""
    begin = link.start(1) + len("mailto:") * link[1].startswith("mailto:")
    if link[1].startswith(("http://", "https://")):
        speak_url(cursor, begin, link.end(1))
    elif "@" in link[1]:
        cursor.drop(begin)
        cursor.keep(link.end(1))
    else:
        return False
    cursor.drop(link.end())
    return True


def _may_become_tag(seen: Window, at: int, style: Style) -> bool:
    if not _BEGUN.match(seen.text, at):
        return False
    name = re.match(rf"</?({_NAME})", seen.text[at:])
    if name is None or style.text_format is TextFormat.SSML:
        return True
    if _BEGUN_WORD.match(seen.text, at):
        return any(known.startswith(name[1].lower()) for known in _KNOWN)
    return _is_known(name[1].lower(), style)


def _is_known(name: str, style: Style) -> bool:
    return style.text_format is TextFormat.SSML or name in _KNOWN


def _unspoken_markup(cursor: Cursor, seen: Window) -> bool | None:
    """Comments, declarations, processing instructions, and the frame of CDATA."""
    head = seen.text[cursor.at : cursor.at + 9]
    for opening, closing in (("<!--", "-->"), ("<![CDATA[", "")):
        if head.startswith(opening):
            cursor.drop(cursor.at + len(opening), Dropped.TAGS if closing else None)
            cursor.rest = _up_to(closing, spoken=False) if closing else _up_to("]]>", spoken=True)
            return True
        if seen.grows and opening.startswith(head):
            return MORE
    following = seen.text[cursor.at + 2 : cursor.at + 3]
    if following and not following.isalpha():
        return False
    if match := _DECLARATION.match(seen.text, cursor.at):
        cursor.drop(match.end(), Dropped.TAGS)
        return True
    return MORE if seen.grows and not re.search("[<>]", seen.text[cursor.at + 1 :]) else False


def _up_to(closing: str, spoken: bool) -> Callable[[Cursor], bool]:
    """Reads up to where `closing` ends."""

    def read(cursor: Cursor) -> bool:
        text = cursor.text
        found = re.compile(re.escape(closing), re.IGNORECASE).search(text, cursor.at)
        stop = found.start() if found else len(text) - (0 if cursor.final else len(closing) - 1)
        if spoken:
            cursor.keep(stop)
        elif stop > cursor.at:
            cursor.drop(stop)
        if found:
            cursor.drop(found.end())
            cursor.rest = None
        return found is not None

    return read


def _act(cursor: Cursor, style: Style, match: re.Match[str]) -> bool | None:
    closes, name, empty = bool(match[1]), match[2].lower(), bool(match[4])
    attributes = _attributes(match[3]) if match[3] else {}
    in_ssml, end = style.text_format is TextFormat.SSML, match.end()
    if not closes and not empty and (name == "say-as" or (name == "sub" and attributes.get("alias"))):
        return _element(cursor, name, attributes, end)
    if not closes and not empty and name in _STRUCK and (verdict := _struck(cursor, name, end)) is not False:
        return verdict
    if name == "break":
        _pause(cursor, attributes, end)
    elif name == "br":
        cursor.put("\n", end)
    elif name in _CELLS and not closes and not cursor.is_block_empty:
        cursor.separate(end)
    elif name in _BLOCKS or (in_ssml and name == "s"):
        cursor.end_block()
        cursor.drop(end)
    elif name in _UNREAD and not closes and not empty:
        cursor.rest = _up_to(f"</{name}>", spoken=False)
        cursor.drop(end, Dropped.THOUGHTS if name in _THOUGHTS else Dropped.TAGS)
        return True
    elif name == "sup" and not closes:
        cursor.put("^", end)
    elif name == "img" and attributes.get("alt"):
        cursor.put(attributes["alt"], end)
    else:
        cursor.drop(end)
    _note(cursor, name, match[0], in_ssml)
    return True


def _attributes(written: str) -> dict[str, str]:
    return {key.lower(): unescape(a or b or c) for key, a, b, c in _ATTRIBUTE.findall(written)}


def _note(cursor: Cursor, name: str, tag: str, in_ssml: bool) -> None:
    if name in ("speak", "break", "say-as", "sub") or (in_ssml and name in ("p", "s")):
        return
    cursor.note(Dropped.SSML if in_ssml or name in _SPEECH else Dropped.TAGS, tag)


def _pause(cursor: Cursor, attributes: dict[str, str], end: int) -> None:
    """A short break is a comma, a longer one ends the segment and is as long as it says."""
    time = _TIME.fullmatch(attributes.get("time", ""))
    seconds = float(time[1]) / (1000 if time[2] == "ms" else 1) if time else None
    strength = attributes.get("strength", "none" if seconds == 0 else "medium")
    if strength == "none":
        cursor.drop(end)
    elif strength in ("x-weak", "weak") or (seconds is not None and seconds < 0.2):
        cursor.separate(end)
    else:
        cursor.end_block(",", min(seconds or _STRENGTHS.get(strength, 0.0), LONGEST_PAUSE_S))
        cursor.drop(end)


def _element(cursor: Cursor, name: str, attributes: dict[str, str], begin: int) -> bool | None:
    """An element whose content decides what is said."""
    seen = window(cursor, _TAG_CHARS + _CONTENT)
    closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(seen.text, begin)
    if closing is None and seen.grows:
        return MORE
    if closing is None:
        cursor.drop(begin, Dropped.SSML)
        return True
    stop, end = closing.start(), closing.end()
    kind = attributes.get("interpret-as", "").lower()
    cursor.drop(begin)
    if name == "sub":
        cursor.put(attributes["alias"], stop)
    elif kind in _SPELLED:
        _spell(cursor, stop)
    elif kind == "ordinal" and seen.text[begin:stop].strip().isdecimal():
        _ordinal(cursor, stop)
    elif kind not in _PLAIN:
        cursor.note(Dropped.SSML, f"say-as {kind}")
    if "<" in seen.text[cursor.at : stop] or "&" in seen.text[cursor.at : stop]:
        return True
    cursor.keep(stop)
    cursor.drop(end)
    return True


def _struck(cursor: Cursor, name: str, begin: int) -> bool | None:
    """An element that was taken back is dropped with its content, if it closes soon enough."""
    seen = window(cursor, _TAG_CHARS + _CONTENT)
    closing = re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE).search(seen.text, begin)
    if closing is None:
        return MORE if seen.grows else False
    cursor.drop(closing.end(), Dropped.STRUCK)
    return True


def _spell(cursor: Cursor, stop: int) -> None:
    """Letter by letter, digit by digit."""
    first = True
    while cursor.at < stop:
        char = cursor.text[cursor.at]
        if char.isalnum():
            if not first:
                cursor.insert(" ")
            first = False
            cursor.put(char.upper(), cursor.at + 1)
        else:
            cursor.drop(cursor.at + 1)


def _ordinal(cursor: Cursor, stop: int) -> None:
    digits = cursor.text[cursor.at : stop].strip()
    teens = digits[-2:-1] == "1"
    cursor.put(digits + ("th" if teens else _ORDINALS.get(digits[-1], "th")), stop)
