"""The punctuation that the published models were given: str -> str, in the order of the reference's `punc_norm`.

Two sets of rules, one for the models with a tokenizer of their own (base, multilingual) and one for those on GPT-2's
(Turbo, Nano). Unlike the reference, no sentence is invented for empty text; and emoji, pictographs and control
characters are dropped, where the reference passes them on as unknown tokens or stray bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTES = (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"))
_DASHES_AND_COMMAS = (("—", "-"), ("–", "-"), (" ,", ","))
_ENDS = (".", "!", "?", "-", ",")
# Arrows, technical signs, boxes, dingbats, emoji and their modifiers, private use, control characters; letters in
# circles (2460-24ff) and mathematical operators are none of them.
_SILENT = re.compile(
    r"[\u2190-\u21ff\u2300-\u245f\u2500-\u2bff\u20e3\ufe0e\ufe0f\ue000-\uf8ff\ufff9-\uffff\U0001f000-\U0001faff"
    r"\U000e0000-\U000e007f\U000f0000-\U0010ffff\ud800-\udfff\u0000-\u0008\u000e-\u001f\u007f-\u009f]+"
    r"[\u200d\ufe0f]*"
)


@dataclass(frozen=True, kw_only=True)
class Punctuation:
    replacements: tuple[tuple[str, str], ...]  # in this order
    ends: tuple[str, ...]  # what a text may end with; anything else gets a full stop

    def apply(self, text: str) -> str:
        """Everything but the full stop at the end; "" stays ""."""
        text = _capitalised(" ".join(without_silent(" ".join(text.split())).split()))
        for written, wanted in self.replacements:
            text = text.replace(written, wanted)
        return text.rstrip(" ")

    def framed(self, piece: str, *, last: bool) -> str:
        """A piece of that text as a text of its own; inside a sentence a comma keeps the voice up."""
        piece = _capitalised(piece)
        return piece if piece.endswith(self.ends) else piece + ("." if last else ",")


BASE = Punctuation(
    replacements=(("...", ", "), ("…", ", "), (":", ","), (" - ", ", "), (";", ", "), *_DASHES_AND_COMMAS, *_QUOTES),
    ends=_ENDS,
)
MULTILINGUAL = Punctuation(replacements=BASE.replacements, ends=(*_ENDS, "、", "，", "。", "？", "！"))
GPT2 = Punctuation(replacements=(("…", ", "), (":", ","), *_DASHES_AND_COMMAS, *_QUOTES), ends=_ENDS)


def without_silent(text: str) -> str:
    """Drops what has no sound, and the space that would then stand before a mark. White space is single spaces."""
    return _SILENT.sub(" ", re.sub(rf" ?{_SILENT.pattern}(?= ?[.,!?])", "", text))


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:] if text[:1].islower() else text
