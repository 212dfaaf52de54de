"""Riva's RPCs over a scripted engine: what comes out, in every encoding, and what is refused in which words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from numpy.typing import NDArray

from gapless.doors.encoders import opus
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from service.riva import messages
from service.riva.messages import ALAW, FLAC, LINEAR_PCM, MULAW, OGGOPUS, SERVICE
from tests.doors.decoding import decoded, decoded_flac, delay, spectral_distance_db
from tests.fakes import Script, speech_of_text
from tests.recordings import recording
from tests.service.conftest import VOICES, Served, serve_scripted
from tests.service.talk import detail, writing

TEXT = "What was said is what is heard. It is said in pieces."
Request = messages.SynthesizeSpeechRequest


class Rubbish:
    def SerializeToString(self) -> bytes:  # noqa: N802
        return b"\xff\xff\xff"


class Stub:
    """As NVIDIA's client has it; `online_from_one` as older ones."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        to_bytes, response = Request.SerializeToString, messages.SynthesizeSpeechResponse.FromString
        online = f"/{SERVICE}/SynthesizeOnline"
        self.synthesize = channel.unary_unary(f"/{SERVICE}/Synthesize", to_bytes, response)
        self.online = channel.stream_stream(online, to_bytes, response)
        self.online_from_one = channel.unary_stream(online, to_bytes, response)
        self.config = channel.unary_unary(
            f"/{SERVICE}/GetRivaSynthesisConfig",
            messages.RivaSynthesisConfigRequest.SerializeToString,
            messages.RivaSynthesisConfigResponse.FromString,
        )


def asked(text: str = TEXT, seed: int | None = 3, configuration: dict[str, str] | None = None, **fields: Any) -> Any:
    """A request as NVIDIA's client makes it."""
    settings = {**({} if seed is None else {"seed": str(seed)}), **(configuration or {})}
    defaults = {"language_code": "en-US", "encoding": LINEAR_PCM, "sample_rate_hz": 24_000, "voice_name": "anna"}
    return Request(text=text, custom_configuration=settings, **{**defaults, **fields})


def spoken(text: str = TEXT, voice: str = "anna") -> NDArray[np.int16]:
    return np.rint(speech_of_text(text, seed=3, voice=voice) * 32767).astype(np.int16)


async def hear(call: Any) -> list[Any]:
    return [response async for response in call]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serve_scripted(has_riva=True, has_alignment=True) as running:
        yield running


@pytest.fixture
def stub(served: Served) -> Stub:
    return Stub(served.channel)


async def test_a_service_that_was_not_told_speaks_no_riva() -> None:
    async with serve_scripted() as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await Stub(served.channel).config(messages.RivaSynthesisConfigRequest())
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_all_ways_of_asking_say_the_same(stub: Stub) -> None:
    whole = (await stub.synthesize(asked())).audio
    assert whole == spoken().tobytes()
    for call in (stub.online_from_one(asked()), stub.online(iter([asked()]))):
        responses = await hear(call)
        assert b"".join(response.audio for response in responses) == whole
        assert len(responses) > 1
        assert all(response.audio for response in responses)
        assert all(len(response.audio) % 2 == 0 for response in responses)


async def test_texts_are_joined_with_a_space_and_spoken_at_once(served: Served, stub: Stub) -> None:
    call: Any = stub.online()
    await call.write(asked("One"))
    heard = bytearray()
    while len(heard) < 2 * len(spoken("One")):  # "One" is spoken although nothing ends it
        heard += (await call.read()).audio
    await call.write(asked("two"))
    await call.done_writing()
    while (response := await call.read()) is not grpc.aio.EOF:
        heard += response.audio
    assert bytes(heard) == spoken("One two").tobytes()


