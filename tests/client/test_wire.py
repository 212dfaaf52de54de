"""The wire's messages <-> the client's words."""

from __future__ import annotations

from typing import Any

import pytest

from client._wire import Decoder, Options, config_to, encoding_from, encoding_to, text_to
from client.audio import Encoding
from client.errors import InvalidArgument
from client.types import Alignment, Chunk, FlushDone
from gapless.tts.v1 import tts_pb2 as pb


def test_encodings_go_there_and_back() -> None:
    for encoding in Encoding:
        assert encoding_to(encoding) != pb.AUDIO_ENCODING_UNSPECIFIED
        assert encoding_from(encoding_to(encoding)) is encoding


def test_every_stamp_of_a_chunk_is_carried() -> None:
    """Each field of ChunkTimings has its place: a field that is added to the contract must not get lost."""
    message = pb.SynthesizeResponse(audio=pb.Audio(chunk_seq=3, first_sample=10, num_samples=1, data=b"ab"))
    stamps = [field for field in pb.ChunkTimings.DESCRIPTOR.fields if field.name.endswith("_unix_nanos")]
    for value, field in enumerate(stamps, start=1):
        setattr(message.audio.timings, field.name, value)
    message.audio.timings.paced.FromMilliseconds(5)
    message.audio.timings.loop_lag_max.FromMilliseconds(6)
    chunk = Decoder()(message, 99)
    assert isinstance(chunk, Chunk)
    carried = [getattr(chunk.timings, field.name.replace("_unix_nanos", "_ns")) for field in stamps]
    assert carried == list(range(1, len(stamps) + 1))
    assert (chunk.timings.paced_ns, chunk.timings.loop_lag_max_ns) == (5_000_000, 6_000_000)
    assert chunk.received_ns == 99
    assert chunk.prebuffer_hint_s is None


def test_a_hint_of_zero_is_a_hint() -> None:
    message = pb.SynthesizeResponse(audio=pb.Audio())
    message.audio.prebuffer_hint.FromMilliseconds(0)
    chunk = Decoder()(message, 0)
    assert isinstance(chunk, Chunk)
    assert chunk.prebuffer_hint_s == 0.0


def test_flushes_and_words_are_carried() -> None:
    decode = Decoder()
    done = decode(pb.SynthesizeResponse(flush_done=pb.FlushDone(flush_id=4, end_sample=5)), 1)
    assert done == FlushDone(flush_id=4, end_sample=5, received_ns=1)
    word = pb.Word(word="hi", start_sample=1, end_sample=2, text_begin=3, text_end=4)
    aligned = decode(pb.SynthesizeResponse(alignment=pb.Alignment(words=[word])), 1)
    assert isinstance(aligned, Alignment)
    assert (aligned.words[0].word, aligned.words[0].text_end) == ("hi", 4)


def test_an_event_of_a_newer_server_is_passed_over() -> None:
    assert Decoder()(pb.SynthesizeResponse(), 0) is None


@pytest.mark.parametrize(
    "options", [Options(encoding="mp3"), Options(seed=-1), Options(sample_rate=-1), Options(max_lead=float("inf"))]
)
def test_options_that_cannot_be_sent_are_refused_here(options: Options) -> None:
    with pytest.raises(InvalidArgument, match="cannot be sent"):
        config_to(options)


def test_an_option_that_there_is_not_is_refused_here() -> None:
    """`voise`, or `max_lead_s` as other parts of the library have it, was passed over in silence."""
    misspelt: Any = {"voice": "anna", "max_lead_s": 1.0, "voise": "karl"}
    with pytest.raises(InvalidArgument, match="unknown: max_lead_s, voise; there are voice, language"):
        config_to(misspelt)


def test_halves_of_surrogate_pairs_do_not_end_an_utterance() -> None:
    assert text_to("half a \ud83d").text.text == "half a \ufffd"
    assert text_to("a pair \ud83d\ude00.").text.text == "a pair \U0001f600."


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (Options(text_format="markdown"), ("text_format", pb.TEXT_FORMAT_MARKDOWN)),
        (Options(text_format=None), ("text_format", pb.TEXT_FORMAT_UNSPECIFIED)),
        (Options(code_blocks="skip"), ("code_blocks", pb.CODE_BLOCKS_SKIP)),
    ],
)
def test_what_the_text_is_written_in_is_told(options: Options, field: tuple[str, int]) -> None:
    assert getattr(config_to(options), field[0]) == field[1]


def test_an_unknown_format_is_refused_here() -> None:
    with pytest.raises(InvalidArgument, match="is none of auto, plain, markdown, ssml") as refused:
        config_to(Options(text_format="rtf"))
    assert [violation.field for violation in refused.value.violations] == ["config.text_format"]
