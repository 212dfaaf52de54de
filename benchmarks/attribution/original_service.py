"""The pattern that this project began with, kept as a service: T3 and flow in turns, inside the handler of one call.

Rebuilt from its description, on this project's networks: the handler awaits `asyncio.to_thread` for every chunk, one
utterance at a time; a chunk's tokens are drawn, then the flow runs the prompt and all of the text's tokens so far, then
the vocoder; chunks of 12 and then 25 tokens; each is yielded when it is there. It speaks gapless.tts.v1 and stamps its
chunks as the service does, so that the same client and the same verdict can look at both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain, repeat
from multiprocessing.connection import Connection
from typing import Any

import grpc
import torch

from benchmarks.support.child_process import child_process, obey
from benchmarks.support.model_forms import with_form
from engine.checkpoints import load
from engine.clock import now_ns
from engine.messages import AudioChunk, ChunkTimings
from engine.model import Model, Voice
from engine.networks import noise
from engine.networks.vocoders import begun
from engine.scheduling.jobs import SegmentJob
from engine.stages.t3 import T3Stage
from gapless.tts.v1 import tts_pb2, tts_pb2_grpc
from service.audio import AudioEncoder, AudioFormat, Encoding
from service.observability.loop_lag import LagWatch, LoopLag
from service.rpc import responses as wire

FIRST_TOKENS, NEXT_TOKENS = 12, 25
START_LIMIT_S = 120.0
LAG_INTERVAL_S = 0.01


class Speech:
    """One utterance. `next_chunk` does everything for the next chunk, one stage after the other."""

    def __init__(self, model: Model, tokens: T3Stage, voice: Voice, text: str, received_ns: int, seed: int) -> None:
        self._model, self._tokens, self._voice, self._seed = model, tokens, voice, seed
        self._pieces = tokens.speakable(text, "")
        self._received_ns, self._cut_ns = received_ns, now_ns()
        self._segment = self._seq = self._samples = 0
        self._row: Any = None

    def next_chunk(self) -> AudioChunk | None:
        """None when all was spoken."""
        torch.set_num_threads(1)  # of this thread of the pool: fastest for small networks, as the engine does it
        if self._row is None:
            if self._segment == len(self._pieces):
                return None
            self._begin()
        return self._window(next(self._sizes))

    def close(self) -> None:
        if self._row is not None:
            self._tokens.release(self._row)
            self._row = None

    def _begin(self) -> None:
        self._t3_start_ns = now_ns()
        sampling = self._model.config.sampling.subset(self._model.config.used_sampling)
        self._row = self._tokens.begin(
            SegmentJob(
                text=self._pieces[self._segment],
                voice=self._voice,
                language="",
                sampling=sampling,
                seed=self._seed,
                segment=self._segment,
            )
        )
        while not self._tokens.feed(self._row):
            pass
        seed = noise.fold(self._seed, self._segment)
        self._flow = self._model.flow.init_state(self._voice.flow, seed)
        self._vocoder = begun(self._model.vocoder, seed, self._voice.timbre)
        self._sizes = chain([FIRST_TOKENS], repeat(NEXT_TOKENS))
        self._drawn: list[int] = []

    @torch.inference_mode()
    def _window(self, size: int) -> AudioChunk:
        model, began_ns = self._model, now_ns()
        final = self._draw(size + model.flow.lookahead)
        drawn_ns = now_ns()
        n_new = len(self._drawn) if final else size
        mel, self._flow = model.flow.window(torch.tensor([self._drawn]), n_new, self._flow, final=final)
        flow_end_ns = now_ns()
        wav, self._vocoder = model.vocoder(mel, self._vocoder, final=final)
        samples = wav[0].float().cpu().numpy()
        timings = ChunkTimings(
            text_received_ns=self._received_ns,
            text_cut_ns=self._cut_ns,
            t3_start_ns=self._t3_start_ns,
            t3_first_token_ns=began_ns,
            t3_last_token_ns=drawn_ns,
            t3_busy_ns=drawn_ns - began_ns,
            flow_start_ns=drawn_ns,
            flow_end_ns=flow_end_ns,
            vocoder_end_ns=now_ns(),
            window_tokens=n_new,
            lookahead_tokens=len(self._drawn) - n_new,
        )
        chunk = AudioChunk(
            seq=self._seq,
            first_sample=self._samples,
            samples=samples,
            timings=timings,
            segment=self._segment,
            end_of_segment=final,
            prebuffer_hint_s=None,
        )
        self._drawn = self._drawn[n_new:]
        self._seq, self._samples = self._seq + 1, self._samples + len(samples)
        if final:
            self.close()
            self._segment += 1
        return chunk

    def _draw(self, count: int) -> bool:
        """Until so many tokens are there; True if T3 stopped before."""
        while len(self._drawn) < count:
            (token,) = self._tokens.step([self._row])
            if token is None:
                return True
            self._drawn.append(token)
        return False


class OriginalHandler(tts_pb2_grpc.TextToSpeechServiceServicer):
    """`on_loop`: inference without `to_thread`, on the event loop itself."""

    def __init__(self, model: Model, on_loop: bool) -> None:
        self._model = with_form(model, "cumulative")
        self._tokens = T3Stage(self._model, 1)
        self._voice = self._model.prepare(self._model.voices[self._model.config.default_voice])
        self._on_loop = on_loop
        self._generating = asyncio.Lock()
        self._loop_lag = LoopLag(LAG_INTERVAL_S)

    async def Synthesize(  # noqa: N802
        self, requests: AsyncIterator[tts_pb2.SynthesizeRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        text, received_ns, seed = "", 0, 0
        async for request in requests:
            if request.HasField("config"):
                seed = request.config.sampling.seed
            if request.HasField("text"):
                text, received_ns = text + request.text.text, now_ns()
            if request.HasField("end_of_input"):
                break
        audio_format = AudioFormat(encoding=Encoding.PCM_S16LE, sample_rate=self._model.config.sample_rate)
        async with self._generating:
            with self._loop_lag.watch() as lag:
                yield tts_pb2.SynthesizeResponse(
                    started=tts_pb2.Started(audio_format=wire.to_audio_format(audio_format), seed=seed)
                )
                speech = await self._run(Speech, self._model, self._tokens, self._voice, text, received_ns, seed)
                try:
                    async for response in self._chunks(
                        speech, AudioEncoder(audio_format, audio_format.sample_rate), lag
                    ):
                        yield response
                finally:
                    speech.close()
        yield tts_pb2.SynthesizeResponse(finished=tts_pb2.Finished(reason=tts_pb2.FINISH_REASON_COMPLETED))

    async def _chunks(
        self, speech: Speech, encoder: AudioEncoder, lag: LagWatch
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        written_ns = 0
        while (chunk := await self._run(speech.next_chunk)) is not None:
            taken_ns = now_ns()
            audio = wire.to_audio(chunk, encoder.encode(chunk.samples, chunk.end_of_segment))
            audio.chunk_seq, audio.first_sample = chunk.seq, chunk.first_sample
            told, timings = lag.take(), audio.timings
            timings.taken_unix_nanos, timings.previous_written_unix_nanos = taken_ns, written_ns
            timings.loop_lag_max.CopyFrom(wire.to_duration(told.s))
            timings.loop_lag_from_unix_nanos = told.from_ns
            timings.write_start_unix_nanos = now_ns()
            yield tts_pb2.SynthesizeResponse(audio=audio)
            written_ns = now_ns()

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args) if self._on_loop else await asyncio.to_thread(work, *args)

    async def GetServerInfo(  # noqa: N802
        self, request: tts_pb2.GetServerInfoRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> tts_pb2.GetServerInfoResponse:
        rate = self._model.config.sample_rate
        return tts_pb2.GetServerInfoResponse(
            model="original", native_sample_rate_hertz=rate, sample_rates_hertz=[rate], flow_form="cumulative"
        )

    async def ProbeClock(  # noqa: N802
        self, request: tts_pb2.ProbeClockRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> tts_pb2.ProbeClockResponse:
        received_ns = now_ns()
        self._loop_lag.keep_watching()
        return wire.to_clock_reply(request, received_ns, self._loop_lag.recent())


@contextlib.contextmanager
def original_service(*, on_loop: bool = False) -> Iterator[str]:
    """A process of its own; yields its address once it serves."""
    with child_process(_main, on_loop) as child:
        yield child.address


def _main(commands: Connection, on_loop: bool) -> None:
    asyncio.run(_serve(commands, on_loop))


async def _serve(commands: Connection, on_loop: bool) -> None:
    handler = OriginalHandler(load(), on_loop)
    pings = [("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.min_ping_interval_without_data_ms", 10_000)]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *pings])  # our client keeps its connection alive
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(handler, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    commands.send(port)
    await obey(commands, str)
    await server.stop(0.0)