@pytest.mark.parametrize("encoding", [LINEAR_PCM, FLAC, OGGOPUS, MULAW, ALAW])
async def test_every_encoding(stub: Stub, encoding: int) -> None:
    audio = b"".join([response.audio for response in await hear(stub.online(iter([asked(encoding=encoding)])))])
    if encoding == LINEAR_PCM:
        assert audio == spoken().tobytes()
    elif encoding == FLAC:
        np.testing.assert_array_equal(decoded_flac(audio, len(spoken())), spoken())
    elif encoding == OGGOPUS:
        heard, rate = decoded(audio)
        assert rate == 24_000
        assert abs(len(heard) - len(spoken())) <= 480
        lag = delay(heard.astype(np.float32), spoken().astype(np.float32), 480)
        assert spectral_distance_db(heard[lag:].astype(np.float32), spoken().astype(np.float32)) < 4.0
    else:
        assert len(audio) == len(spoken())


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 0])
async def test_every_rate(stub: Stub, rate: int) -> None:
    audio = (await stub.synthesize(asked(sample_rate_hz=rate))).audio
    assert len(audio) / 2 / (rate or 24_000) == pytest.approx(len(spoken()) / 24_000, abs=0.001)


@pytest.mark.parametrize("rate", opus.RATES[:1] + opus.RATES[2:])
async def test_opus_at_its_rates(stub: Stub, rate: int) -> None:
    answer = await stub.synthesize(asked(encoding=OGGOPUS, sample_rate_hz=rate))
    assert decoded(answer.audio)[1] == rate


async def test_what_is_asked_for_reaches_the_engine(served: Served, stub: Stub) -> None:
    await stub.synthesize(
        asked(seed=5, voice_name="Gapless.Karl", language_code="de-DE", configuration={"temperature": "0.5"})
    )
    utterance = served.engine.submitted[-1]
    assert (utterance.voice, utterance.seed, utterance.sampling) == ("karl", 5, {"temperature": 0.5})
    assert utterance.language == "de-DE"
    await stub.synthesize(asked(voice_name="Magpie-Multilingual.EN-US.Aria"))
    assert served.engine.submitted[-1].voice == ""


async def test_words_come_with_audio_and_their_times_in_milliseconds(stub: Stub) -> None:
    responses = await hear(stub.online(iter([asked("One two three", enable_word_time_offsets=True)])))
    words = [word for response in responses for word in response.meta.words]
    assert [(word.word, word.start_time, word.end_time) for word in words] == [
        ("One", 0, 120),
        ("two", 160, 280),
        ("three", 320, 520),
    ]
    assert all(response.audio for response in responses)
    assert b"".join(response.audio for response in responses) == spoken("One two three").tobytes()
    unasked = await hear(stub.online(iter([asked("One two three")])))
    assert not any(response.meta.words for response in unasked)


async def test_the_id_comes_back(stub: Stub) -> None:
    request = asked()
    request.id.value = "mine"
    assert (await stub.synthesize(request)).id.value == "mine"
    assert {response.id.value for response in await hear(stub.online(iter([request])))} == {"mine"}


async def test_voices_are_listed_as_nvidias_scripts_read_them(stub: Stub) -> None:
    response = await stub.config(messages.RivaSynthesisConfigRequest())
    assert [config.parameters["language_code"] for config in response.model_config] == ["en", "de"]
    config = response.model_config[0]
    names = [
        f"{config.parameters['voice_name']}.{one.split(':')[0]}" for one in config.parameters["subvoices"].split(",")
    ]
    assert names[:2] == ["Gapless.anna", "Gapless.broken"]
    assert not (await stub.config(messages.RivaSynthesisConfigRequest(model_name="Magpie"))).model_config


async def test_a_recording_is_the_voice_for_one_call(served: Served, stub: Stub) -> None:
    request = asked()
    request.zero_shot_data.audio_prompt = recording()
    request.zero_shot_data.quality = 20
    audio = (await stub.synthesize(request)).audio
    (cloned,) = served.engine.cloned
    assert audio == spoken(voice=cloned.name).tobytes()
    assert served.engine.deleted == [cloned.name]


