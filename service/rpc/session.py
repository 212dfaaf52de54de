"""One accepted utterance on the asyncio loop: the client's messages into the engine, the engine's events out.

Four tasks: one reads, one writes, one watches for silence, one tells of a drain. All writes go through one lock; audio
also through the encoder (rate and encoding) and the pacer (`max_lead`). Room in the engine's channel is given back
after each write, so a client that does not read stops its own synthesis and nobody else's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message
from opentelemetry.trace import Span, Tracer

from engine.clock import now_ns
from engine.errors import GaplessError
from engine.messages import Accepted, Aligned, AudioChunk, EngineInfo, Failed, Finished, FlushDone, Usage, Warned
from gapless.doors.listening.rates import Rate
from gapless.tts.v1 import tts_pb2
from service.config import ServiceConfig
from service.engines.engine import AsyncEngine
from service.observability.deadlines import ChunkDeadlines
from service.observability.loop_lag import LagWatch
from service.observability.metrics import Metrics
from service.observability.tracing import ChunkSpans
from service.pacing import Pacer
from service.rpc import requests, responses, resume
from service.rpc.errors import ClientStalled, OutOfOrder, SilentClient, UtteranceTooLong
from service.rpc.event_queue import EventQueue, Stopped
from service.rpc.receive import QUIET_S, Context
from service.rpc.resume import ResumeTokens, TokenIssuer
from service.rpc.text_input import TextInput

Receive = Callable[[], Awaitable[tts_pb2.SynthesizeRequest | None]]
"""Gives what the client says after the config, message by message; None when no more will come."""

_NS_PER_S = 1_000_000_000
_DRAINING = Warned(
    reason="DRAINING",
    message="the server is shutting down: this utterance may finish, open the next one on another server",
)


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What all sessions of a server share."""

    engine: AsyncEngine
    config: ServiceConfig
    tracer: Tracer
    metrics: Metrics = field(default_factory=Metrics)
    resume_tokens: ResumeTokens = field(default_factory=ResumeTokens)

    @property
    def info(self) -> EngineInfo:
        return self.engine.info()


