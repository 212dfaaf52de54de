"""Texts that are odd, each as long as one utterance may be: what is slow to cut, to read out, or to tell apart."""

from __future__ import annotations

from benchmarks.attack.target import CONFIG, Outcomes, Request, Round, Target, together, utterance
from gapless.tts.v1 import tts_pb2 as pb

CHARS = 19_980
CALLERS = 3  # utterances of the text at once


def _filled(pattern: str) -> str:
    return (pattern * (CHARS // len(pattern) + 1))[:CHARS]


TEXTS = {
    "ordinary sentences": _filled("This is a sentence like many others, and nobody minds it. "),
    "ideographs, each a sentence": _filled("好。"),
    "'Hi! ' again and again": _filled("Hi! "),
    "letters and dots": _filled("a."),
    "letters, dots and spaces": _filled("a. "),
    "digits only": _filled("1234567890"),
    "numbers of many digits": _filled("98765432109876543210 "),
    "amounts of money": _filled("$1,234,567.89, "),
    "spaces only": _filled(" "),
    "newlines only": _filled("\n"),
    "an empty line after each letter": _filled("a\n\n"),
    "dots and closing quotes": _filled('."'),
    "dashes": _filled(" - "),
    "abbreviations": _filled("Mr. Dr. St. "),
    "initials": _filled("A.B."),
    "combining marks": "e" + "\u0301" * (CHARS - 1),
    "right to left with overrides": _filled("\u202e\u05d0\u05d1\u202c\u0627 \u0644. "),
    "NULs and control characters": _filled("\x00\x01\x1b\x7f"),
    "what stands for surrogates": _filled("\ufffd\ufffe\U0010ffff\ue000"),
    "ligatures that unfold": _filled("\ufdfa"),
    "joined emoji": _filled("\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    "an address of the web": "https://example.com/" + _filled("a/b?c=%20&")[20:],
    "deep markup": _filled("<speak><p>"),
    "tags that never close": _filled("[laugh "),
    "pauses of ten seconds": _filled('Hi. <break time="10s"/> '),
    "one long sentence": _filled("word "),
}


def odd_text(text: str, config: Request = CONFIG) -> Round:
    messages = [config, Request(text=pb.Text(text=text)), Request(end_of_input=pb.EndOfInput())]

    async def attack(target: Target) -> Outcomes:
        return await together(utterance(target, messages) for _ in range(CALLERS))

    return attack
