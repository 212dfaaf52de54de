"""How soon is an agent's reply spoken, and does a pause ever tear a phrase?

A hundred replies of a simulated agent: tokens as a language model writes them, with pauses of up to five seconds (tool
calls between sentences, hesitation inside them), lists, tables, code, links. They are played on a scripted clock to the
reader of markup and the segmenter, which decide when the first sound can begin; networks take the same time for all.

    python -m benchmarks.text.agent_replies
    python -m benchmarks.text.agent_replies --cost      # processor time of a sentence
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.support.machine import describe
from engine.messages import CodeBlocks, TextFormat
from engine.text.markup import Style
from engine.text.segmenter import Segmenter, SegmenterConfig, TextSegment

REPLIES = 100
NS_PER_S = 1_000_000_000
MAX_DELAY_S = 1.0
THINKS_S = 0.3  # before the first token
STYLE = Style(text_format=TextFormat.AUTO, code_blocks=CodeBlocks.ANNOUNCE, is_english=True)
_TOKEN = re.compile(r"\s*[^\s\w]|\s*\w{1,6}|\s+")  # as tokenizers cut: space in front, long words in parts

SENTENCES = (
    "Let me look that up.", "I found three rooms for you.", "Which one do you want?", "That should work, I think.",
    "The first one costs $85 a night, and breakfast is included.", "It is quiet; it faces the garden.",
    "Dr. Lee is free at 3:30 p.m. on Tuesday.", "Great!", "One moment, please.", "Well, it depends on the weather.",
    "You can reach them at 415-555-0142.", "The total is $5.50, which you paid on 3/4.", "Done.", "Sure, no problem.",
    "I would take the 5 * 3 meter room, since it is larger.", "Is there anything else?", "R&D has the file_name_v2.",
)  # fmt: skip
MARKED = (  # as it is written, and as it is spoken
    ("This is **very important**, so read it *twice*.", "This is very important, so read it twice."),
    ("See [the guide](https://example.com/a/b?c=d) for more.", "See the guide for more."),
    ("Call `get_name()` first.", "Call get name first."),
    ("Tom &amp; Ann said it&#39;s fine.", "Tom & Ann said it's fine."),
    ("The rule is $x^2 \\leq 9$ here.", "The rule is x squared is less than or equal to 9 here."),
)
BLOCKS = (
    ("\n\n## Next steps\n\n", " Next steps. "),
    ("\n\n- eggs\n- two cups of milk\n- salt\n\n", " eggs. two cups of milk. salt. "),
    ("\n\n1. Open the app.\n2. Tap **Save**.\n\n", " 1, Open the app. 2, Tap Save. "),
    ("\n\n```python\nfor x in y:\n    print(x)\n```\n\n", " Code block. "),
    ("\n\n| Room | Price |\n|---|---|\n| Oak | $85 |\n\n", " Room, Price. Oak, $85. "),
)


@dataclass(frozen=True)
class Reply:
    pieces: list[tuple[float, str]]  # (seconds, text)
    spoken: str

    @property
    def ends_s(self) -> float:
        return self.pieces[-1][0] + 0.05


def replies(count: int = REPLIES, seed: int = 18) -> list[Reply]:
    rng = random.Random(seed)
    return [_reply(rng) for _ in range(count)]


def _reply(rng: random.Random) -> Reply:
    parts: list[tuple[str, str]] = []
    for index in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.6 or not index:
            sentence = rng.choice(SENTENCES)
            parts.append((sentence + " ", sentence + " "))
        elif kind < 0.8:
            written, spoken = rng.choice(MARKED)
            parts.append((written + " ", spoken + " "))
        else:
            parts.append(rng.choice(BLOCKS))
    pace_s, at_s = rng.choice((0.02, 0.04, 0.08, 0.35)), THINKS_S
    pieces: list[tuple[float, str]] = []
    for written, _ in parts:
        for token in _TOKEN.findall(written):
            pieces.append((at_s, token))
            at_s += pace_s * rng.uniform(0.5, 1.5)
            if rng.random() < 0.01:
                at_s += rng.uniform(0, 5)  # in the middle of a phrase
        if rng.random() < 0.4:
            at_s += rng.uniform(0, 5)  # a tool call
    return Reply(pieces, "".join(spoken for _, spoken in parts))


def play(reply: Reply, style: Style = STYLE) -> list[tuple[float, TextSegment]]:
    """When each segment is cut, and what it is."""
    segmenter = Segmenter(SegmenterConfig(), round(MAX_DELAY_S * NS_PER_S), style)
    cuts: list[tuple[float, TextSegment]] = []

    def take(now_ns: int) -> None:
        taken = segmenter.take_all(now_ns)
        cuts.extend((now_ns / NS_PER_S, one) for one in taken if isinstance(one, TextSegment))

    for at_s, piece in reply.pieces:
        for deadline_ns in _deadlines(segmenter, at_s):
            take(deadline_ns)
        segmenter.push(piece, round(at_s * NS_PER_S))
        take(round(at_s * NS_PER_S))
    for deadline_ns in _deadlines(segmenter, reply.ends_s):
        take(deadline_ns)
    segmenter.end(round(reply.ends_s * NS_PER_S))
    take(round(reply.ends_s * NS_PER_S))
    return cuts


def _deadlines(segmenter: Segmenter, until_s: float) -> Iterator[int]:
    while (deadline_ns := segmenter.deadline_ns) is not None and deadline_ns < until_s * NS_PER_S:
        yield deadline_ns


def cost_ms(text: str) -> float:
    """Processor time per segment of reading the markup of a text and cutting it, word by word."""
    segmenter, words = Segmenter(SegmenterConfig(), NS_PER_S, STYLE), re.findall(r"\s*\S+", text)
    began, count = time.process_time(), 0
    for at, word in enumerate(words):
        segmenter.push(word, at)
        count += len(segmenter.take_all(at))
    return 1000 * (time.process_time() - began) / max(count, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cost", action="store_true", help="measure processor time instead")
    if parser.parse_args().cost:
        costs = sorted(cost_ms("".join(piece for _, piece in reply.pieces)) for reply in replies(1000))
        print(f"markup and cutting, of a sentence, on {describe()}")
        print(f"p50 {costs[500]:.3f} ms  p95 {costs[950]:.3f} ms  most {costs[-1]:.3f} ms")
        return
    firsts = sorted(play(reply)[0][0] for reply in replies())
    torn = sum(one.text[-1] not in ".,;:!?" for reply in replies() for _, one in play(reply))
    print(f"{REPLIES} replies, seconds from the first token to the first segment")
    print(f"p50 {statistics.median(firsts) - THINKS_S:.3f}  p90 {firsts[89] - THINKS_S:.3f}  torn phrases {torn}")


if __name__ == "__main__":
    main()
