"""One turn of an agent: text in as a language model writes it, sound and timed text out, over one utterance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from gapless.client import (
    Chunk,
    ClientError,
    Event,
    InvalidArgument,
    Options,
    ServerBusy,
    ServerLoading,
    ServerUnreachable,
    Started,
    TimedOut,
    TimedText,
    Transcript,
    Utterance,
)

from .connection import Connection

# A server paces what it sends by the listener: once it speaks, its messages come more often than this. Sooner than a
# framework ends a turn that has gone silent, which would hide the error.
STALL_S = 8.0
_WORTH_ANOTHER_TRY = (ServerBusy, ServerLoading, ServerUnreachable)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0  # before another try
_NOTHING_TO_SAY = "EMPTY_TEXT"  # the server's reason


@dataclass(frozen=True)
class Unsaid:
    """There was text, and nothing in it can be spoken: an emoji, marks. It sounds as a short silence."""

    duration_s: float = 0.1


Spoken = Started | Chunk | TimedText | Unsaid


class Turn:
    """`push` and `end` as text comes; `speak`, once, in a task whose cancellation is the interruption."""

    def __init__(self, connection: Connection, options: Options, *, timeout_s: float = 10.0, tries: int = 1) -> None:
        """`timeout_s`: for the server to accept the utterance, and for the first sound after the end of the text.
        `tries`: of a server that is busy, is loading or does not answer, as long as nothing has sounded."""
        self._connection = connection
        self._options: Options = {**options, "encoding": "pcm_s16le", "want_alignment": True}
        self._timeout_s = timeout_s
        self._tries = tries
        self._texts: list[str] = []
        self._is_ended = False
        self._changed = asyncio.Event()
        self._has_sounded = False
        self._limit: asyncio.Timeout | None = None  # of the wait that is under way
        self._wait_until: float | None = None  # by the loop's clock; None: the server may take its time

    def push(self, text: str) -> None:
        """Verbatim. After `end` it goes nowhere."""
        if not self._is_ended:
            self._texts.append(text)
            self._changed.set()

    def end(self) -> None:
        """No more text will come. Idempotent."""
        self._is_ended = True
        self._changed.set()

    async def text_complete(self) -> None:
        """Returns after `end`."""
        while not self._is_ended:
            await self._news()

    async def speak(self) -> AsyncGenerator[Spoken, None]:
        """Everything, in order; nothing at all if there is nothing but white space. `Chunk.data` is s16, mono. All
        texts of the TimedTexts together are the text. Raises ClientError."""
        if not await self._something_to_say():
            return
        for attempt in range(1, self._tries + 1):
            try:
                async with aclosing(self._utter()) as spoken:
                    async for event in spoken:
                        yield event
                return
            except InvalidArgument as error:
                if error.reason != _NOTHING_TO_SAY:
                    raise
                yield (silence := Unsaid())
                yield TimedText(text="".join(self._texts), word="", start_s=0.0, end_s=silence.duration_s)
                return
            except _WORTH_ANOTHER_TRY as error:
                if self._has_sounded or attempt == self._tries:
                    raise
                await asyncio.sleep(_pause_s(error, attempt))

    async def _something_to_say(self) -> bool:
        while not any(text.strip() for text in self._texts) and not self._is_ended:
            await self._news()
        return any(text.strip() for text in self._texts)

    async def _news(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _utter(self) -> AsyncGenerator[Spoken, None]:
        transcript = Transcript()
        self._allow(self._timeout_s)
        async with AsyncExitStack() as stack:
            async with self._limited():
                client = await self._connection.open()
                utterance = await stack.enter_async_context(client.utterance(**self._options))
            writing = asyncio.create_task(self._write(utterance, transcript), name="gapless-turn-text")
            stack.push_async_callback(_cancelled, writing)
            events = utterance.events()
            while (event := await self._next(events)) is not None:
                self._heard(event)
                if isinstance(event, Started | Chunk):
                    yield event
                for piece in transcript.note(event):
                    yield piece
            if (rest := transcript.rest()).text:
                yield rest

    async def _next(self, events: AsyncIterator[Event]) -> Event | None:
        async with self._limited():
            return await anext(events, None)

    def _heard(self, event: Event) -> None:
        """How long may the server take with what comes next?"""
        if isinstance(event, Chunk):
            self._has_sounded = True
        if isinstance(event, Started | Chunk):
            self._allow(self._patience_s if self._is_ended else None)

    @property
    def _patience_s(self) -> float:
        """After the end of the text."""
        return STALL_S if self._has_sounded else self._timeout_s

    def _allow(self, seconds: float | None) -> None:
        self._wait_until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._wait_until)

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        """Raises TimedOut when what is inside takes longer than is allowed; that may change meanwhile."""
        try:
            async with asyncio.timeout_at(self._wait_until) as self._limit:
                yield
        except TimeoutError:
            what = "went silent" if self._has_sounded else "does not answer"
            raise TimedOut(f"{self._connection.address} {what}") from None
        finally:
            self._limit = None

    async def _write(self, utterance: Utterance, transcript: Transcript) -> None:
        """All text from the first, so that another try says it again. What breaks here is told by the server's events
        as well, with its reason."""
        written = 0
        try:
            while True:
                text, written = "".join(self._texts[written:]), len(self._texts)
                if text:
                    transcript.push(text)
                    await utterance.push(text)
                elif self._is_ended:
                    await utterance.end()
                    if self._wait_until is None:
                        self._allow(self._patience_s)
                    return
                else:
                    await self._news()
        except ClientError:
            return


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _pause_s(error: ClientError, attempt: int) -> float:
    wanted_s = error.retry_after_s if error.retry_after_s is not None else _FIRST_PAUSE_S * 4 ** (attempt - 1)
    return min(wanted_s, _LONGEST_PAUSE_S)
