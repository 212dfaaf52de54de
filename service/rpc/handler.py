"""The RPCs of gapless.tts.v1.TextToSpeechService, and the border where exceptions become gRPC status."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from google.protobuf.message import Message
from opentelemetry.trace import Span

from engine.clock import now_ns
from engine.errors import GaplessError
from gapless.tts.v1 import tts_pb2, tts_pb2_grpc
from service.access import caller
from service.access.quota import Quotas
from service.observability import tracing
from service.observability.loop_lag import LoopLag
from service.rpc import errors, requests, responses
from service.rpc.drain import Drain
from service.rpc.receive import Context, read, read_rest
from service.rpc.session import Dependencies, Session
from service.rpc.voices import VoiceCalls

SERVICE = "gapless.tts.v1.TextToSpeechService"
_UTTERANCE = "utterance"

_log = logging.getLogger(__name__)


class TextToSpeechHandler(tts_pb2_grpc.TextToSpeechServiceServicer):
    def __init__(self, dependencies: Dependencies, quotas: Quotas) -> None:
        self._dependencies = dependencies
        self._quotas = quotas
        self._engine = dependencies.engine
        self._config = dependencies.config
        self.metrics = dependencies.metrics
        self._loop_lag = LoopLag(dependencies.config.lag_interval_s, dependencies.metrics.loop_lag)
        self._voices = VoiceCalls(dependencies.engine, dependencies.info, dependencies.config)
        self._drain = Drain(dependencies.config.drain_timeout_s)

    async def drain(self) -> None:
        """Refuses new utterances and voices; returns when the running ones have ended, in time or aborted."""
        await self._drain.run()

    def close(self) -> None:
        self._voices.close()

    # ---------------------------------------------------------------------------------------------------- utterances

    async def Synthesize(  # noqa: N802
        self, request_iterator: AsyncIterator[tts_pb2.SynthesizeRequest], context: Context
    ) -> None:
        """Reads and writes through the context. No metadata leaves before admission: a refused call stays retryable."""
        arrived_ns = now_ns()
        utterance_id = uuid.uuid4().hex
        first = await self._first_message(context)
        parent = tracing.parent_context(_metadata(context), requests.read_trace_context(first))
        with tracing.server_span(self._dependencies.tracer, f"{SERVICE}/Synthesize", parent, arrived_ns) as span:
            span.set_attribute("tts.utterance.id", utterance_id)
            async with self._border(context, span, _UTTERANCE, utterance_id, tts_pb2.SynthesizeRequest):
                await self._synthesize(first, utterance_id, context, span)

    async def _first_message(self, context: Context) -> tts_pb2.SynthesisConfig | GaplessError:
        """The config, or what is wrong with the call's beginning, to be raised inside its span."""
        try:
            async with asyncio.timeout(self._config.idle_timeout_s):
                request = await read(context, tts_pb2.SynthesizeRequest)
        except TimeoutError:
            return errors.SilentClient(self._config.idle_timeout_s)
        except GaplessError as error:
            return error
        if request is not None and request.HasField("config"):
            return request.config
        came = (request and request.WhichOneof("event")) or "nothing"
        return errors.OutOfOrder("config", f"{came} came first; a call must begin with config, which may be empty")

    async def _synthesize(
        self, first: tts_pb2.SynthesisConfig | GaplessError, utterance_id: str, context: Context, span: Span
    ) -> None:
        if isinstance(first, GaplessError):
            raise first
        async with self._drain.call():
            info, who = self._dependencies.info, caller.current()
            utterance_request = requests.read_config(
                first, utterance_id, tracing.traceparent_of(span), info, self._config
            )
            span.set_attributes(
                tracing.utterance_attributes(info.model, utterance_request.utterance.voice or info.default_voice)
            )
            if who.name:
                span.set_attribute("enduser.id", who.name)
            with self._quotas.utterance(who), self._loop_lag.watch() as lag:
                await Session(utterance_request, context, self._dependencies, span, lag, self._drain.begun).run()

    # -------------------------------------------------------------------------------------------------------- voices

    async def ListVoices(self, request: tts_pb2.ListVoicesRequest, context: Context) -> tts_pb2.ListVoicesResponse:  # noqa: N802
        return responses.to_voices(await self._voices.list(), self._dependencies.info.default_voice)

    async def CreateVoice(  # noqa: N802
        self, request_iterator: AsyncIterator[tts_pb2.CreateVoiceRequest], context: Context
    ) -> tts_pb2.CreateVoiceResponse:
        async with self._call(context, "CreateVoice", tts_pb2.CreateVoiceRequest), self._drain.call():
            return responses.to_created_voice(await self._voices.create(context))

    async def DeleteVoice(self, request: tts_pb2.DeleteVoiceRequest, context: Context) -> tts_pb2.DeleteVoiceResponse:  # noqa: N802
        async with self._call(context, "DeleteVoice"):
            await self._voices.delete(request.name)
            return tts_pb2.DeleteVoiceResponse()

    # ----------------------------------------------------------------------------------------------------- the border

    @asynccontextmanager
    async def _call(self, context: Context, name: str, kind: type[Message] | None = None) -> AsyncIterator[None]:
        """Span and border of a call that is no utterance."""
        parent = tracing.parent_context(_metadata(context), {})
        with tracing.server_span(self._dependencies.tracer, f"{SERVICE}/{name}", parent, now_ns()) as span:
            async with self._border(context, span, "call", uuid.uuid4().hex, kind):
                yield

    @asynccontextmanager
    async def _border(
        self, context: Context, span: Span, what: str, call_id: str, kind: type[Message] | None
    ) -> AsyncIterator[None]:
        """`kind` is what the client streams; None: it does not."""
        began_ns = now_ns()
        try:
            yield
        except asyncio.CancelledError:
            tracing.set_grpc_status(span, "CANCELLED")
            self._count(what, "CANCELLED", "")
            _log.info("%s %s: cancelled", what, call_id)
            raise
        except Exception as group:
            error = errors.root_cause(group)
            if errors.is_bug(error):
                _log.error("%s %s: internal error", what, call_id, exc_info=error)
            else:
                _log.info("%s %s: %s", what, call_id, error)
            status = errors.to_grpc_status(error, what, call_id)
            tracing.set_grpc_status(span, status.code.name, str(error))
            self._count(what, status.code.name, errors.reason_of(error))
            if kind is not None:
                await read_rest(context, kind)
            await context.abort(status.code, status.details, status.trailing_metadata)
        tracing.set_grpc_status(span, "OK")
        _log.info("%s %s: done in %.2f s", what, call_id, (now_ns() - began_ns) / 1e9)

    def _count(self, what: str, code: str, reason: str) -> None:
        """A call that did not end well; the session counts those that did, and knows how."""
        if what == _UTTERANCE:
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