async def test_a_cancelled_call_frees_the_engine_and_forgets_its_voice() -> None:
    async with serve_scripted(has_riva=True, voices={"slow": Script(token_s=0.02)}) as served:
        request = asked("word " * 100, voice_name="")
        request.zero_shot_data.audio_prompt = recording()
        call = Stub(served.channel).online(iter([request]))
        await call.read()
        call.cancel()
        async with asyncio.timeout(2):
            while served.engine.stats().utterances or not served.engine.deleted:
                await asyncio.sleep(0.005)


async def test_an_answer_that_no_message_holds_is_refused(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="ask for a stream") as refused:
        await stub.synthesize(asked("word " * 300, sample_rate_hz=48_000))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_many_texts_at_once_are_read_as_they_are_spoken(stub: Stub) -> None:
    """As NVIDIA's client sends a list: more texts than the service keeps flushes."""
    requests = [asked("a") for _ in range(150)]
    audio = b"".join([response.audio for response in await hear(stub.online(iter(requests)))])
    assert audio == spoken(" ".join("a" * 150)).tobytes()


# ------------------------------------------------------------------------------------------------------------ refusals

TEMPERATURE = "custom_configuration[temperature]"
WRONG: dict[str, tuple[Any, str]] = {
    "no text": (asked(""), "text"),
    "nothing to speak": (asked("..."), "text"),
    "too much text": (asked("word " * 5000), "text"),
    "an unknown voice": (asked(voice_name="Gapless.bob"), "voice_name"),
    "another unknown voice": (asked(voice_name="bob"), "voice_name"),
    "an unknown language": (asked(language_code="tlh"), "language_code"),
    "an unknown encoding": (asked(encoding=7), "encoding"),
    "a rate that nobody has": (asked(sample_rate_hz=12_345), "sample_rate_hz"),
    "a negative rate": (asked(sample_rate_hz=-1), "sample_rate_hz"),
    "a rate that opus has not": (asked(sample_rate_hz=22_050, encoding=OGGOPUS), "sample_rate_hz"),
    "another rate that opus has not": (asked(sample_rate_hz=44_100, encoding=OGGOPUS), "sample_rate_hz"),
    "an unknown setting": (asked(configuration={"speed": "1"}), "custom_configuration[speed]"),
    "a setting with an endless name": (asked(configuration={"x" * 5000: "1"}), f"custom_configuration[{'x' * 40}]"),
    "a seed that is no number": (asked(configuration={"seed": "x"}), "custom_configuration[seed]"),
    "a negative seed": (asked(configuration={"seed": "-1"}), "custom_configuration[seed]"),
    "a seed that is too large": (asked(configuration={"seed": str(2**64)}), "custom_configuration[seed]"),
    "a seed in other digits": (asked(configuration={"seed": "\u0663"}), "custom_configuration[seed]"),
    "a temperature that is no number": (
        asked(configuration={"temperature": "hot"}),
        "custom_configuration[temperature]",
    ),
    "a temperature out of range": (asked(configuration={"temperature": "9"}), "custom_configuration[temperature]"),
    "no number": (asked(configuration={"temperature": "nan"}), "custom_configuration[temperature]"),
    "an endless temperature": (asked(configuration={"temperature": "inf"}), "custom_configuration[temperature]"),
    "an exaggeration out of range": (
        asked(configuration={"exaggeration_factor": "-1"}),
        "custom_configuration[exaggeration_factor]",
    ),
    "a weight out of range": (asked(configuration={"cfg_weight": "99"}), "custom_configuration[cfg_weight]"),
    "a dictionary without phonemes": (asked(custom_dictionary="tomato"), "custom_dictionary"),
    "a dictionary with two words for one": (asked(custom_dictionary="two words  x"), "custom_dictionary"),
    "a dictionary with an endless word": (asked(custom_dictionary=f"{'a' * 65}  x"), "custom_dictionary"),
    "an endless voice": (asked(voice_name="x" * 5000), "voice_name"),
    "an encoding below all": (asked(encoding=-1), "encoding"),
    "a recording that is none": (
        asked(zero_shot_data={"audio_prompt": b"no audio"}),
        "zero_shot_data.audio_prompt",
    ),
    "a recording that is too short": (
        asked(zero_shot_data={"audio_prompt": recording(0.1)}),
        "zero_shot_data.audio_prompt",
    ),
}


