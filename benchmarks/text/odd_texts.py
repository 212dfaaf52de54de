"""What does it cost to read the markup of an odd text and to cut it into segments?

Each text is one short piece again and again, 20,000 characters of it, which is as long as one utterance may be. Told is
the processor time, and how many times as long ten times the text takes. As in the service, what was there before is no
matter of the garbage collector, and what has been cut is given away.

    python -m benchmarks.text.odd_texts
    python -m benchmarks.text.odd_texts --at-least 30      # milliseconds
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time

from benchmarks.support.machine import describe
from benchmarks.text.agent_replies import NS_PER_S, STYLE
from engine.text.segmenter import Segmenter, SegmenterConfig

CHARS = 20_000
TRIES = 7
# One line for each kind: words, sentences, wide marks; signs; lines; lists; blocks; formulas; links; tags; controls.
UNITS = (
    "hello there ", "x", " ", "天", "e\u0301", "\U0001f468\u200d\U0001f469 ", "\u202eא\u202c ", "1,234,567 ", "A.B.",
    "Hi! ", "a? ", "a. ", "Mr. ", "No. 5 ", "n! ", "3. ", "5 p.m. A", "ab.Bc", ".", "?", ",", ";", " -", "—", '." ',
    "天。", "，", "。」", "؟ ", "。a",
    "*", "*a*", "*_", "_a_ ", "a_b", "~~a~~", "**a ** ", "`a`", "``", "&", "&amp;", ":", ":tada: ", "[", "]", "[({<",
    "[a ", "!", "\\", "\\[", "[<*`$&", "|", "=", "#",
    "\n", "a\n", "a\n\n", "a.\n", ".\n", "\r\n", "a\r\n\r\n", "_\n", "=\n", "--\n", ":-\n", "|\n", "a\n==", "2.\n",
    "1.\n", "1. ", "1)\n", "1. a\n", "1. - a\n", "- a\n", "* a\n", "- - ", "- [x] a\n", "+ a\n", "- a\n  b\n", "> a\n",
    "# a\n", "##a\n", "---\n", "a\n-\n", "```\n", "```\na\n```\n", "| a |\n", "|-", "a|b\n-|-\na|b\n", "|a|b|\n|-|-|\n",
    "$a$", "$x^2$", "$=$", "$1$", "$", "$5 ", "$a_b$ ", "${{{{$", "$$a$$", "\\(a\\)", "$\\frac12$ ",
    "[a](b) ", "[a](", "![a](b) ", "[a][b] ", "[^1]", "[a]: /b\n", "www.a.b ", "https://a.b/c ", "<https://a.b>", "h ",
    "<", "<p>a", "<b>a</b>", "<b ", "<td>a", "<break/>", "<sub alias='x'>y</sub>", "<!---->", "<think>a</think>",
    "\x1b[1m", "\x1b]", "\x00\x01\x7f", "\ufffd",
)  # fmt: skip


def cost_ms(text: str) -> float:
    segmenter = Segmenter(SegmenterConfig(), NS_PER_S, STYLE)
    began = time.process_time()
    segmenter.push(text, 0)
    segmenter.end(0)
    while segmenter.has_input:
        segmenter.take(0)
    return 1000 * (time.process_time() - began)


def filled(unit: str, chars: int) -> str:
    return (unit * (chars // len(unit) + 1))[:chars]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at-least", type=float, default=0.0, metavar="MS", help="tell those that take so long")
    at_least_ms = parser.parse_args().at_least
    gc.collect()
    gc.freeze()
    costs = {unit: statistics.median(cost_ms(filled(unit, CHARS)) for _ in range(TRIES)) for unit in UNITS}
    print(f"{CHARS} characters of {len(UNITS)} texts, median of {TRIES}, on {describe()}")
    for unit, cost in sorted(costs.items(), key=lambda pair: -pair[1]):
        if cost >= at_least_ms:
            print(f"{cost:6.1f} ms  {cost_ms(filled(unit, 10 * CHARS)) / cost:4.1f} times for ten times  {unit!r}")


if __name__ == "__main__":
    main()
