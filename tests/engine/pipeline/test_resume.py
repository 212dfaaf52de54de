"""Utterances that another engine began, over scripted stages: their first windows are decided already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InvalidRequest
from engine.messages import AudioChunk, CodeBlocks, Event, Failed, Finished, Place, Resume, SpokenWindow, TextFormat
from engine.scheduling.running import RunningUtterance
from engine.text.markup import Style
from tests.engine.scripted import SAMPLES_PER_TOKEN, TOKENS_PER_CHAR, ScriptedMel, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller, Pipeline, spoken

TEXT = "Hello there, you. How are you? Well, thank you."


def chunks_of(events: list[Event]) -> list[AudioChunk]:
    return [event for event in events if isinstance(event, AudioChunk)]


def audio_of(events: list[Event]) -> NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in chunks_of(events))])


def said(pipeline: Pipeline, name: str, resume: Resume | None = None, text: str = TEXT) -> list[Event]:
    caller = Caller(pipeline.scheduler, name, resume=resume)
    caller.say(text)
    return caller.all()


def behind(chunk: AudioChunk) -> Resume:
    assert chunk.place is not None
    return Resume(place=chunk.place, from_sample=chunk.first_sample + chunk.num_samples)


@pytest.fixture(params=[False, True], ids=["ladder", "by deadline"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(), replace(CONFIG, by_deadline=request.param))
    yield pipeline
    pipeline.close()


def test_behind_every_chunk_comes_the_rest(pipeline: Pipeline) -> None:
    whole = said(pipeline, "whole")
    assert spoken(whole) == "Hello there, you.How are you?Well, thank you."
    for index, chunk in enumerate(chunks_of(whole)):
        resume = behind(chunk)
        rest = said(pipeline, f"rest {index}", resume)
        assert np.array_equal(audio_of(rest), audio_of(whole)[resume.from_sample :])
        firsts = [one.first_sample for one in chunks_of(rest)]
        assert firsts[:1] == [resume.from_sample][: len(firsts)]
        finished = rest[-1]
        assert isinstance(finished, Finished)
        assert finished.usage.samples == len(audio_of(whole)) - resume.place.first_sample
    assert pipeline.settles()


def test_a_sample_within_a_chunk_is_as_good_a_place(pipeline: Pipeline) -> None:
    whole = said(pipeline, "whole")
    resume = next(behind(chunk) for chunk in chunks_of(whole) if chunk.place and len(chunk.place.windows) == 2)
    for at in range(resume.place.first_sample, resume.from_sample):
        rest = said(pipeline, f"{at}", replace(resume, from_sample=at))
        assert np.array_equal(audio_of(rest), audio_of(whole)[at:])


def test_the_windows_of_the_record_come_first_whatever_would_be_chosen(pipeline: Pipeline) -> None:
    windows = (SpokenWindow(1, 2, False), SpokenWindow(4, 0, False), SpokenWindow(2, 1, False))
    place = Place(text_end=17, windows=windows)
    pipeline.mel.windows.clear()
    rest = said(pipeline, "a", Resume(place=place, from_sample=0))
    assert pipeline.mel.windows[:3] == list(windows)
    last = chunks_of(rest)[2].place
    assert last is not None
    assert last.windows == windows
    assert len(last.tokens) == 8
    assert spoken(rest).startswith("Hello there, you.")


def test_given_tokens_are_said_whatever_is_drawn(pipeline: Pipeline) -> None:
    place = Place(text_end=17, windows=(SpokenWindow(4, 0, False),), tokens=(ord("J"),) * 2)
    assert spoken(said(pipeline, "a", Resume(place=place, from_sample=0))).startswith("Jello there")


def test_what_the_listener_has_takes_no_room_in_the_channel(pipeline: Pipeline) -> None:
    text = "x" * 60 + "."
    windows = (SpokenWindow(5, 2, False),) * 20  # 400 samples, of which the channel holds 60
    resume = Resume(place=Place(text_end=len(text), windows=windows), from_sample=20 * 5 * SAMPLES_PER_TOKEN)
    caller = Caller(pipeline.scheduler, "a", reads=False, resume=resume)
    caller.say(text)
    first = caller.next()
    assert isinstance(first, AudioChunk)
    assert first.first_sample == resume.from_sample
    caller.wait_until(lambda running: running.channel_full)
    assert 0 < pipeline.scheduler.stats().samples_unreleased <= CONFIG.channel_samples


def test_the_first_sound_of_a_resume_is_urgent(pipeline: Pipeline) -> None:
    """Its deadline was that of audio which was never sent."""
    pipeline.scheduler.estimates.token_s.add(0.001)
    place = Place(segment=3, first_sample=4000, speech_samples=4000)
    caller = Caller(pipeline.scheduler, "a", resume=Resume(place=place, from_sample=4000))
    leads: list[float | None] = []

    def look(running: RunningUtterance) -> None:
        leads.append(pipeline.scheduler.deadlines.lead_s(running, 0))

    caller.update(look)
    caller.say("Hello.")
    chunk = caller.next()
    assert isinstance(chunk, AudioChunk)
    caller.update(look)
    assert leads[0] is None
    assert (chunk.segment, chunk.seq, chunk.first_sample, chunk.prebuffer_hint_s) == (3, 0, 4000, None)
    caller.all()


def test_nothing_is_tried_before_its_time_in_a_replay() -> None:
    pipeline = Pipeline(ScriptedTokens(step_s=0.002), ScriptedMel(), replace(CONFIG, speculate=True, by_deadline=True))
    windows = (SpokenWindow(1, 1, False),) * 6
    said(pipeline, "a", Resume(place=Place(text_end=5, windows=windows), from_sample=0), "Hello")
    assert pipeline.mel.windows[:6] == list(windows)
    pipeline.close()


def test_windows_whose_tokens_never_come_end_the_utterance(pipeline: Pipeline) -> None:
    windows = (SpokenWindow(5, 2, False),) * 9
    failed = said(pipeline, "a", Resume(place=Place(text_end=17, windows=windows), from_sample=0))[-1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InvalidRequest)
    assert TOKENS_PER_CHAR * 17 < 45
    assert pipeline.settles()


def test_t3_may_fail_before_the_windows_of_the_record_have_their_tokens(pipeline: Pipeline) -> None:
    """The flow waited for tokens that would never come, and the error stood behind them for ever."""
    place = Place(text_end=6, windows=(SpokenWindow(5, 2, False),))
    failed = said(pipeline, "a", Resume(place=place, from_sample=0), "Hel#o.")[-1]
    assert isinstance(failed, Failed)
    assert not isinstance(failed.error, InvalidRequest)
    assert pipeline.settles()


def test_a_pause_before_text_that_comes_to_nothing_is_one_before_what_follows(pipeline: Pipeline) -> None:
    """It was lost with that text."""
    style = Style(text_format=TextFormat.AUTO, code_blocks=CodeBlocks.ANNOUNCE, is_english=True)
    caller = Caller(pipeline.scheduler, "a", style=style)
    caller.say("Hello. <break time='500ms'/>... Bye.")
    assert spoken(caller.all()) == "Hello.Bye."
    assert max(pipeline.sound.pauses_s) == 0.5
