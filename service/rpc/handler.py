"""The RPCs of gapless.tts.v1.TextToSpeechService. What they raise becomes gRPC status in `service.rpc.interceptor`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

from opentelemetry.trace import Span

from engine.clock import now_ns
from engine.errors import GaplessError
from gapless.tts.v1 import tts_pb2, tts_pb2_grpc
from service.access import caller
from service.access.quota import Quotas
from service.observability import tracing
from service.observability.loop_lag import LoopLag
from service.rpc import errors, requests, responses, resume
from service.rpc.drain import Drain
from service.rpc.interceptor import CallIdentity, current_call
from service.rpc.limits import connection
from service.rpc.receive import Context, read
from service.rpc.session import Dependencies, Receive, Session
from service.rpc.voices import VoiceCalls

SERVICE = "gapless.tts.v1.TextToSpeechService"

_log = logging.getLogger(__name__)


class TextToSpeechHandler(tts_pb2_grpc.TextToSpeechServiceServicer):
    def __init__(self, dependencies: Dependencies, quotas: Quotas) -> None:
        self._dependencies = dependencies
        self._quotas = quotas
        self._engine = dependencies.engine
        self._config = dependencies.config
        self.metrics = dependencies.metrics
        self._loop_lag = LoopLag(dependencies.config.lag_interval_s, dependencies.metrics.loop_lag)
        self.voices = VoiceCalls(dependencies.engine, dependencies.info, dependencies.config)
        self._drain = Drain(dependencies.config.drain_timeout_s)

    async def drain(self) -> None:
        """Refuses new utterances and voices; returns when the running ones have ended, in time or aborted."""
        await self._drain.run()

    def close(self) -> None:
        self.voices.close()

    # ---------------------------------------------------------------------------------------------------- utterances

    async def Synthesize(  # noqa: N802
        self, request_iterator: AsyncIterator[tts_pb2.SynthesizeRequest], context: Context
    ) -> None:
        """Reads and writes through the context. No metadata leaves before admission: a refused call stays retryable."""
        arrived_ns = now_ns()
        first = await self._first_message(context)
        await self.utterance(arrived_ns, first, partial(read, context, tts_pb2.SynthesizeRequest), context)

    async def SynthesizeText(self, request: tts_pb2.SynthesizeTextRequest, context: Context) -> None:  # noqa: N802
        messages = iter(requests.whole_text(request))

        async def receive() -> tts_pb2.SynthesizeRequest | None:
            return next(messages, None)

        await self.utterance(now_ns(), request.config, receive, context)

    async def utterance(
        self, arrived_ns: int, first: tts_pb2.SynthesisConfig | GaplessError, receive: Receive, context: Context
    ) -> None:
        """`receive` gives what follows the config; what is to be said goes through the context."""
        call = current_call()
        parent = tracing.parent_context(_metadata(context), requests.read_trace_context(first))
        with tracing.server_span(self._dependencies.tracer, f"{SERVICE}/{call.method}", parent, arrived_ns) as span:
            span.set_attribute("tts.utterance.id", call.id)
            with self._observed(span):
                await self._synthesize(first, call.id, receive, context, span)

    async def _first_message(self, context: Context) -> tts_pb2.SynthesisConfig | GaplessError:
        """The config, or what is wrong with the call's beginning, to be raised inside its span."""
        try:
            async with asyncio.timeout(self._config.first_message_s):
                request = await read(context, tts_pb2.SynthesizeRequest)
        except TimeoutError:
            return errors.IdleTimeout(self._config.first_message_s, "send config as soon as the call is open")
        except GaplessError as error:
            return error
        if request is not None and request.HasField("config"):
            return request.config
        came = (request and request.WhichOneof("event")) or "nothing"
        return errors.OutOfOrder("config", f"{came} came first; a call must begin with config, which may be empty")

    async def _synthesize(
        self,
        first: tts_pb2.SynthesisConfig | GaplessError,
        utterance_id: str,
        receive: Receive,
        context: Context,
        span: Span,
    ) -> None:
        if isinstance(first, GaplessError):
            raise first
        async with self._drain.call():
            info, who = self._dependencies.info, caller.current()
            utterance_request = requests.read_config(
                first, utterance_id, who.name or connection(context), tracing.traceparent_of(span), info, self._config
            )
            if first.HasField("resume"):
                tokens = self._dependencies.resume_tokens
                utterance_request = resume.continued(utterance_request, first.resume, tokens, info)
            span.set_attributes(
                tracing.utterance_attributes(info.model, utterance_request.utterance.voice or info.default_voice)
            )
            if who.name:
                span.set_attribute("enduser.id", who.name)
            with self._quotas.utterance(who), self._loop_lag.watch() as lag:
                session = Session(utterance_request, receive, context, self._dependencies, span, lag, self._drain.begun)
                await session.run()

    # -------------------------------------------------------------------------------------------------------- voices

    async def ListVoices(self, request: tts_pb2.ListVoicesRequest, context: Context) -> tts_pb2.ListVoicesResponse:  # noqa: N802
        page = requests.read_page(request)
        voices = await self.voices.list()
        return responses.to_voices(voices, self._dependencies.info.default_voice, size=page.size, after=page.after)

    async def CreateVoice(  # noqa: N802
        self, request_iterator: AsyncIterator[tts_pb2.CreateVoiceRequest], context: Context
    ) -> tts_pb2.CreateVoiceResponse:
        with self._call(context):
            async with self._drain.call():
                return responses.to_created_voice(await self.voices.create(context))

    async def DeleteVoice(self, request: tts_pb2.DeleteVoiceRequest, context: Context) -> tts_pb2.DeleteVoiceResponse:  # noqa: N802
        with self._call(context):
            await self.voices.delete(request.name)
            return tts_pb2.DeleteVoiceResponse()

    # --------------------------------------------------------------------------------------------------- observability

    @contextmanager
    def _call(self, context: Context) -> Iterator[None]:
        """The span of a call that is no utterance."""
        method = f"{SERVICE}/{current_call().method}"
        parent = tracing.parent_context(_metadata(context), {})
        with tracing.server_span(self._dependencies.tracer, method, parent, now_ns()) as span, self._observed(span):
            yield

    @contextmanager
    def _observed(self, span: Span) -> Iterator[None]:
        """Span, metrics and log of how a call ends. The session counts utterances that end well, and knows how."""
        call, began_ns = current_call(), now_ns()
        try:
            yield
        except asyncio.CancelledError:
            tracing.set_grpc_status(span, "CANCELLED")
            self._count(call, "CANCELLED", "")
            _log.info("%s %s: cancelled", call.kind, call.id)
            raise
        except Exception as group:
            error = errors.root_cause(group)
            code = errors.code_of(error)
            tracing.set_grpc_status(span, code, str(error))
            self._count(call, code, errors.reason_of(error))
            raise
        tracing.set_grpc_status(span, "OK")
        _log.info("%s %s: done in %.2f s", call.kind, call.id, (now_ns() - began_ns) / 1e9)

    def _count(self, call: CallIdentity, code: str, reason: str) -> None:
        if call.kind == "utterance":
            self.metrics.ended(code, reason)

    # ---------------------------------------------------------------------------------------------------- information

    async def GetServerInfo(  # noqa: N802
        self, request: tts_pb2.GetServerInfoRequest, context: Context
    ) -> tts_pb2.GetServerInfoResponse:
        return responses.to_server_info(self._dependencies.info, self._engine.stats(), self._config)

    async def ProbeClock(self, request: tts_pb2.ProbeClockRequest, context: Context) -> tts_pb2.ProbeClockResponse:  # noqa: N802
        received_ns = now_ns()
        self._loop_lag.keep_watching()
        return responses.to_clock_reply(request, received_ns, self._loop_lag.recent())


def _metadata(context: Context) -> dict[str, str | bytes]:
    return dict(context.invocation_metadata() or ())
