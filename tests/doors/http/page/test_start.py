"""The page's start rules, in Node.js, beside those of client/playback/start.py: the same chunks, the same answers."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from client.playback.start import Adaptive, Arrived, ByHint, StartRule

START = Path(__file__).parents[4] / "doors" / "http" / "page" / "files" / "start.js"
_PROGRAM = f"""
import {{ RULES }} from {json.dumps(START.as_uri())};
import {{ readFileSync }} from "node:fs";
const {{ rule, utterances }} = JSON.parse(readFileSync(0, "utf-8"));
const started = new RULES[rule]();
const told = utterances.map((chunks) => {{
  started.begin();
  return chunks.map((chunk) => started.prebufferMs(chunk));
}});
console.log(JSON.stringify(told));
"""
RULES: dict[str, type[StartRule]] = {"hint": ByHint, "adaptive": Adaptive}


def utterances(seed: int) -> list[list[Arrived]]:
    """Chunks that come early and late, with and without hints and stamps; more of them than a rule remembers."""
    chance = random.Random(seed)
    found = []
    for _ in range(4):
        at_ms, chunks = 1_700_000_000_000 + chance.randrange(10**6), []
        for _ in range(chance.randrange(1, 40)):
            at_ms += chance.choice((5, 200, 900))
            chunks.append(
                Arrived(
                    received_ns=at_ms * 10**6,
                    sent_ns=(at_ms - chance.randrange(1, 90)) * 10**6 if chance.random() < 0.9 else 0,
                    audio_s=chance.randrange(1, 40) / 50,
                    hint_s=chance.randrange(0, 3000) / 1000 if chance.random() < 0.5 else None,
                )
            )
        found.append(chunks)
    return found


@pytest.mark.parametrize("name", RULES)
def test_the_page_begins_when_the_player_would(name: str) -> None:
    given = utterances(seed=5)
    rule = RULES[name]()
    expected = []
    for chunks in given:
        rule.begin()
        expected.append([1e3 * rule.prebuffer_s(chunk) for chunk in chunks])
    in_ms = [
        [
            {
                "receivedMs": chunk.received_ns / 1e6,
                "sentMs": chunk.sent_ns / 1e6,
                "audioMs": 1e3 * chunk.audio_s,
                "hintMs": None if chunk.hint_s is None else 1e3 * chunk.hint_s,
            }
            for chunk in chunks
        ]
        for chunks in given
    ]
    command = ["node", "--input-type=module", "--eval", _PROGRAM]
    question = json.dumps({"rule": name, "utterances": in_ms})
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [len(chunks) for chunks in told] == [len(chunks) for chunks in expected]
    for mine, theirs in zip(told, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=0.01)
