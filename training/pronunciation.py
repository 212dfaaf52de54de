"""The embedded voice's pronunciation: its lexicon, and the two networks that stand in where the lexicon does not tell.

    python -m training.pronunciation --out engine/assets/embedded

The words come from the lexicons in the package `misaki`, those frequent enough to be met; the network for unknown words
learns from all of them. What part of speech a word is in its sentence is learned from the tagger in `hibari-tts`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import wordfreq
from hibari.g2p import G2P

from engine.model import EMBEDDED
from engine.text.phonemes.english import LEXICON, NETWORKS, English, write_networks
from engine.text.phonemes.lexicon import AT_END, Entry, Lexicon
from engine.text.phonemes.tagger import OUTSIDE, RARE, TAGS, Tagger
from engine.text.phonemes.unknown import LETTERS, NOTHING, SYMBOLS, Letters
from training import corpus

LEAST_FREQUENT = 1.0  # Zipf: ten in a thousand million words
VOCABULARY, ENDINGS = 3_000, 800  # the tagger's
HELD_OUT_EVERY = 50
LONGEST_WORD = 24  # letters that the network learns from
_WORD = re.compile("[a-z']*[a-z][a-z']*")
_NAMES = {"None": AT_END, "NOUN": "NOUN", "VERB": "VERB", "ADJ": "ADJ", "ADV": "ADV"}


def dictionary() -> dict[str, Entry]:
    """All words of both lexicons in lower case. Where a word is listed in several cases, the lower one counts."""
    spec = find_spec("misaki")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "data"
    listed: dict[str, Any] = {}
    for name in ("us_silver", "us_gold"):  # the second is the better one
        found = json.loads((data / f"{name}.json").read_text(encoding="utf-8"))
        by_case = sorted(found.items(), key=lambda item: item[0] == item[0].lower())
        listed.update({word.lower(): said for word, said in by_case if _WORD.fullmatch(word.lower())})
        if name == "us_gold":  # letters are listed by their names in upper case, and as words in lower case
            listed.update({letter.lower(): said for letter, said in found.items() if re.fullmatch("[B-HJ-Z]", letter)})
    entries = {word: _entry(said) for word, said in listed.items()}
    return {word: entry for word, entry in entries.items() if set(entry.phonemes) <= set(SYMBOLS)}


def _entry(said: Any) -> Entry:
    if isinstance(said, str):
        return Entry(_symbols(said))
    default = _symbols(said["DEFAULT"])
    ways = {_NAMES.get(tag, tag): _symbols(way) for tag, way in said.items() if tag != "DEFAULT" and way}
    return Entry(default, {tag: way for tag, way in ways.items() if way != default or tag[:2] in ("NO", "VB", "VE")})


def _symbols(phonemes: str) -> str:
    return phonemes.replace("ɾ", "T").replace("ʔ", "t")


def lexicon(words: dict[str, Entry]) -> Lexicon:
    """The frequent words, less those that are regular forms of others."""
    frequent = {word: entry for word, entry in words.items() if wordfreq.zipf_frequency(word, "en") >= LEAST_FREQUENT}
    whole = Lexicon(frequent)
    kept = {word: entry for word, entry in frequent.items() if whole.inflected(word) != entry}
    return Lexicon(kept)


# --- parts of speech


def sentences() -> Iterator[str]:
    """English as it is written: fortunes, licences, and the documentation strings of installed packages."""
    folders = [corpus.FORTUNES, corpus.LICENCES]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if "." not in path.name]
    packages = Path(np.__file__).parents[1]
    documented = [path for name in ("torch", "scipy", "numpy") for path in sorted((packages / name).rglob("*.py"))]
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for item in re.split(r"\n%\n|\n\s*\n", text):
            yield from re.split(r"(?<=[.?!])[\"')]*\s+", " ".join(item.split()))
    for path in documented:
        for block in re.findall(r'"""(.*?)"""', path.read_text(encoding="utf-8", errors="replace"), re.DOTALL):
            for item in re.split(r"\n\s*\n", block):
                for sentence in re.split(r"(?<=[.?!])\s+", " ".join(item.split())):
                    if re.fullmatch(r"[A-Z][a-z' ,A-Z-]+[.?!]", sentence):
                        yield sentence


def tagged(teacher: G2P) -> list[tuple[list[str], list[str]]]:
    """Words and marks as the tagger of ours will see them, and the teacher's tags."""
    pairs = []
    for sentence in dict.fromkeys(sentences()):
        tokens = [token for token in teacher.tokenize(sentence) if re.search("[A-Za-z,.?!;:]", token.text)]
        words = [re.sub("[;:]", ",", re.sub("[^a-z',.?!;:]", "", token.text.lower())) for token in tokens]
        if 3 <= len(words) <= 60 and all(words):
            pairs.append((words, [token.tag for token in tokens]))
    return pairs


