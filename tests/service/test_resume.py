"""A call that goes on with a lost one: the rest from the very sample, for whoever has a token, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2

from engine.errors import InvalidRequest
from engine.messages import Accepted, Place, SpokenWindow, Utterance
from gapless.tts.v1 import tts_pb2 as pb
from service.access import tokens as access_tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from service.access.errors import AccessError
from service.rpc import resume, resume_token_pb2
from service.rpc.resume import ResumeTokens, TokenIssuer
from tests.fakes import Script, ScriptedEngine
from tests.service.conftest import Serve, Served
from tests.service.talk import Heard, Request, config, detail, end, playback, say, seeded, text

TEXT = "All of it is heard once, and nothing twice."
VOICES = {"anna": Script(window_tokens=3)}
WISHED = pb.StreamingConfig(want_resume_tokens=True, want_alignment=True)
FORMATS = {
    "s16": pb.AudioFormat(),
    "mulaw": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_MULAW),
    "f32 up": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=44_100),
    "alaw down": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_ALAW, sample_rate_hertz=8_000),
    "opus": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OPUS),
    "opus up": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OPUS, sample_rate_hertz=48_000),
    "opus down": pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OPUS, sample_rate_hertz=8_000),
}


async def spoken(served: Served, first: Request) -> Heard:
    return await say(served.stub, [first, text(TEXT), end()])


def going_on(token: bytes, from_sample: int, **fields: object) -> Request:
    return config(resume=pb.Resume(token=token, from_sample=from_sample), streaming=WISHED, **fields)


async def refusal(served: Served, first: Request, *metadata: tuple[str, str]) -> tuple[grpc.StatusCode, str, str]:
    """Code, field and what is said."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say(served.stub, [first, text(TEXT), end()], metadata)
    bad = detail(failure.value, error_details_pb2.BadRequest)
    field = str(bad.field_violations[0].field) if bad else ""
    return failure.value.code(), field, failure.value.details() or ""


@pytest.fixture
async def whole(served: Served) -> Heard:
    return await spoken(served, seeded(streaming=WISHED))


@pytest.mark.parametrize("audio_format", FORMATS.values(), ids=FORMATS)
async def test_from_every_chunk_on_the_rest_is_the_same(serve: Serve, audio_format: pb.AudioFormat) -> None:
    async with serve(voices=VOICES) as served:
        whole = await spoken(served, seeded(streaming=WISHED, audio_format=audio_format))
        assert whole.started.streaming.want_resume_tokens
        for index, chunk in list(enumerate(whole.chunks))[::3]:
            received = chunk.first_sample + chunk.num_samples
            again = await spoken(served, going_on(chunk.resume_token, received, audio_format=audio_format))
            rest = whole.chunks[index + 1 :]
            assert again.pcm == b"".join(one.data for one in rest)
            assert [one.chunk_seq for one in again.chunks] == list(range(len(again.chunks)))
            assert [length for one in again.chunks for length in one.packet_bytes] == [
                length for one in rest for length in one.packet_bytes
            ]
            for one in again.chunks:
                assert one.first_sample == received
                received += one.num_samples
                original = next(old for old in rest if old.segment == one.segment)
                assert (one.text_begin, one.text_end) == (original.text_begin, original.text_end)
            assert again.finished.usage.samples == whole.finished.usage.samples == received


async def test_an_older_token_does_as_well(served: Served, whole: Heard) -> None:
    """The last one may have been lost, or not sent."""
    received = whole.chunks[4].first_sample + whole.chunks[4].num_samples
    for token in (whole.started.resume_token, *(chunk.resume_token for chunk in whole.chunks[:4])):
        again = await spoken(served, going_on(token, received))
        assert whole.pcm[2 * received :] == again.pcm


async def test_before_the_first_sound_the_token_of_started_gives_all(served: Served) -> None:
    whole = await spoken(served, config(streaming=WISHED))
    again = await spoken(served, going_on(whole.started.resume_token, 0))
    assert (again.pcm, again.started.seed) == (whole.pcm, whole.started.seed)


async def test_a_continuation_can_be_gone_on_with(served: Served, whole: Heard) -> None:
    second = await spoken(served, going_on(whole.chunks[2].resume_token, whole.chunks[3].first_sample))
    for token, received in (
        (second.started.resume_token, whole.chunks[3].first_sample),
        (second.chunks[0].resume_token, second.chunks[1].first_sample),
    ):
        third = await spoken(served, going_on(token, received))
        assert third.pcm == whole.pcm[2 * received :]


async def test_after_the_last_sound_only_the_end_comes(served: Served, whole: Heard) -> None:
    last = whole.chunks[-1]
    again = await spoken(served, going_on(last.resume_token, last.first_sample + last.num_samples))
    assert (again.chunks, again.finished.reason) == ([], pb.FINISH_REASON_COMPLETED)


