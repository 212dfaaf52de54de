"""The service: pipecat's contexts, text and interruptions -> turns; their sound and words -> frames of the context."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeGuard

from pipecat.frames.frames import (
    AggregatedTextFrame,
    AggregatedTextProgressFrame,
    CancelFrame,
    EndFrame,
    Frame,
    TextType,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.context.word_timestamp_tracker import WordTimestamp
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import nanoseconds_to_seconds, seconds_to_nanoseconds
from pipecat.utils.tracing.service_decorators import traced_tts

from gapless.client import DEFAULT_ADDRESS, Chunk, ClientError, TimedText, Tls
from gapless.doors.agents import Connection, Turn, Unsaid

from .context import Context
from .errors import category_of
from .settings import GaplessTTSSettings

TRIES = 3  # of a turn whose server is busy or gone, before it has sounded; as pipecat's own connections try
QUIET_S = 10.0  # after which pipecat ends a context that gets nothing


class GaplessTTSService(TTSService):
    """Speaks over a Gapless service: tokens as they come, word times, interruption within a token."""

    Settings = GaplessTTSSettings
    _settings: GaplessTTSSettings

    def __init__(
        self,
        *,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        tls: Tls | bool = False,
        token: str | None = None,
        timeout_s: float = 10.0,
        sample_rate: int | None = None,
        settings: GaplessTTSSettings | None = None,
        text_aggregation_mode: TextAggregationMode = TextAggregationMode.TOKEN,
        stop_frame_timeout_s: float = QUIET_S,
        **kwargs: Any,
    ) -> None:
        """Connects when the pipeline is set up.

        Args:
            address: Of the Gapless service; several in a list, or with commas between: where one is lost, the next
                goes on.
            tls: How to speak TLS; True trusts the authorities that gRPC knows.
            token: Of the service, where it wants one. Goes over TLS, or stays on this machine.
            timeout_s: For the service to accept a turn, and for the first sound after the turn's last text.
            sample_rate: Hz. The pipeline's, if absent.
            settings: What can also be changed while the pipeline runs.
            text_aggregation_mode: TOKEN sends text as it comes, and the service finds the ends of sentences; SENTENCE
                collects sentences first, which is needed where text transforms look at whole sentences.
            stop_frame_timeout_s: After which a context that gets nothing is ended.
            **kwargs: Of TTSService.

        Raises:
            ClientError: For a token that would be sent in plain text.
        """
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=False,
            append_trailing_space=True,
            text_aggregation_mode=text_aggregation_mode,
            stop_frame_timeout_s=stop_frame_timeout_s,
            sample_rate=sample_rate,
            settings=GaplessTTSSettings.complete(settings),
            **kwargs,
        )
        self._connection = Connection(address, tls=tls, token=token)
        self._timeout_s = timeout_s
        self._takes_tokens = text_aggregation_mode is TextAggregationMode.TOKEN
        self._contexts: dict[str, Context] = {}
        self._written = deque[str](maxlen=2)  # contexts whose text comes: a turn, and a speaking frame in its middle
        self._last_word_s = 0.0  # by pipecat's clock; times of a context count from the last word before it, if later

    def can_generate_metrics(self) -> bool:
        """TTFB, TTFA and usage are measured."""
        return True

    @property
    def supports_processing_metrics(self) -> bool:
        """Text is handed over, and its audio comes elsewhere."""
        return False

    def language_to_service_language(self, language: Language) -> str | None:
        """BCP 47, as pipecat has it: a service that speaks "en" takes "en-US"."""
        return str(language)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Connects, in the background."""
        await super().setup(setup)
        await self._connection.open()

    async def stop(self, frame: EndFrame) -> None:
        """After all contexts have played."""
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """At once."""
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Idempotent."""
        await super().cleanup()
        await self._close()

    @traced_tts
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Hands text to the context's turn; the first text opens it. Audio comes from the turn's task."""
        await self.start_tts_usage_metrics(text)
        self._context(context_id).turn.push(text)
        yield None

    async def start_word_timestamps(self) -> None:
        """The context that plays sounds: times of its words count from now."""
        await super().start_word_timestamps()
        context_id = self.get_active_audio_context_id()
        if context := self._contexts.get(context_id or ""):
            context.begun_s = max(self._now_s, self._last_word_s)
            await self._give_words(context_id or "", context)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Each word once, and none that was not spoken."""
        if isinstance(frame, TTSTextFrame | AggregatedTextProgressFrame):
            context = self._contexts.get(frame.context_id or "")
            if context and context.is_too_much(frame):
                return
            self._last_word_s = nanoseconds_to_seconds(frame.pts or 0)
        await super().push_frame(frame, direction)

    async def append_to_audio_context(self, context_id: str | None, frame: Frame | WordTimestamp | None) -> None:
        """Words go behind the announcement of their sentence."""
        await super().append_to_audio_context(context_id, frame)
        if context_id and self.audio_context_available(context_id) and _is_announcement(frame):
            context = self._context(context_id)
            context.announce(frame.text)
            await self._give_words(context_id, context)

    async def on_turn_context_created(self, context_id: str) -> None:
        """Text of the context comes."""
        await super().on_turn_context_created(context_id)
        self._written.append(context_id)

    async def on_turn_context_completed(self) -> None:
        """The text of the turn is complete. Pipecat flushes only contexts that have not been quiet for long."""
        if self._written:
            await self.flush_audio(self._written.pop())
        await super().on_turn_context_completed()

    async def flush_audio(self, context_id: str | None = None) -> None:
        """The text of the context is complete."""
        if context := self._contexts.get(context_id or ""):
            context.turn.end()
            context.announce(None)
            await self._give_words(context_id or "", context)

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Cancels the turn: the service is free within a token."""
        await super().on_audio_context_interrupted(context_id)
        self._last_word_s = 0.0
        await self._forget(context_id)

    async def on_audio_context_completed(self, context_id: str) -> None:
        """All was played. Of a turn that is still being written, pipecat opens another context when more text comes,
        and counts time from its first sound."""
        await super().on_audio_context_completed(context_id)
        if context := self._contexts.get(context_id):
            context.reopened_s, context.begun_s = context.sounded_s, None
            if context.is_over:
                self._contexts.pop(context_id)

    def _classify_error(self, exception: Exception) -> ErrorCategory | None:
        return category_of(exception) if isinstance(exception, ClientError) else None

    def _context(self, context_id: str) -> Context:
        if context_id not in self._contexts:
            options = self._settings.options(self.sample_rate)
            turn = Turn(self._connection, options, timeout_s=self._timeout_s, tries=TRIES)
            context = self._contexts[context_id] = Context(turn)
            if not self._takes_tokens:
                context.announce(None)
            context.task = self.create_task(self._speak(context_id, context), f"gapless-turn-{context_id}")
        return self._contexts[context_id]

    async def _speak(self, context_id: str, context: Context) -> None:
        try:
            async with aclosing(context.turn.speak()) as spoken:
                async for event in spoken:
                    match event:
                        case Chunk():
                            await self._sound(context_id, context, event.data)
                        case TimedText() if event.word:
                            context.say(event)
                            await self._give_words(context_id, context)
                        case Unsaid():
                            silence = bytes(2 * round(event.duration_s * self.sample_rate))
                            await self._sound(context_id, context, silence)
        except ClientError as error:
            context.fail()
            await self.push_error(str(error), exception=error)
            await context.turn.text_complete()  # what follows goes nowhere, so that the turn breaks once
        context.is_over = True
        if self.audio_context_available(context_id):
            await self.remove_audio_context(context_id)
        else:
            self._contexts.pop(context_id, None)

    async def _sound(self, context_id: str, context: Context, data: bytes) -> None:
        frame = TTSAudioRawFrame(data, self.sample_rate, 1, context_id=context_id)
        await self.append_to_audio_context(context_id, frame)
        context.sounded_s += frame.num_frames / self.sample_rate

    async def _give_words(self, context_id: str, context: Context) -> None:
        async with context.adding:
            if due := context.due():
                words = [(word.word, word.at_s - context.reopened_s) for word in due]
                await self.add_word_timestamps(words, context_id)
        if context.next_unannounced() and context.begun_s is not None and (not context.ahead or context.ahead.done()):
            context.ahead = self.create_task(self._say_ahead(context_id, context), f"gapless-ahead-{context_id}")

    async def _say_ahead(self, context_id: str, context: Context) -> None:
        """Says words at their time, while pipecat waits for the end of their sentence."""
        while (word := context.next_unannounced()) and context.begun_s is not None:
            due_s = context.begun_s + word.at_s - context.reopened_s
            await asyncio.sleep(due_s - self._now_s)
            async with context.adding:
                if not self.audio_context_available(context_id):
                    return
                if word is context.next_unannounced():
                    word.is_said = True
                    frame = TTSTextFrame(word.text, TextType.WORD)
                    frame.pts, frame.context_id = seconds_to_nanoseconds(due_s), context_id
                    await self.append_to_audio_context(context_id, frame)

    @property
    def _now_s(self) -> float:
        now_s: float = nanoseconds_to_seconds(self.get_clock().get_time())
        return now_s

    async def _forget(self, context_id: str) -> None:
        context = self._contexts.pop(context_id, None)
        for task in (context.task, context.ahead) if context else ():
            if task and not task.done():
                await self.cancel_task(task)

    async def _close(self) -> None:
        for context_id in list(self._contexts):
            await self._forget(context_id)
        await self._connection.close()


def _is_announcement(frame: Frame | WordTimestamp | None) -> TypeGuard[AggregatedTextFrame]:
    """Of a sentence that will be spoken."""
    return isinstance(frame, AggregatedTextFrame) and not isinstance(frame, TTSTextFrame) and frame.will_be_spoken