def train_tagger(pairs: Sequence[tuple[list[str], list[str]]], ambiguous: frozenset[str], steps: int) -> Tagger:
    """Words whose part of speech matters count four times as much as others."""
    known = Counter(word for words, _ in pairs for word in words)
    endings = Counter("-" + word[-3:] for words, _ in pairs for word in words)
    needed = [word for word in sorted(ambiguous) if known[word]]
    frequent = [word for word, _ in known.most_common(VOCABULARY)]
    names = [OUTSIDE, RARE, *(ending for ending, _ in endings.most_common(ENDINGS))]
    tagger = Tagger(list(dict.fromkeys([*names, *frequent, *needed])))
    rows, targets, weights = [], [], []
    for words, tags in pairs:
        for place, tag in enumerate(tags):
            rows.append(tagger.features(words, place))
            targets.append(TAGS.index(tag) if tag in TAGS else TAGS.index("OTHER"))
            weights.append(4.0 if words[place] in ambiguous else 1.0)
    ids, target, weight = torch.tensor(rows), torch.tensor(targets), torch.tensor(weights)
    held = torch.arange(len(ids)) % 10_000 < 10_000 // HELD_OUT_EVERY
    training = (~held).nonzero()[:, 0]
    optimiser = torch.optim.AdamW(tagger.parameters(), lr=3e-3, weight_decay=1e-4)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        batch = training[torch.randint(len(training), (2_048,))]
        noisy = torch.where(torch.rand(ids[batch].shape) < 0.03, tagger.vocabulary[RARE], ids[batch])
        loss = (F.cross_entropy(tagger(noisy), target[batch], reduction="none") * weight[batch]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        right = tagger(ids[held]).argmax(1) == target[held]
    matter = weight[held] > 1
    print(
        f"tagger: {len(ids)} words, {len(tagger.vocabulary)} in the vocabulary; held out, as the teacher's "
        f"{right.float().mean():.3f}, of ambiguous words {right[matter].float().mean():.3f}",
        flush=True,
    )
    return tagger.eval()


# --- unknown words


def train_letters(words: dict[str, Entry], minutes: float, seed: int = 0) -> Letters:
    items = [(word, entry.phonemes) for word, entry in sorted(words.items()) if 2 < len(word) <= LONGEST_WORD]
    items = [(word, said) for word, said in items if 3 * len(word) >= len(said) + 2]
    random.Random(seed).shuffle(items)
    held, items = items[:1_000], items[1_000:]
    torch.manual_seed(seed)
    network = Letters()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    generator = np.random.default_rng(seed)
    began, count, losses = time.monotonic(), 0, list[float]()
    while (progress := (time.monotonic() - began) / (60 * minutes)) < 1:
        optimiser.param_groups[0]["lr"] = 2e-3 * min(1.0, (count + 1) / 100) * (1 - progress)
        batch = [items[index] for index in generator.integers(0, len(items), 192)]
        losses.append(_letters_step(network, optimiser, batch))
        count += 1
        if count % 200 == 0:
            print(f"letters: step {count}, {100 * progress:.0f} %, loss {np.mean(losses[-200:]):.3f}", flush=True)
    network.eval()
    exact = np.mean([network.said(word) == said for word, said in held])
    wrong = sum(_distance(network.said(word), said) for word, said in held) / sum(len(said) for _, said in held)
    n_parameters = sum(p.numel() for p in network.parameters())
    print(
        f"letters: {n_parameters} parameters; of 1,000 held-out words {exact:.3f} exact, {wrong:.3f} of phonemes wrong"
    )
    return network


def _letters_step(network: Letters, optimiser: torch.optim.Optimizer, batch: list[tuple[str, str]]) -> float:
    longest = max(len(word) for word, _ in batch)
    ids = torch.full((len(batch), longest), NOTHING)
    for row, (word, _) in enumerate(batch):
        ids[row, : len(word)] = torch.tensor([1 + LETTERS.index(letter) for letter in word])
    target = torch.tensor([1 + SYMBOLS.index(symbol) for _, said in batch for symbol in said])
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(ids)
    odds = scores.float().log_softmax(-1).transpose(0, 1)
    lengths = torch.tensor([scores.shape[1] // longest * len(word) for word, _ in batch])
    loss = F.ctc_loss(odds, target, lengths, torch.tensor([len(said) for _, said in batch]), zero_infinity=True)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, symbol in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, same in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != same))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    parser.add_argument("--minutes", type=float, default=8.0, help="for the network of unknown words")
    parser.add_argument("--steps", type=int, default=5_000, help="for the tagger")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = dictionary()
    kept = lexicon(words)
    kept.write(options.out / LEXICON)
    print(f"lexicon: {len(kept)} of {len(words)} words, {(options.out / LEXICON).stat().st_size} bytes", flush=True)
    tagger = train_tagger(tagged(G2P()), kept.ambiguous, options.steps)
    write_networks(options.out / NETWORKS, tagger, train_letters(words, options.minutes))
    English.read(options.out)
    print(f"networks: {(options.out / NETWORKS).stat().st_size} bytes")


if __name__ == "__main__":
    main()
