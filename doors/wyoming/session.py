"""One connection: text of one utterance after the other comes in, audio goes out while the text still comes.

Two forms: `synthesize` brings a whole text; `synthesize-start`, `-chunk` and `-stop` bring one in pieces, with a
`synthesize` of all of it among them for servers that do not stream, which is passed over. The answer is `audio-start`,
`audio-chunk`s, `audio-stop` and, to text in pieces, `synthesize-stopped`. After an `error` the connection is closed:
Home Assistant would wait for ever. Whoever closes the connection stops the speech.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event
from wyoming.info import Describe
from wyoming.server import AsyncEventHandler
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeTextFormat,
)

from gapless.client import Client, ClientError, Options, Utterance

from ..mistakes import Mistakes, Undecided
from ..refusals import Kind, kind_of
from .reader import SILENCE_S, BoundedReader
from .voices import chosen, describe

_WIDTH, _CHANNELS = 2, 1  # bytes of a sample; mono
_NO_EVENT = (
    'what came is no event of Wyoming\'s: a line of JSON with a "type", whose data and payload have at most 1 MiB each '
    f"and come within {SILENCE_S:g} s"
)

_log = logging.getLogger(__name__)


class WrongEvent(Exception):
    """An event that cannot be understood, or that comes at the wrong time."""


class Session(AsyncEventHandler):
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: Client, mistakes: Mistakes
    ) -> None:
        self._events = BoundedReader(reader, self._is_speaking)
        super().__init__(self._events, writer)
        self._client = client
        self._mistakes = mistakes
        self._address = str((writer.get_extra_info("peername") or [""])[0])
        self._utterance: Utterance | None = None  # that still takes text
        self._open = contextlib.AsyncExitStack()  # of the last utterance
        self._speaking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the connection ends. Nothing that it sends breaks more than itself."""
        try:
            while (event := await self._next()) and await self.handle_event(event):
                pass
        except ConnectionError:
            pass  # the client left
        finally:
            await self.disconnect()
            self.writer.close()

    async def _next(self) -> Event | None:
        """None at the end of the connection, or behind what is no event."""
        try:
            event = await async_read_event(self._events)
        except Exception as error:  # the border: `wyoming` takes events apart without looking what they are
            _log.info("no event: %r", error)
            event = None
        if event is None and not self._events.ended:
            await self._refuse(Kind.WRONG_REQUEST, _NO_EVENT)
        return event

    async def handle_event(self, event: Event) -> bool:
        try:
            await self._take(event)
        except ClientError as error:
            await self._refuse(kind_of(error), str(error))
            return False
        except KeyError as error:
            await self._refuse(Kind.WRONG_REQUEST, f"{event.type}: it has no {error}")
            return False
        except (WrongEvent, TypeError, AttributeError) as error:
            await self._refuse(Kind.WRONG_REQUEST, f"{event.type}: {error}")
            return False
        return True

    async def disconnect(self) -> None:
        if self._speaking:
            self._speaking.cancel()
            await asyncio.wait([self._speaking])
        await self._open.aclose()

    def _is_speaking(self) -> bool:
        return self._speaking is not None and not self._speaking.done()

    async def _take(self, event: Event) -> None:
        """Raises ClientError, WrongEvent. Events of other services mean nothing here."""
        if Describe.is_type(event.type):
            await self.write_event((await describe(self._client)).event())
        elif Synthesize.is_type(event.type):
            if self._utterance is None:
                await self._begin(Synthesize.from_event(event), in_pieces=False)
                await self._push(event)
                await self._end()
        elif SynthesizeStart.is_type(event.type):
            await self._begin(SynthesizeStart.from_event(event), in_pieces=True)
        elif SynthesizeChunk.is_type(event.type):
            await self._push(event)
        elif SynthesizeStop.is_type(event.type):
            await self._end()

    async def _begin(self, asked: Synthesize | SynthesizeStart, *, in_pieces: bool) -> None:
        if self._is_speaking():
            raise WrongEvent("the text before is still being spoken; open another connection")
        await self._open.aclose()
        undecided = await self._open.enter_async_context(await self._mistakes.admit(self._address))
        utterance = await self._open.enter_async_context(self._client.utterance(**await self._options(asked)))
        self._utterance = utterance
        self._speaking = asyncio.create_task(self._speak(utterance, undecided, in_pieces), name="wyoming-speech")

    async def _options(self, asked: Synthesize | SynthesizeStart) -> Options:
        options = Options(encoding="pcm_s16le", max_lead=0.0)
        if asked.voice:
            options["voice"], language = chosen(asked.voice.name or "")
            language = language or asked.voice.language
            if language and (await self._client.info()).languages:
                options["language"] = language
        if asked.text_format is not None and asked.text_format is not SynthesizeTextFormat.TEXT:
            options["text_format"] = str(getattr(asked.text_format, "value", asked.text_format))
        return options

    async def _push(self, event: Event) -> None:
        text = event.data["text"]
        if self._utterance is None:
            raise WrongEvent("comes without a synthesize-start")
        if not isinstance(text, str):
            raise WrongEvent("its text is no text")
        await self._utterance.push(text)

    async def _end(self) -> None:
        if self._utterance is None:
            raise WrongEvent("comes without a synthesize-start")
        utterance, self._utterance = self._utterance, None
        await utterance.end()

    async def _speak(self, utterance: Utterance, undecided: Undecided, in_pieces: bool) -> None:
        try:
            async with undecided:
                async for chunk in utterance:
                    undecided.right()
                    form = {"rate": chunk.sample_rate, "width": _WIDTH, "channels": _CHANNELS}
                    if chunk.seq == 0:
                        await self.write_event(AudioStart(**form).event())
                    await self.write_event(AudioChunk(audio=chunk.data, **form).event())
            await self.write_event(AudioStop().event())
            if in_pieces:
                await self.write_event(SynthesizeStopped().event())
        except ClientError as error:
            await self._refuse(kind_of(error), str(error))
            self.writer.close()
        except ConnectionError:
            pass  # the client left; whoever reads sees it too

    async def _refuse(self, kind: Kind, message: str) -> None:
        _log.info("refused: %s", message)
        with contextlib.suppress(ConnectionError):
            await self.write_event(Error(text=message, code=kind.name.lower().replace("_", "-")).event())
