"""Every message survives the way to another process and back."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from engine import messages
from engine.errors import Overloaded, UnknownVoice
from engine.messages import (
    Accepted,
    Aligned,
    AudioChunk,
    ChunkTimings,
    EngineInfo,
    EngineStats,
    Failed,
    Finished,
    FlushDone,
    Place,
    Playback,
    Pronunciation,
    Resume,
    SpokenWindow,
    TextFormat,
    Usage,
    Utterance,
    VoiceInfo,
    Warned,
    Word,
)
from gapless.engine.v1 import engine_pb2 as pb
from service.engines import wire
from tests.fakes import ScriptedEngine

PLACE = Place(
    segment=3,
    first_sample=960,
    text_begin=7,
    text_end=None,
    settled=(1, 2),
    windows=(SpokenWindow(12, 3, False), SpokenWindow(25, 0, True)),
    tokens=(8191, 0),
    owed_pause=5,
)
UTTERANCE = Utterance(
    id="one",
    sampling={"temperature": 0.5},
    seed=2**64 - 1,
    text_format=TextFormat.SSML,
    want_alignment=True,
    pronunciations=(Pronunciation(word="a", respelling="b"),),
    speaking_rate=1.5,
    resume=Resume(place=PLACE, from_sample=1234),
)
WORD = Word(word="a", start_sample=1, end_sample=2, text_begin=3, text_end=4)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (UTTERANCE, pb.Utterance),
        (replace(UTTERANCE, seed=None, resume=None, max_text_delay_s=0.0), pb.Utterance),
        (PLACE, pb.Place),
        (replace(PLACE, text_end=0), pb.Place),
        (Accepted(voice="a", language="en", seed=2**63, sampling={"top_p": 1.0}, max_text_delay_s=0.5), pb.Accepted),
        (Playback(played_samples=1, buffered_samples=2, underruns=3), pb.Playback),
        (ScriptedEngine().info(), pb.EngineInfo),
        (ScriptedEngine().voices()[0], pb.VoiceInfo),
    ],
)
def test_a_message_comes_back_as_it_was(given: Any, kind: Any) -> None:
    written = wire.write(given, kind)
    assert wire.read(kind.FromString(written.SerializeToString()), type(given)) == given


@pytest.mark.parametrize(
    "kind",
    [Utterance, Place, Accepted, Playback, ChunkTimings, AudioChunk, Word, Usage, EngineInfo, EngineStats, VoiceInfo],
)
def test_no_field_is_left_behind(kind: type) -> None:
    named = {one.name for one in fields(kind)}
    assert named == {one.name for one in getattr(pb, kind.__name__).DESCRIPTOR.fields}


@pytest.mark.parametrize(
    "event",
    [
        FlushDone(flush_id=1, end_sample=2),
        Aligned(words=(WORD, WORD)),
        Warned(reason="A", message="b"),
        Finished(usage=Usage(samples=5)),
    ],
)
def test_an_event_comes_back_as_it_was(event: messages.Event) -> None:
    assert wire.read_event(wire.write_event(event), 0) == event


def test_audio_comes_back_with_instants_of_the_other_clock() -> None:
    timings = ChunkTimings(t3_start_ns=100, t3_busy_ns=7, flow_batch=3)
    samples = np.linspace(-1, 1, 7, dtype=np.float32)
    chunk = AudioChunk(
        seq=1, first_sample=2, samples=samples, timings=timings, segment=0, end_of_segment=True, place=PLACE
    )
    back = wire.read_event(wire.write_event(chunk), clock_offset_ns=50)
    assert isinstance(back, AudioChunk)
    assert (back.samples == samples).all()
    assert back.timings == replace(timings, t3_start_ns=150)
    assert (back.place, back.prebuffer_hint_s) == (PLACE, None)


def test_an_error_is_the_same_at_the_other_end() -> None:
    back = wire.read_event(wire.write_event(Failed(error=Overloaded("full", 2.5))), 0)
    assert isinstance(back, Failed)
    assert isinstance(back.error, Overloaded)
    assert back.error.retry_after_s == 2.5
    unknown = wire.read_error(wire.write_error(UnknownVoice("x", ["a"])))
    assert isinstance(unknown, UnknownVoice)
    assert unknown.field == "config.voice"