class Session:
    def __init__(
        self,
        request: requests.UtteranceRequest,
        receive: Receive,
        context: Context,
        dependencies: Dependencies,
        span: Span,
        lag: LagWatch,
        draining: asyncio.Event,
    ) -> None:
        info = dependencies.info
        self._limits = responses.to_limits(info, dependencies.config, info.max_utterances)
        self._draining = draining
        self._id = request.utterance.id
        self._request = request
        self._receive = receive
        self._context = context
        self._engine = dependencies.engine
        self._config = dependencies.config
        self._metrics = dependencies.metrics
        self._spans = ChunkSpans(dependencies.tracer, span)
        self._lag = lag
        self._events = EventQueue()
        self._info = info
        rate, heard = request.audio_format.sample_rate, request.from_sample
        self._encoder = resume.encoder(request, info)
        self._pacer = Pacer(max_lead_s=request.max_lead_s, sample_rate=rate, now_ns=now_ns, heard=heard)
        self._deadlines = ChunkDeadlines(rate, sent=heard)
        self._resume_tokens = dependencies.resume_tokens
        self._writing = asyncio.Lock()
        self._listener_moved = asyncio.Event()
        self._accepted = asyncio.Event()
        self._reads = False  # what the client says
        self._stopped = False
        self._input = TextInput(self._engine, self._id, self._config)
        self._rate = Rate(per_s=self._config.messages_per_s, burst=self._config.message_burst, now_s=time.monotonic)
        self._heard_until_ns = 0  # when a listener who never stops has heard all that was sent
        self._played = 0  # samples that the listener has reported
        self._corrected = False  # a report of his was wrong
        self._last_sign_ns = now_ns()  # of text, or of a listener who goes on listening
        self._chunks_sent = 0
        self._written_ns = 0  # when gRPC had taken the last chunk

    async def run(self) -> None:
        """Returns after `finished`. Whatever ends it, the engine's utterance is freed."""
        listening = asyncio.create_task(self._listen())  # what comes while an engine elsewhere is asked goes there too
        try:
            self._begin(await self._submit(listening))
            await self._tell_of_start()
            async with self._time_limit(), asyncio.TaskGroup() as group:
                beside = (_ended(listening), self._watch_for_silence(), self._tell_of_drain())
                helpers = [group.create_task(task) for task in beside]
                await self._speak()
                for helper in helpers:
                    helper.cancel()
        finally:
            self._engine.drop(self._id)
            self._spans.end()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _submit(self, listening: asyncio.Task[None]) -> Accepted:
        try:
            with resume.voice_expected(self._request.utterance):
                return await self._engine.submit(self._request.utterance, self._events.sink)
        except GaplessError:
            if self._reads:  # gRPC reads nothing more behind a read that was cancelled: before the refusal is sent,
                await asyncio.wait([listening], timeout=QUIET_S)  # what is under way is read
            raise

    def _begin(self, accepted: Accepted) -> None:
        request = self._request
        self._issuer = TokenIssuer(request.utterance, accepted, self._info, self._resume_tokens)
        self._started = responses.to_started(
            request.audio_format, request.max_lead_s, request.utterance, accepted, self._limits, self._encoder.pre_skip
        )
        self._started.resume_token = self._issuer.first_token
        self._accepted.set()

    async def _tell_of_start(self) -> None:
        await self._write(started=self._started)
        for warned in self._request.warnings:
            await self._write(warning=responses.to_warning(warned))

    @contextlib.asynccontextmanager
    async def _time_limit(self) -> AsyncIterator[None]:
        limit_s = self._config.max_utterance_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                yield
        except TimeoutError:
            raise (UtteranceTooLong(limit_s) if limit.expired() else TimeoutError()) from None

    # -------------------------------------------------------------------------------------------- client to engine

    async def _listen(self) -> None:
        self._reads = True
        while request := await self._receive():
            await self._rate.wait()
            await self._take(request)
        if not self._input.ended:
            self._input.end()

    async def _take(self, request: tts_pb2.SynthesizeRequest) -> None:
        event = request.WhichOneof("event")
        if self._input.ended and event in ("text", "flush", "end_of_input"):
            raise OutOfOrder(event, "came after end_of_input; open another call for more text")
        match event:
            case "text":
                self._input.push(request.text.text)
                if request.text.text:
                    self._last_sign_ns = now_ns()
            case "flush":
                self._input.flush(request.flush.flush_id)
            case "end_of_input":
                self._input.end()
            case "playback":
                await self._accepted.wait()
                await self._take_playback(request.playback)
            case "config":
                raise OutOfOrder("config", "came again; it must come once, as the first message of a call")
            case None:
                requests.check_event(request)

    async def _take_playback(self, report: tts_pb2.PlaybackReport) -> None:
        playback, wrong = requests.read_playback(report, self._pacer.sent, self._encoder)
        if wrong and not self._corrected:
            self._corrected = True
            self._events.sink(wrong)
        self._engine.playback(self._id, playback)
        played = min(report.played_samples, self._pacer.sent)
        if played > self._played:
            self._played, self._last_sign_ns = played, now_ns()
        self._pacer.report(played)
        self._deadlines.report(played, now_ns())
        self._stopped |= report.stopped
        self._listener_moved.set()
        if report.stopped:
            self._events.stop(await self._engine.cancel(self._id))

    async def _watch_for_silence(self) -> None:
        """Silence counts from the last text, the last progress of playback, or the end of what is heard."""
        while not self._input.ended:
            silent_since_ns = max(self._last_sign_ns, self._heard_until_ns)
            left_s = self._config.idle_timeout_s - (now_ns() - silent_since_ns) / _NS_PER_S
            if left_s <= 0:
                raise SilentClient(self._config.idle_timeout_s)
            await asyncio.sleep(left_s)

    # -------------------------------------------------------------------------------------------- engine to client

    async def _speak(self) -> None:
        while True:
            match await self._events.next():
                case AudioChunk() as chunk:
                    await self._send_chunk(chunk)
                case FlushDone(flush_id=flush_id):
                    self._input.flushed()
                    await self._write(flush_done=tts_pb2.FlushDone(flush_id=flush_id, end_sample=self._pacer.sent))
                case Aligned() as aligned:
                    await self._write(alignment=responses.to_alignment(aligned, self._encoder))
                case Warned() as warned:
                    await self._write(warning=responses.to_warning(warned))
                case Failed(error=error):
                    raise resume.as_told(error)
                case Finished(usage=usage):
                    self._metrics.spoken(usage, self._info.sample_rate)
                    return await self._finish(tts_pb2.FINISH_REASON_COMPLETED, usage)
                case Stopped(usage=usage):
                    return await self._finish(tts_pb2.FINISH_REASON_STOPPED, usage)

    async def _tell_of_drain(self) -> None:
        await self._draining.wait()
        await self._write(warning=responses.to_warning(_DRAINING))

    async def _send_chunk(self, chunk: AudioChunk) -> None:
        taken_ns = now_ns()
        encoded = self._encoder.encode(chunk.samples, chunk.end_of_segment)
        if encoded.num_samples:  # else the resampler kept it all
            audio, hint_s = responses.to_audio(chunk, encoded), chunk.prebuffer_hint_s
            if hint_s is not None:
                hint_s += self._encoder.held_s
                audio.prebuffer_hint.CopyFrom(responses.to_duration(hint_s))
            audio.resume_token = self._issuer.token(chunk)
            await self._send_audio(audio, hint_s, taken_ns)
        self._engine.release(self._id, chunk.num_samples)

    async def _send_audio(self, audio: tts_pb2.Audio, hint_s: float | None, taken_ns: int) -> None:
        paced_s = await self._pace(audio.num_samples)
        if self._stopped:
            return
        audio.chunk_seq, audio.first_sample = self._chunks_sent, self._pacer.sent
        timings = audio.timings
        timings.taken_unix_nanos = taken_ns
        timings.paced.CopyFrom(responses.to_duration(paced_s))
        async with self._writing:
            self._pacer.on_sent(audio.num_samples)  # before the write: a report on this chunk may come during it
            self._chunks_sent += 1
            lasts_ns = audio.num_samples * _NS_PER_S // self._request.audio_format.sample_rate
            self._heard_until_ns = max(self._heard_until_ns, now_ns()) + lasts_ns
            lag = self._lag.take()
            timings.loop_lag_max.CopyFrom(responses.to_duration(lag.s))
            timings.loop_lag_from_unix_nanos = lag.from_ns
            timings.previous_written_unix_nanos = self._written_ns
            slack_s = self._deadlines.on_sent(audio.num_samples, hint_s, now_ns())
            timings.write_start_unix_nanos = now_ns()
            await self._send(tts_pb2.SynthesizeResponse(audio=audio))
            self._written_ns = now_ns()
        text_to_write_s = (timings.write_start_unix_nanos - timings.text_received_unix_nanos) / _NS_PER_S
        self._metrics.chunk(slack_s=slack_s, text_to_write_s=text_to_write_s)
        attributes = {"tts.chunk.seq": audio.chunk_seq, "tts.chunk.samples": audio.num_samples}
        self._spans.written(timings, self._written_ns, attributes)

    async def _pace(self, num_samples: int) -> float:
        """Waits until the chunk is within max_lead of the listener. Gives the seconds that it took."""
        start_ns = now_ns()
        while not self._stopped and (wait_s := self._pacer.wait_s(num_samples)) > 0:
            self._listener_moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._listener_moved.wait()
        return (now_ns() - start_ns) / _NS_PER_S

    async def _finish(self, reason: tts_pb2.FinishReason, usage: Usage) -> None:
        totals = responses.to_usage(usage, self._pacer.sent, self._request.audio_format.sample_rate)
        await self._write(finished=tts_pb2.Finished(reason=reason, usage=totals))
        self._metrics.ended("OK", tts_pb2.FinishReason.Name(reason).removeprefix("FINISH_REASON_"))

    async def _write(self, **event: Message) -> None:
        async with self._writing:
            await self._send(tts_pb2.SynthesizeResponse(**event))  # type: ignore[arg-type]

    async def _send(self, response: tts_pb2.SynthesizeResponse) -> None:
        """Blocks while the transport's windows are full: while the client does not read."""
        try:
            async with asyncio.timeout(self._config.idle_timeout_s):
                await self._context.write(response)
        except TimeoutError:
            raise ClientStalled(self._config.idle_timeout_s) from None
        except grpc.aio.InternalError as error:  # the caller left; gRPC cancels the handler, if only a moment later
            raise asyncio.CancelledError from error


async def _ended(task: asyncio.Task[None]) -> None:
    """With its error; cancelled, it ends the task."""
    await task
