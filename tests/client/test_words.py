"""Words that were heard, and words shown as they sound."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc
import pytest

from client import words_heard
from client.cli import main as cli
from client.cli.output import write_heard
from client.types import Word
from client.words import Captions
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, speak

RATE = 1000
WORDS = tuple(
    Word(word=word, start_sample=start, end_sample=end, text_begin=begin, text_end=begin + len(word))
    for word, start, end, begin in (("so", 0, 100, 0), ("it", 100, 150, 3), ("goes", 200, 400, 6))
)


@pytest.mark.parametrize(
    ("played", "complete", "broken_off", "text_end"),
    [
        (0, [], None, 0),
        (1, [], "so", 0),
        (100, ["so"], None, 2),
        (149, ["so"], "it", 2),
        (180, ["so", "it"], None, 5),
        (201, ["so", "it"], "goes", 5),
        (400, ["so", "it", "goes"], None, 10),
        (9000, ["so", "it", "goes"], None, 10),
    ],
)
def test_heard_is_what_was_played_to_its_end(
    played: int, complete: list[str], broken_off: str | None, text_end: int
) -> None:
    heard = words_heard(WORDS, played)
    assert [word.word for word in heard.complete] == complete
    assert (heard.broken_off.word if heard.broken_off else None) == broken_off
    assert heard.text_end == text_end


def test_what_is_heard_only_grows() -> None:
    counts = [len(words_heard(WORDS, played).complete) for played in range(500)]
    assert counts == sorted(counts)


async def test_a_word_is_shown_when_it_sounds_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    began, shown = loop.time(), list[tuple[str, int]]()

    def played() -> int:
        return round((loop.time() - began) * RATE)

    captions = Captions(lambda word: shown.append((word.word, played())), played, lambda: RATE)
    captions.add(WORDS[:1])
    captions.add(WORDS[1:])
    while len(shown) < len(WORDS):
        await asyncio.sleep(0.01)
    assert [word for word, _ in shown] == ["so", "it", "goes"]
    assert all(at >= word.start_sample for word, (_, at) in zip(WORDS, shown, strict=True))


async def test_sound_that_stands_still_shows_nothing_more_until_it_is_over() -> None:
    shown: list[str] = []
    captions = Captions(lambda word: shown.append(word.word), lambda: 120, lambda: RATE)
    captions.add(WORDS)
    await asyncio.sleep(0.1)
    assert shown == ["so", "it"]
    captions.finish()
    assert shown == ["so", "it", "goes"]


async def test_words_that_are_not_wanted_any_more_stay_unshown() -> None:
    shown: list[str] = []
    captions = Captions(lambda word: shown.append(word.word), lambda: 0, lambda: RATE)
    captions.add(WORDS)
    captions.stop()
    await asyncio.sleep(0.05)
    assert shown == ["so"]


def interrupted(*flags: str, played: int) -> None:
    write_heard(cli.parser().parse_args(["say", "--words", *flags, "so it goes"]), words_heard(WORDS, played))


def test_who_interrupts_is_told_what_was_heard(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(played=300)
    assert capsys.readouterr().err == "heard to character 5: so it, broken off in: goes\n"
    interrupted(played=0)
    assert capsys.readouterr().err == "heard to character 0: nothing\n"
    interrupted("--json", played=150)
    heard = json.loads(capsys.readouterr().out)["heard"]
    assert [word["word"] for word in heard["complete"]] == ["so", "it"]
    assert (heard["broken_off"], heard["text_end"]) == (None, 5)


def with_words(requests: Requests, context: grpc.ServicerContext) -> Responses:
    for response in speak(requests, context):
        if response.HasField("finished"):
            word = pb.Word(word="Hi", start_sample=240, end_sample=2400, text_begin=0, text_end=2)
            yield pb.SynthesizeResponse(alignment=pb.Alignment(words=[word]))
        yield response


def test_words_are_asked_for_printed_and_listed(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = with_words
    arguments = ["say", "--address", server.address, "--quiet", "--words", "--out", str(tmp_path / "x.wav"), "Hi."]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "   0.010    0.100  Hi\n"
    assert server.requests[0].config.streaming.want_alignment
    assert cli.main([*arguments, "--json"]) == 0
    (word,) = json.loads(capsys.readouterr().out)["words"]
    assert word == {"word": "Hi", "start_sample": 240, "end_sample": 2400, "text_begin": 0, "text_end": 2}
