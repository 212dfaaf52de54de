"""The RPCs of tts.v1.TextToSpeechService, and the border where exceptions become gRPC status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator

from opentelemetry.trace import Span

from engine.clock import now_ns
from engine.errors import GaplessError
from gapless.tts.v1 import tts_pb2, tts_pb2_grpc
from service import errors, orders, tracing, wire
from service.loop_lag import LoopLag
from service.session import Context, Session, Surroundings, read

SERVICE = "tts.v1.TextToSpeechService"

_HEAR_OUT_S = 0.05

_log = logging.getLogger(__name__)


async def _hear_out(context: Context) -> None:
    """Reads on before an error is sent: a grpc.aio client whose write meets a closed call takes that for the error."""
    with contextlib.suppress(TimeoutError, GaplessError):
        async with asyncio.timeout(_HEAR_OUT_S):
            while await read(context):
                pass


class TextToSpeechHandler(tts_pb2_grpc.TextToSpeechServiceServicer):
    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._engine = around.engine
        self._config = around.config
        self._loop_lag = LoopLag(around.config.lag_interval_s)
        self._draining = False
        self._deadlines: set[asyncio.Timeout] = set()  # one for each running utterance, without effect until a drain
        self._all_ended = asyncio.Event()

    async def Synthesize(  # noqa: N802
        self, request_iterator: AsyncIterator[tts_pb2.SynthesizeRequest], context: Context
    ) -> None:
        """Reads and writes through the context. No metadata leaves before admission: a refused call stays retryable."""
        arrived_ns = now_ns()
        utterance_id = uuid.uuid4().hex
        first = await self._first_message(context)
        metadata = dict(context.invocation_metadata() or ())
        parent = tracing.parent_context(metadata, orders.read_trace_context(first))
        with tracing.server_span(self._around.tracer, f"{SERVICE}/Synthesize", parent, arrived_ns) as span:
            span.set_attribute("tts.utterance.id", utterance_id)
            try:
                await self._synthesize(first, utterance_id, context, span)
            except asyncio.CancelledError:
                tracing.set_grpc_status(span, "CANCELLED")
                _log.info("utterance %s: cancelled", utterance_id)
                raise
            except Exception as error:
                await self._abort(context, span, utterance_id, errors.root_cause(error))
            tracing.set_grpc_status(span, "OK")
            _log.info("utterance %s: done in %.2f s", utterance_id, (now_ns() - arrived_ns) / 1e9)

    async def _first_message(self, context: Context) -> tts_pb2.SynthesisConfig | GaplessError:
        """The config, or what is wrong with the call's beginning, to be raised inside its span."""
        try:
            async with asyncio.timeout(self._config.idle_timeout_s):
                request = await read(context)
        except TimeoutError:
            return errors.IdleTimeout(self._config.idle_timeout_s)
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
        if self._draining:
            raise errors.Draining
        info = self._engine.info()
        order = orders.read_config(first, utterance_id, tracing.traceparent_of(span), info, self._config)
        span.set_attributes(tracing.utterance_attributes(info.model, order.utterance.voice or info.default_voice))
        with self._loop_lag.watch() as lag:
            await self._run_within_drain(Session(order, context, self._around, span, lag))

    async def _run_within_drain(self, session: Session) -> None:
        try:
            async with asyncio.timeout(None) as deadline:
                self._deadlines.add(deadline)
                self._all_ended.clear()
                try:
                    await session.run()
                finally:
                    self._deadlines.remove(deadline)
                    if not self._deadlines:
                        self._all_ended.set()
        except TimeoutError:
            if not deadline.expired():
                raise
            raise errors.DrainExpired(self._config.drain_timeout_s) from None

    async def _abort(self, context: Context, span: Span, utterance_id: str, error: Exception) -> None:
        if errors.is_bug(error):
            _log.error("utterance %s: internal error", utterance_id, exc_info=error)
        else:
            _log.info("utterance %s: %s", utterance_id, error)
        status = errors.to_grpc_status(error, utterance_id)
        tracing.set_grpc_status(span, status.code.name, str(error))
        await _hear_out(context)
        await context.abort(status.code, status.details, status.trailing_metadata)

    async def drain(self) -> None:
        """Refuses new utterances; returns when the running ones have ended, in time or aborted."""
        self._draining = True
        end = asyncio.get_running_loop().time() + self._config.drain_timeout_s
        for deadline in self._deadlines:
            deadline.reschedule(end)
        if self._deadlines:
            await self._all_ended.wait()

    async def ListVoices(self, request: tts_pb2.ListVoicesRequest, context: Context) -> tts_pb2.ListVoicesResponse:  # noqa: N802
        return wire.to_voices(self._engine.voices(), self._engine.info().default_voice)

    async def GetServerInfo(  # noqa: N802
        self, request: tts_pb2.GetServerInfoRequest, context: Context
    ) -> tts_pb2.GetServerInfoResponse:
        return wire.to_server_info(self._engine.info(), self._engine.stats(), self._config)

    async def ProbeClock(self, request: tts_pb2.ProbeClockRequest, context: Context) -> tts_pb2.ProbeClockResponse:  # noqa: N802
        received_ns = now_ns()
        return tts_pb2.ProbeClockResponse(
            client_send_unix_nanos=request.client_send_unix_nanos,
            server_receive_unix_nanos=received_ns,
            server_send_unix_nanos=now_ns(),
        )
