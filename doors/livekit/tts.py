"""TTS and its two streams: LiveKit's text and interruptions -> turns; their sound and words -> its emitter."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Unpack

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tts, utils

from gapless.client import DEFAULT_ADDRESS, Chunk, ClientError, Options, Started, TimedText, Tls
from gapless.doors.agents import Connection, Turn, Unsaid

from .errors import api_error
from .transcript import SpokenWord, opening_word, spoken_word

SAMPLE_RATE = 24_000  # Hz; the models' own


class TTS(tts.TTS):
    """Speaks over a Gapless service."""

    def __init__(
        self,
        *,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        tls: Tls | bool = False,
        token: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connects with `prewarm`, or with the first text.

        Args:
            address: Of the Gapless service, or several in a list or with commas between: if one is lost, the next
                continues.
            tls: How to speak TLS; True trusts the authorities that gRPC knows.
            token: Of the service, where it wants one. Goes over TLS, or stays on this machine.
            **options: Of an utterance: `voice`, `language`, `seed`, `sampling`, `sample_rate` (24 kHz, if absent) and
                others; not `encoding` and `want_alignment`, which are LiveKit's.

        Raises:
            ClientError: For a token that would be sent in plain text.
        """
        capabilities = tts.TTSCapabilities(streaming=True, aligned_transcript=True)
        sample_rate = options.get("sample_rate") or SAMPLE_RATE
        super().__init__(capabilities=capabilities, sample_rate=sample_rate, num_channels=1)
        self._connection = Connection(address, tls=tls, token=token)
        self._options: Options = {**options, "sample_rate": sample_rate}
        self._warming: asyncio.Task[None] | None = None
        self._streams = weakref.WeakSet[tts.SynthesizeStream | tts.ChunkedStream]()

    @property
    def model(self) -> str:
        return "gapless"

    @property
    def provider(self) -> str:
        return "Gapless"

    def update_options(self, **options: Unpack[Options]) -> None:
        """For what is spoken from now on. None is the server's default. The sample rate stays."""
        self._options = {**self._options, **options, "sample_rate": self.sample_rate}

    def prewarm(self) -> None:
        """Connects in the background. Without a running event loop the first text connects."""
        with contextlib.suppress(RuntimeError):
            self._warming = self._warming or asyncio.get_running_loop().create_task(
                self._warm(), name="gapless-prewarm"
            )

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> ChunkedStream:
        """A whole text."""
        stream = ChunkedStream(tts=self, input_text=text, conn_options=conn_options)
        self._streams.add(stream)
        return stream

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> SynthesizeStream:
        """Text as it comes, up to its first flush."""
        stream = SynthesizeStream(tts=self, conn_options=conn_options)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Ends the streams, whose speech is cancelled, and closes the connection. Idempotent."""
        for stream in list(self._streams):
            await stream.aclose()  # else LiveKit would try them again, over a new connection
        if self._warming:
            await utils.aio.cancel_and_wait(self._warming)
        await self._connection.close()

    async def _warm(self) -> None:
        await self._connection.open()

    def turn(self, timeout_s: float) -> Turn:
        """LiveKit itself tries again."""
        return Turn(self._connection, self._options, timeout_s=timeout_s)


@dataclass
class _Emission:
    """A turn on its way into an emitter of LiveKit."""

    emitter: tts.AudioEmitter
    sample_rate: int  # Hz
    request_id: str = field(default_factory=utils.shortuuid)
    is_streamed: bool = False
    has_segment: bool = False
    spoken: list[SpokenWord] = field(default_factory=list)

    def begin(self) -> None:
        """Even where nothing will be said, LiveKit wants to be told of an emitter."""
        self.emitter.initialize(
            request_id=self.request_id,
            sample_rate=self.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
            stream=self.is_streamed,
        )
        self.emitter.push_timed_transcript(opening_word(self.spoken))

    async def run(self, turn: Turn) -> None:
        """Raises APIError."""
        try:
            async with aclosing(turn.speak()) as spoken:
                async for event in spoken:
                    match event:
                        case Started():
                            self._begin_segment(event.utterance_id)
                        case Chunk():
                            self.emitter.push(event.data)
                        case TimedText():
                            self.emitter.push_timed_transcript(spoken_word(event, self.spoken))
                        case Unsaid():
                            self._begin_segment(self.request_id)
                            self.emitter.push(bytes(2 * round(event.duration_s * self.sample_rate)))
        except ClientError as error:
            raise api_error(error) from error

    def _begin_segment(self, segment_id: str) -> None:
        """Named after the utterance, by which the service's log and traces call it."""
        if self.is_streamed and not self.has_segment:
            self.has_segment = True
            self.emitter.start_segment(segment_id=segment_id)


class SynthesizeStream(tts.SynthesizeStream):
    """Made by `TTS.stream`."""

    _tts: TTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        emission = _Emission(output_emitter, self._tts.sample_rate, is_streamed=True)
        emission.begin()
        turn = self._tts.turn(self._conn_options.timeout)
        feeding = asyncio.create_task(self._feed(turn), name="gapless-livekit-text")
        try:
            await emission.run(turn)
        finally:
            await utils.aio.cancel_and_wait(feeding)

    async def _feed(self, turn: Turn) -> None:
        async for text in self._input_ch:
            if isinstance(text, self._FlushSentinel):
                turn.end()  # one segment is all that a stream may hold
            else:
                if text.strip():
                    self._mark_started()
                turn.push(text)
        turn.end()


class ChunkedStream(tts.ChunkedStream):
    """Made by `TTS.synthesize`."""

    _tts: TTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        emission = _Emission(output_emitter, self._tts.sample_rate)
        emission.begin()
        turn = self._tts.turn(self._conn_options.timeout)
        turn.push(self._input_text)
        turn.end()
        await emission.run(turn)
