"""One utterance of a socket: what the page sends goes in, and every event goes out as it comes.

Nothing is kept here: while a page reads slowly, `send` waits, so no event is taken, and the service stops making more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from gapless.client import (
    Alignment,
    Chunk,
    Client,
    ClientError,
    Event,
    Finished,
    FlushDone,
    Options,
    ServerWarning,
    Started,
    Utterance,
)

from ...mistakes import Undecided
from . import outgoing
from .incoming import Playback
from .outgoing import Message

CANCEL_S = 0.5  # that the service may take to end an utterance whose listener stopped listening

Send = Callable[[Message | bytes], Awaitable[None]]
Admit = Callable[[], Awaitable[Undecided]]

_log = logging.getLogger(__name__)


class Speech:
    def __init__(
        self,
        number: int,
        utterance: Utterance,
        undecided: Undecided,
        send: Send,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        """`number`: which of its socket's utterances it is. `stack` ends the call, and what is `undecided`."""
        self.number = number
        self._undecided = undecided
        self.utterance = utterance
        self.stopped = False  # the listener stopped listening
        self._send = send
        self._stack = stack
        self._over = asyncio.Event()  # all that is left is to say how it ended

    @classmethod
    async def begin(cls, number: int, client: Client, options: Options, admit: Admit, send: Send) -> Speech:
        """Opens the call; `run` must follow. Raises ClientError."""
        async with contextlib.AsyncExitStack() as stack:
            undecided = await stack.enter_async_context(await admit())
            utterance = await stack.enter_async_context(client.utterance(**options))
            return cls(number, utterance, undecided, send, stack.pop_all())

    async def run(self) -> None:
        """Sends all events, and how it ended."""
        try:
            async with self._stack:
                async for event in self.utterance.events():
                    await self._tell(event)
            ended = outgoing.finished(self.utterance.finished)
        except ClientError as error:
            _log.info("utterance broke off: %s", error)
            ended = outgoing.error(error)
        finally:
            self._over.set()  # before the page knows: its next message may begin another
        await self._say(ended)

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def take(self, send: Callable[[Utterance], Awaitable[object]]) -> None:
        """Sends something to the service; what comes after the end goes nowhere, and its page knows why by then."""
        if self.is_over or self.stopped:
            return
        with contextlib.suppress(ClientError):  # whoever iterates learns why the call is over
            await send(self.utterance)

    async def report(self, playback: Playback, *, stopped: bool = False) -> None:
        await self.take(
            lambda utterance: utterance.report_playback(
                played_samples=playback.played_samples,
                buffered_samples=playback.buffered_samples,
                underruns=playback.underruns,
                underrun_s=playback.underrun_s,
                output_latency_s=playback.output_latency_s,
                stopped=stopped,
            )
        )

    async def stop(self, playback: Playback) -> None:
        """Barge-in: returns when it is over, after which nothing of this utterance follows but how it ended."""
        await self.report(playback, stopped=True)
        self.stopped = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_S):
                await self._over.wait()
                return
        await self.utterance.cancel()
        await self._over.wait()

    async def _tell(self, event: Event) -> None:
        match event:
            case _ if self.stopped:
                pass  # it was under way when the listener stopped
            case Chunk():
                self._undecided.right()
                await self._send(outgoing.audio(event, self.number))
            case Started():
                await self._say(outgoing.started(event))
            case Alignment():
                await self._say(outgoing.words(event.words))
            case FlushDone():
                await self._say(outgoing.flushed(event))
            case ServerWarning():
                await self._say(outgoing.warning(event))
            case Finished():
                pass  # said when the call is over

    async def _say(self, message: Message) -> None:
        await self._send({**message, "utterance": self.number})
