"""The shipped voice: pronunciations reach it, and T3 does not wait for text to be prepared."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import load
from engine.clock import now_ns
from engine.engine import LocalEngine
from engine.errors import InvalidConfig
from engine.messages import Aligned, AudioChunk, Event, Failed, Finished, Pronunciation, Utterance
from engine.options import EngineOptions
from engine.scheduling.jobs import Row, SegmentJob, Stages, TokenStage
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord

NEVADA = Pronunciation(word="Nevada", respelling="nuh-VAH-duh")
LEXICON = "nginx\tengine x\nNevada\tneh-vay-dee-oh\n"


class Watched:
    """A TokenStage that notes when texts were ready and when T3 worked."""

    def __init__(self, stage: TokenStage) -> None:
        self._stage = stage
        self.ready_ns: list[int] = []  # of each text
        self.begun_ns: list[int] = []  # of each segment
        self.stepped_ns: list[int] = []  # the last step of each segment

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        pieces = self._stage.speakable(text, language, pronunciations)
        self.ready_ns += [now_ns()] * len(pieces)
        return pieces

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        return self._stage.words(text, language, pronunciations)

    def begin(self, job: SegmentJob) -> Row:
        self.begun_ns.append(now_ns())
        self.stepped_ns.append(0)
        return self._stage.begin(job)

    def feed(self, row: Row) -> bool:
        return self._stage.feed(row)

    def step(self, rows: Sequence[Row]) -> list[int | None]:
        self.stepped_ns[-1] = now_ns()
        return self._stage.step(rows)

    def release(self, row: Row) -> None:
        self._stage.release(row)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lexicon") / "words.tsv"
    path.write_text(LEXICON, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def watched() -> list[Watched]:
    return []


@pytest.fixture(scope="module")
def engine(lexicon: Path, watched: list[Watched]) -> Iterator[LocalEngine]:
    def watch(stages: Stages) -> Stages:
        watched.append(Watched(stages.tokens))
        return replace(stages, tokens=watched[0])

    engine = LocalEngine(load(), EngineOptions(deterministic=True, pronunciations=lexicon), wrap=watch)
    yield engine
    engine.close()


def speak(engine: LocalEngine, text: str, *pronunciations: Pronunciation) -> list[Event]:
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def sink(event: Event) -> None:
        if isinstance(event, AudioChunk):
            engine.release("one", event.num_samples)
        arrived.put(event)

    request = Utterance(id="one", seed=3, want_alignment=True, max_text_delay_s=30.0, pronunciations=pronunciations)
    engine.submit(request, sink)
    engine.push_text("one", text)
    engine.end_input("one")
    events = [arrived.get(timeout=30)]
    while not isinstance(events[-1], Finished | Failed):
        events.append(arrived.get(timeout=30))
    assert isinstance(events[-1], Finished), events[-1]
    return events


def audio(events: Sequence[Event]) -> bytes:
    samples = np.concatenate([event.samples for event in events if isinstance(event, AudioChunk)])
    return bytes(samples.tobytes())


def test_t3_waits_for_the_text_of_the_first_segment_only(engine: LocalEngine, watched: list[Watched]) -> None:
    speak(engine, "We paid $3.50 for 42 eggs. " * 2 + "The order came at 9:05 am on 12/25, to 12 Oak Dr. Was it you?")
    (stage,) = watched
    assert len(stage.begun_ns) == len(stage.ready_ns) >= 3
    for ready_ns, last_step_before_ns in zip(stage.ready_ns[1:], stage.stepped_ns, strict=False):
        assert ready_ns < last_step_before_ns, "ready before the segment in front of it was spoken"


def test_a_request_says_words_otherwise_and_word_times_point_at_what_was_written(engine: LocalEngine) -> None:
    text = "In Nevada we like it."
    plain, asked = speak(engine, text), speak(engine, text, NEVADA)
    words = [word for event in asked if isinstance(event, Aligned) for word in event.words]
    assert [text[word.text_begin : word.text_end] for word in words] == ["In", "Nevada", "we", "like", "it"]
    assert audio(asked) != audio(plain)
    assert audio(asked) == audio(speak(engine, text, NEVADA))


def test_the_servers_lexicon_counts_where_the_request_says_nothing(engine: LocalEngine) -> None:
    assert audio(speak(engine, "I use nginx.")) == audio(speak(engine, "I use engine x."))


def test_a_wrong_lexicon_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("New York\tx\n", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="line 1: 'New York' is no word"):
        LocalEngine(load(), EngineOptions(pronunciations=path))
