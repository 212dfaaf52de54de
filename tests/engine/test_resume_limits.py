"""What an engine may be asked to go on with, and no more."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from engine.checkpoints.config import build
from engine.errors import InvalidRequest
from engine.messages import Place, Resume, Utterance
from engine.model import ModelConfig
from engine.resume import ResumeLimits
from engine.text.segmenter import FlushPoint, Segmenter, SegmenterConfig, TextSegment
from tests.engine.scripted_pipeline import CONFIG
from tests.engine.tiny import CONFIG as TINY

MODEL = build(ModelConfig, TINY, "tiny")
LIMITS = ResumeLimits.of(CONFIG, MODEL.text, MODEL.t3.codes)
LONGEST = MODEL.text.segmenter.max_chars
KINDS = ["a", "b", " ", " ", ".", ",", "\n", "!", "…", "—", "語", "、", "。", "[", "]", "1", '"', "*"]


def asked(place: Place) -> Utterance:
    return Utterance(id="a", seed=1, resume=Resume(place=place, from_sample=place.first_sample))


def cuts(pieces: Sequence[str]) -> list[int]:
    """Lengths of what is cut of text that comes like this, with pauses."""
    segmenter, taken, now = Segmenter(SegmenterConfig(), 10**8), list[TextSegment | FlushPoint](), 0
    for piece in pieces:
        segmenter.push(piece, now)
        taken += segmenter.take_all(now)
        now += 10**9
        taken += segmenter.take(now)
    segmenter.end(now)
    taken += segmenter.take_all(now)
    return [one.cut.end - one.cut.begin for one in taken if isinstance(one, TextSegment)]


def test_no_text_is_longer_than_a_segment() -> None:
    """A longer one would be made speakable in one piece, for as long as everybody else waits for the text thread."""
    LIMITS.check(asked(Place(text_begin=5, text_end=5 + LONGEST)))
    with pytest.raises(InvalidRequest) as refused:
        LIMITS.check(asked(Place(text_begin=5, text_end=6 + LONGEST)))
    assert refused.value.field == "config.resume.place.text_end"


def test_whatever_was_cut_may_be_gone_on_with() -> None:
    rng, longest = random.Random(1), max(cuts(["a" * 200]))
    for _ in range(100):
        weights = [rng.random() ** 3 for _ in KINDS]
        pieces = ["".join(rng.choices(KINDS, weights, k=rng.randrange(1, 120))) for _ in range(6)]
        longest = max(longest, *cuts(pieces), 0)
    assert longest == SegmenterConfig().max_chars == LONGEST