async def refused_field(call: Any, requests: Sequence[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async with writing(call, requests):
            await hear(call)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, refused.value.details()
    bad = detail(refused.value, error_details_pb2.BadRequest)
    assert bad is not None
    field = bad.field_violations[0].field
    assert field in str(refused.value.details())
    return str(field)


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_request_is_refused_in_rivas_words(served: Served, stub: Stub, what: str) -> None:
    request, field = WRONG[what]
    assert await refused_field(stub.online(), [request]) == field
    assert (await stub.synthesize(asked())).audio == spoken().tobytes()
    assert served.engine.stats().utterances == 0


@pytest.mark.parametrize(
    "later",
    [{"voice_name": "karl"}, {"sample_rate_hz": 8000}, {"encoding": MULAW}, {"seed": 4}, {"language_code": "de"}],
)
async def test_a_later_request_must_not_differ(stub: Stub, later: dict[str, Any]) -> None:
    field = "custom_configuration" if "seed" in later else next(iter(later))
    assert await refused_field(stub.online(), [asked("One."), asked("Two.", **later)]) == field


async def test_a_call_without_a_request_and_one_with_rubbish(served: Served, stub: Stub) -> None:
    assert await refused_field(stub.online(), []) == "request"
    raw: Any = served.channel.stream_stream(f"/{SERVICE}/SynthesizeOnline", Rubbish.SerializeToString)
    assert await refused_field(raw(), [Rubbish()]) == "request"


async def test_others_do_not_notice() -> None:
    async with serve_scripted(has_riva=True, max_utterances=40, voices={"anna": Script(token_s=0.005)}) as served:
        stub = Stub(served.channel)

        async def ask(request: Any) -> None:
            with pytest.raises(grpc.aio.AioRpcError):
                await hear(stub.online(iter([request])))

        beside, *_ = await asyncio.gather(stub.synthesize(asked()), *(ask(request) for request, _ in WRONG.values()))
        assert beside.audio == spoken().tobytes()


async def test_a_full_service_says_when_to_come_again(stub: Stub) -> None:
    async with serve_scripted(has_riva=True, max_utterances=1, voices=VOICES) as served:
        stub = Stub(served.channel)
        first = stub.online(iter([asked("word " * 50, voice_name="slow")]))
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await hear(stub.online(iter([asked()])))
        first.cancel()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail(refused.value, error_details_pb2.RetryInfo) is not None


# -------------------------------------------------------------------------------------------------------------- tokens

Metadata = Sequence[tuple[str, str]]


async def test_tokens_guard_all_but_the_list_of_voices(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    token = tokens.create(file, Caller(name="agent"))
    right, wrong = [("authorization", f"Bearer {token}")], [("authorization", "Bearer nvapi-x"), ("function-id", "x")]
    cloning = asked(zero_shot_data={"audio_prompt": recording()})
    config = messages.RivaSynthesisConfigRequest()
    async with serve_scripted(has_riva=True, access=Access.of(AccessConfig(token_file=file), "127.0.0.1:0")) as served:
        stub = Stub(served.channel)

        async def code_of(request: Any, metadata: Metadata) -> grpc.StatusCode:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await hear(stub.online(iter([request]), metadata=metadata))
            return refused.value.code()

        for metadata in ([], wrong):
            assert await code_of(asked(), metadata) is grpc.StatusCode.UNAUTHENTICATED
            assert await code_of(cloning, metadata) is grpc.StatusCode.UNAUTHENTICATED
            assert not (await stub.config(config, metadata=metadata)).model_config
        assert served.engine.cloned == []
        assert (await stub.config(config, metadata=right)).model_config
        assert (await stub.synthesize(asked(), metadata=right)).audio == spoken().tobytes()
        assert await code_of(cloning, right) is grpc.StatusCode.PERMISSION_DENIED