async def test_the_listener_counts_on_from_the_lost_call(served: Served, whole: Heard) -> None:
    chunk = whole.chunks[5]
    first = going_on(chunk.resume_token, chunk.first_sample + chunk.num_samples)
    again = await say(served.stub, [first, playback(chunk.first_sample), text(TEXT), end()])
    assert "PLAYBACK_CORRECTED" not in again.warnings


async def test_one_message_with_all_text_goes_on_too(served: Served, whole: Heard) -> None:
    chunk = whole.chunks[3]
    first = going_on(chunk.resume_token, chunk.first_sample + chunk.num_samples).config
    call = served.stub.SynthesizeText(pb.SynthesizeTextRequest(config=first, text=TEXT))
    rest = b"".join([event.audio.data async for event in call])
    assert rest == b"".join(one.data for one in whole.chunks[4:])


async def test_servers_go_on_for_each_other_if_they_share_a_key(serve: Serve) -> None:
    key, other = b"k" * 32, b"o" * 32
    async with (
        serve(resume_tokens=ResumeTokens([key])) as first,
        serve(resume_tokens=ResumeTokens([other, key])) as second,
        serve(resume_tokens=ResumeTokens()) as stranger,
    ):
        whole = await spoken(first, seeded(streaming=WISHED))
        asked = going_on(whole.chunks[4].resume_token, whole.chunks[5].first_sample)
        again = await spoken(second, asked)
        assert again.pcm == b"".join(chunk.data for chunk in whole.chunks[5:])
        assert (await refusal(stranger, asked))[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.token")


async def test_what_is_no_token_of_this_service_is_refused(served: Served, whole: Heard) -> None:
    token, received = whole.chunks[3].resume_token, whole.chunks[4].first_sample
    wrong = [b"", b"\x01", token[:-1], token + b"\0", b"\x02" + token[1:], b"\x01" * 200, token[:17], token * 100]
    wrong += [bytes([*token[:at], token[at] ^ 1, *token[at + 1 :]]) for at in range(1, len(token), 7)]
    for each in wrong:
        code, field, _ = await refusal(served, going_on(each, received))
        assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.token"), each
    assert served.engine.stats().slots_in_use == 0


async def test_a_token_expires(serve: Serve) -> None:
    now_s = 1e9
    async with serve(resume_tokens=ResumeTokens(now_s=lambda: now_s)) as served:
        whole = await spoken(served, seeded(streaming=WISHED))
        asked = going_on(whole.chunks[0].resume_token, whole.chunks[1].first_sample)
        now_s += resume.LIFETIME_S
        assert (await spoken(served, asked)).chunks
        now_s += 1
        code, field, said = await refusal(served, asked)
        assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.token")
        assert "expired" in said


async def test_a_token_belongs_to_its_caller(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    shown = [
        ("authorization", f"Bearer {access_tokens.create(path, Caller(name=name, max_utterances=1))}")
        for name in ("mary", "john")
    ]
    async with serve(access=Access.of(AccessConfig(token_file=path), "127.0.0.1:0")) as served:
        whole = await say(served.stub, [seeded(streaming=WISHED), text(TEXT), end()], [shown[0]])
        asked = going_on(whole.chunks[0].resume_token, whole.chunks[1].first_sample)
        again = await say(served.stub, [asked, text(TEXT), end()], [shown[0]])
        assert again.pcm == b"".join(chunk.data for chunk in whole.chunks[1:])
        assert (await refusal(served, asked, shown[1]))[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.token")

        running = served.stub.Synthesize(metadata=[shown[0]])
        await running.write(seeded())
        await running.read()
        assert (await refusal(served, asked, shown[0]))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED  # his quota is 1
        running.cancel()


async def test_a_continuation_needs_a_place_like_any_call(serve: Serve) -> None:
    async with serve(max_utterances=1) as served:
        whole = await spoken(served, seeded(streaming=WISHED))
        running = served.stub.Synthesize()
        await running.write(seeded())
        await running.read()
        asked = going_on(whole.chunks[0].resume_token, whole.chunks[1].first_sample)
        assert (await refusal(served, asked))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        running.cancel()


async def test_what_the_config_says_otherwise_is_refused(served: Served, whole: Heard) -> None:
    token, received = whole.chunks[3].resume_token, whole.chunks[4].first_sample
    for wrong in ({"voice": "karl"}, {"sampling": pb.SamplingConfig(seed=8)}):
        code, field, _ = await refusal(served, going_on(token, received, **wrong))
        assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.token")
    same = going_on(token, received, voice="anna", sampling=pb.SamplingConfig(seed=7))
    assert (await spoken(served, same)).pcm == whole.pcm[2 * received :]


async def test_only_what_can_have_been_received_is_gone_on_from(served: Served, whole: Heard) -> None:
    segment = next(chunk for chunk in whole.chunks if chunk.segment == 4 and not chunk.end_of_segment)
    first = next(chunk for chunk in whole.chunks if chunk.segment == 4).first_sample
    for wrong in (0, first - 1, first + resume.LONGEST_SEGMENT_S * 24_000 + 1, 2**64 - 1):
        code, field, _ = await refusal(served, going_on(segment.resume_token, wrong))
        assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.from_sample")


async def test_no_half_packet_can_have_been_received(served: Served) -> None:
    opus = pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OPUS)
    whole = await spoken(served, seeded(streaming=WISHED, audio_format=opus))
    chunk = next(chunk for chunk in whole.chunks if not chunk.end_of_segment)
    wrong = going_on(chunk.resume_token, chunk.first_sample + chunk.num_samples - 1, audio_format=opus)
    code, field, _ = await refusal(served, wrong)
    assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "config.resume.from_sample")


async def test_a_voice_that_is_gone_is_said_to_be(serve: Serve) -> None:
    tokens = ResumeTokens()
    async with serve(resume_tokens=tokens) as first, serve(voices=VOICES, resume_tokens=tokens) as second:
        whole = await spoken(first, seeded(voice="karl", streaming=WISHED))
        asked = going_on(whole.chunks[0].resume_token, whole.chunks[1].first_sample)
        code, _, said = await refusal(second, asked)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "karl" in said


async def test_without_the_wish_there_are_no_tokens(served: Served) -> None:
    heard = await spoken(served, seeded())
    assert not heard.started.resume_token
    assert not any(chunk.resume_token for chunk in heard.chunks)


async def test_a_server_whose_engine_cannot_says_so(serve: Serve) -> None:
    async with serve(has_resume=False) as served:
        heard = await spoken(served, seeded(streaming=pb.StreamingConfig(want_resume_tokens=True)))
        assert heard.warnings == ["RESUME_UNAVAILABLE"]
        assert not heard.started.resume_token
        assert not heard.started.streaming.want_resume_tokens
        assert (await refusal(served, going_on(b"x", 5)))[:2] == (grpc.StatusCode.UNIMPLEMENTED, "config.resume")
        assert not (await served.stub.GetServerInfo(pb.GetServerInfoRequest())).features.resume


PLACE = Place(
    segment=7,
    first_sample=480_000,
    text_begin=312,
    text_end=380,
    piece=1,
    settled=(40, 200),
    windows=(SpokenWindow(12, 3, False), SpokenWindow(25, 3, False), SpokenWindow(9, 0, True)),
    tokens=tuple(range(0, 6_000, 120)),
    speech_samples=460_000,
    owed_pause=4_800,
)
INFO = replace(ScriptedEngine().info(), model="a" * 200)
ACCEPTED = Accepted(voice="anna", language="en", seed=2**64 - 1, sampling={}, max_text_delay_s=0.5)


def issuer(tokens: ResumeTokens) -> TokenIssuer:
    return TokenIssuer(Utterance(id="1", want_tokens=True), ACCEPTED, INFO, tokens)


def test_the_whole_place_is_in_the_token() -> None:
    tokens = ResumeTokens()
    for place in (PLACE, Place(), replace(PLACE, text_end=None, windows=())):
        assert resume._place(tokens.read(issuer(tokens).at(place), "").place) == place


def test_tokens_are_small_and_never_too_large() -> None:
    """Two seconds into a segment: 50 speech tokens at most 2 bytes each, and what is always there."""
    tokens = ResumeTokens()
    assert len(issuer(tokens).at(replace(PLACE, tokens=()))) < 120
    assert len(issuer(tokens).at(PLACE)) < 220
    longest = replace(PLACE, tokens=tuple(np.full(1_980, 6_000)))
    assert 4_000 < len(issuer(tokens).at(longest)) <= resume.MAX_BYTES
    assert issuer(tokens).at(replace(PLACE, tokens=tuple(np.full(2_100, 6_000)))) == b""
    assert issuer(tokens).at(None) == b""


@pytest.mark.parametrize("content", ["", "short", "k" * 31, "k" * 40 + "\nshort", "ü" * 40])
def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(AccessError, match="keys"):
        ResumeTokens.of(path)


def test_a_key_that_is_replaced_is_good_until_it_is_taken_out(tmp_path: Path) -> None:
    path, state = tmp_path / "keys", resume_token_pb2.ResumeState(voice="anna")
    with pytest.raises(AccessError, match="keys"):
        ResumeTokens.of(path)
    path.write_text("a" * 32)
    old = ResumeTokens.of(path)
    path.write_text(f"{'b' * 32}\n{'a' * 32}\n")
    both = ResumeTokens.of(path)
    assert both.read(old.make(state, ""), "").voice == "anna"
    with pytest.raises(InvalidRequest, match="caller"):
        old.read(both.make(state, ""), "")


def test_what_does_not_fit_the_place_in_a_token_is_told_of_the_token() -> None:
    """The field was `config.resume.place`, which the contract does not have."""
    error = resume.as_told(InvalidRequest("config.resume.place.windows", "the segment is shorter"))
    assert isinstance(error, InvalidRequest)
    assert error.field == "config.resume.token"
    assert error.description == "does not fit what was sent with it: the segment is shorter"
    other = InvalidRequest("text", "is empty")
    assert resume.as_told(other) is other
