"""A server that keeps the contract gapless.tts.v1 and makes a tone in place of speech: 50 ms for each character.

It runs in threads, without an event loop: two grpc.aio loops in one process share one poller and disturb each other.
What a stream does can be replaced by a script: `(requests, context) -> responses`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import grpc
import numpy as np
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from numpy.typing import NDArray

from client._clock import now_ns
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc

NATIVE_RATE = 24000  # Hz
RATES = (8000, 16000, 22050, 24000, 44100, 48000)
CHARACTER_S = 0.05
SILENCE_S = 0.03  # in front of each utterance
CHUNK_S = 0.1
WORK_S = 0.002  # per stage and chunk

Requests = Iterator[pb.SynthesizeRequest]
Responses = Iterator[pb.SynthesizeResponse]
Script = Callable[[Requests, grpc.ServicerContext], Responses]


def tone(num_samples: int, first_sample: int, rate: int) -> NDArray[np.float32]:
    """440 Hz at half scale after the leading silence. [N]"""
    index = np.arange(first_sample, first_sample + num_samples)
    return np.where(index < SILENCE_S * rate, 0.0, 0.5 * np.sin(2 * np.pi * 440 * index / rate)).astype(np.float32)


def encode(samples: NDArray[np.float32], encoding: int) -> bytes:
    if encoding == pb.AUDIO_ENCODING_PCM_F32LE:
        return samples.tobytes()
    return (samples * 32767).astype("<i2").tobytes()


class Voice:
    """Chunks of one utterance, in order."""

    def __init__(self, config: pb.SynthesisConfig) -> None:
        self.encoding = config.audio_format.encoding or pb.AUDIO_ENCODING_PCM_S16LE
        self.rate = config.audio_format.sample_rate_hertz or NATIVE_RATE
        self.seq = 0
        self.position = 0

    def speak(self, text: str) -> Responses:
        arrived_ns = now_ns()
        left = round((len(text) * CHARACTER_S + (SILENCE_S if self.position == 0 else 0)) * self.rate)
        while left:
            num_samples = min(left, round(CHUNK_S * self.rate))
            left -= num_samples
            yield pb.SynthesizeResponse(audio=self._chunk(num_samples, arrived_ns, last=left == 0))

    def _chunk(self, num_samples: int, arrived_ns: int, last: bool) -> pb.Audio:
        stamps = []
        for _ in range(4):
            stamps.append(now_ns())
            time.sleep(WORK_S)
        samples = tone(num_samples, self.position, self.rate)
        audio = pb.Audio(
            chunk_seq=self.seq,
            first_sample=self.position,
            num_samples=num_samples,
            data=encode(samples, self.encoding),
            end_of_segment=last,
            timings=pb.ChunkTimings(
                text_received_unix_nanos=arrived_ns,
                t3_start_unix_nanos=stamps[0],
                t3_first_token_unix_nanos=stamps[0] + 1000,
                t3_last_token_unix_nanos=stamps[1],
                flow_start_unix_nanos=stamps[2],
                flow_end_unix_nanos=stamps[3],
                vocoder_end_unix_nanos=now_ns(),
                taken_unix_nanos=now_ns(),
                write_start_unix_nanos=now_ns(),
                window_tokens=5,
                lookahead_tokens=3,
            ),
        )
        if self.seq == 0:
            audio.prebuffer_hint.FromMilliseconds(40)
        self.seq += 1
        self.position += num_samples
        return audio


def speak(requests: Requests, context: grpc.ServicerContext) -> Responses:
    """The contract, as far as a client can tell."""
    first = next(requests, None)
    if first is None:
        return  # cancelled before it began
    if first.WhichOneof("event") != "config":
        refuse(context, "config", "the first message must be config")
    config = first.config
    if config.voice not in ("", "anna", "karl"):
        refuse(context, "config.voice", f"unknown voice {config.voice!r}; available: anna, karl")
    voice, waiting, characters = Voice(config), "", 0
    yield started(config, voice)
    for request in requests:
        match request.WhichOneof("event"):
            case "text":
                waiting += request.text.text
                characters += len(request.text.text)
                if "." in waiting:
                    yield from voice.speak(waiting)
                    waiting = ""
            case "flush":
                yield from voice.speak(waiting)
                waiting = ""
                done = pb.FlushDone(flush_id=request.flush.flush_id, end_sample=voice.position)
                yield pb.SynthesizeResponse(flush_done=done)
            case "end_of_input":
                break
    if not characters:
        refuse(context, "text", "no speakable text arrived; send at least one letter or digit before the end")
    yield from voice.speak(waiting)
    usage = pb.Usage(input_characters=characters, samples=voice.position)
    yield pb.SynthesizeResponse(finished=pb.Finished(reason=pb.FINISH_REASON_COMPLETED, usage=usage))


def started(config: pb.SynthesisConfig, voice: Voice) -> pb.SynthesizeResponse:
    sampling = pb.SamplingConfig()
    sampling.CopyFrom(config.sampling)
    if not config.sampling.HasField("temperature"):
        sampling.temperature = 0.8
    return pb.SynthesizeResponse(
        started=pb.Started(
            utterance_id="u-1",
            voice=config.voice or "karl",
            audio_format=pb.AudioFormat(encoding=voice.encoding, sample_rate_hertz=voice.rate),
            seed=config.sampling.seed if config.sampling.HasField("seed") else 7,
            sampling=sampling,
            streaming=config.streaming,
        )
    )


def refuse(context: grpc.ServicerContext, field: str, description: str) -> None:
    """Ends the call with INVALID_ARGUMENT and rich details. Raises."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
    abort(
        context,
        grpc.StatusCode.INVALID_ARGUMENT,
        f"{field}: {description}",
        error_details_pb2.BadRequest(field_violations=[violation]),
        error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain="gapless"),
    )


def abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    *details: error_details_pb2.BadRequest | error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo,
) -> None:
    packed = []
    for detail in details:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    context.abort_with_status(rpc_status.to_status(status))


def server_info() -> pb.GetServerInfoResponse:
    return pb.GetServerInfoResponse(
        version="0.0.0",
        model="tone",
        variant="fake",
        native_sample_rate_hertz=NATIVE_RATE,
        sample_rates_hertz=RATES,
        encodings=[pb.AUDIO_ENCODING_PCM_S16LE, pb.AUDIO_ENCODING_PCM_F32LE],
        limits=pb.Limits(max_text_chars=1000, max_utterances=4, max_recording_bytes=1 << 20),
        language_codes=["en", "de"],
        flow_form="cached",
        features=pb.Features(playback_reports=True),
        device="cpu",
    )


class _Servicer(tts_pb2_grpc.TextToSpeechServiceServicer):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def Synthesize(self, request_iterator: Requests, context: grpc.ServicerContext) -> Responses:  # noqa: N802
        self._server.metadata = dict(context.invocation_metadata())
        if not context.add_callback(self._server.stream_over.set):  # cancelled before it began
            self._server.stream_over.set()
        return self._server.script(self._noted(request_iterator), context)

    def _noted(self, requests: Requests) -> Requests:
        """Reads in a thread, so that what comes while the script speaks is noted too."""
        arrived: queue.SimpleQueue[pb.SynthesizeRequest | None] = queue.SimpleQueue()

        def read() -> None:
            try:
                for request in requests:
                    self._server.requests.append(request)
                    arrived.put(request)
            except grpc.RpcError:
                pass  # cancelled
            arrived.put(None)

        threading.Thread(target=read, name="fake-server-requests", daemon=True).start()
        return iter(arrived.get, None)

    def ListVoices(  # noqa: N802
        self, request: pb.ListVoicesRequest, context: grpc.ServicerContext
    ) -> pb.ListVoicesResponse:
        voices = [
            pb.Voice(name="anna", description="A woman.", language_codes=["en", "de", "fr"]),
            pb.Voice(
                name="karl",
                description="A man.",
                language_codes=["en"],
                bytes_held=3 << 20,
                built_in=True,
                in_memory=True,
            ),
        ]
        return pb.ListVoicesResponse(voices=voices, default_voice="karl")

    def CreateVoice(  # noqa: N802
        self, request_iterator: Iterator[pb.CreateVoiceRequest], context: grpc.ServicerContext
    ) -> pb.CreateVoiceResponse:
        self._server.uploaded = list(request_iterator)
        config = self._server.uploaded[0].config
        voice = pb.Voice(name=config.name, description=config.description, language_codes=["en"])
        warning = pb.Warning(reason="RECORDING", message="the recording is noisy")
        return pb.CreateVoiceResponse(voice=voice, warnings=[warning])

    def DeleteVoice(  # noqa: N802
        self, request: pb.DeleteVoiceRequest, context: grpc.ServicerContext
    ) -> pb.DeleteVoiceResponse:
        self._server.deleted.append(request.name)
        return pb.DeleteVoiceResponse()

    def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> pb.GetServerInfoResponse:
        return self._server.info

    def ProbeClock(  # noqa: N802
        self, request: pb.ProbeClockRequest, context: grpc.ServicerContext
    ) -> pb.ProbeClockResponse:
        asked_ns = now_ns() + self._server.clock_shift_ns
        return pb.ProbeClockResponse(
            client_send_unix_nanos=request.client_send_unix_nanos,
            server_receive_unix_nanos=asked_ns,
            server_send_unix_nanos=asked_ns,
        )


class _Guard(grpc.ServerInterceptor):
    def __init__(self, token: str) -> None:
        self._wanted = f"Bearer {token}"

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if self._wanted == "Bearer " or dict(details.invocation_metadata).get("authorization") == self._wanted:
            return continuation(details)
        handler = continuation(details)

        def refused(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is missing or wrong")

        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        return make(refused, handler.request_deserializer, handler.response_serializer)


class FakeServer:
    """`with FakeServer() as server:` listens on a free loopback port, `server.address`."""

    def __init__(
        self,
        script: Script = speak,
        credentials: grpc.ServerCredentials | None = None,
        token: str = "",
        address: str = "127.0.0.1:0",
    ) -> None:
        """`credentials`: for TLS; `token`: that each call must carry."""
        self.script = script
        self.requests: list[pb.SynthesizeRequest] = []
        self.uploaded: list[pb.CreateVoiceRequest] = []  # of the last CreateVoice
        self.deleted: list[str] = []
        self.info = server_info()
        self.metadata: dict[str, str | bytes] = {}
        self.stream_over = threading.Event()  # some stream ended or was cancelled
        self.clock_shift_ns = 0
        self._server = grpc.server(ThreadPoolExecutor(16, "fake-server"), interceptors=[_Guard(token)])
        tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(_Servicer(self), self._server)
        if credentials:
            port = self._server.add_secure_port(address, credentials)
        else:
            port = self._server.add_insecure_port(address)
        self.address = f"127.0.0.1:{port}"

    def events(self) -> list[str | None]:
        """Kinds of the requests so far, in order."""
        return [request.WhichOneof("event") for request in self.requests]

    def __enter__(self) -> FakeServer:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Breaks off what runs."""
        self._server.stop(None).wait()
