"""A speaking agent for LiveKit Agents that needs no cloud and no room: the user and the language model are scripted,
the sound goes into a file as fast as a listener would hear it. One turn is interrupted.

    python livekit_agent.py --address 127.0.0.1:50051 --out livekit.wav
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer
from scripted_conversation import (
    SAMPLE_RATE,
    SCRIPT,
    TURN_S,
    Line,
    Loudspeaker,
    Said,
    arguments,
    reach,
    tell,
    tokens_of,
)

from gapless.doors.livekit import TTS, HeardTranscript


class ScriptedModel(llm.LLM):
    """In the place of a language model: answers with the next line of the script, token by token."""

    def __init__(self, script: Sequence[Line]) -> None:
        super().__init__()
        self._answers = iter([line.answer for line in script])

    def chat(self, *, chat_ctx: Any, tools: Any = None, conn_options: Any, **_: Any) -> llm.LLMStream:
        return _Answer(self, self._answers, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    def __init__(self, model: llm.LLM, answers: Iterator[str], **known: Any) -> None:
        self._answers = answers
        super().__init__(model, **known)

    async def _run(self) -> None:
        async for token in tokens_of(next(self._answers)):
            delta = llm.ChoiceDelta(role="assistant", content=token)
            self._event_ch.send_nowait(llm.ChatChunk(id="scripted", delta=delta))


class LoudspeakerOutput(AudioOutput):
    """In the place of a room's track."""

    def __init__(self) -> None:
        super().__init__(
            label="loudspeaker", capabilities=AudioOutputCapabilities(pause=False), sample_rate=SAMPLE_RATE
        )
        self.loudspeaker = Loudspeaker()
        self._waiting = asyncio.Queue[bytes | None]()  # None: the segment ends
        self._playing = asyncio.create_task(self._play())

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._waiting.put_nowait(bytes(frame.data))

    def flush(self) -> None:
        super().flush()
        self._waiting.put_nowait(None)

    def clear_buffer(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._playing.cancel()
        self.loudspeaker.stop()
        self._playing = asyncio.create_task(self._play(interrupted=True))

    async def _play(self, *, interrupted: bool = False) -> None:
        if interrupted:
            self._over(interrupted=True)  # not at once: LiveKit ends the text meanwhile
        while True:
            if data := await self._waiting.get():
                if not self.loudspeaker.sounding.is_set():
                    self.on_playback_started(created_at=time.time())
                await self.loudspeaker.write(data)
            else:
                await self.loudspeaker.drained()
                self._over(interrupted=False)

    def _over(self, *, interrupted: bool) -> None:
        if self._pending_playback_count:
            self.on_playback_finished(playback_position=self.loudspeaker.heard_s, interrupted=interrupted)


class Captions(TextOutput):
    """In the place of a screen."""

    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)

    async def capture_text(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


async def converse(tts: TTS, script: Sequence[Line] = SCRIPT) -> tuple[list[Said], Loudspeaker]:
    """All turns, one after the other."""
    output = LoudspeakerOutput()
    loudspeaker = output.loudspeaker
    synchronizer = TranscriptSynchronizer(next_in_chain_audio=output, next_in_chain_text=Captions())
    session = AgentSession(
        llm=ScriptedModel(script),
        tts=tts,
        use_tts_aligned_transcript=True,
        turn_handling={"interruption": {"resume_false_interruption": False}},  # nobody listens to the user here
    )
    session.output.audio = HeardTranscript(synchronizer.audio_output)
    session.output.transcription = synchronizer.text_output
    await session.start(Agent(instructions="You are the ship's computer."), record=False)
    said = []
    for line in script:
        loudspeaker.listen()
        began = time.monotonic()
        speech = session.generate_reply(user_input=line.user)
        await asyncio.wait_for(loudspeaker.sounding.wait(), TURN_S)
        first_sound_s = time.monotonic() - began
        if line.interrupted_after_s is not None:
            await asyncio.sleep(line.interrupted_after_s)
            await session.interrupt()
        await asyncio.wait_for(speech.wait_for_playout(), TURN_S)
        remembered = " ".join(item.text_content or "" for item in speech.chat_items if item.type == "message")
        said.append(Said(line.answer, remembered, first_sound_s, loudspeaker.heard, loudspeaker.silent_s))
    await session.aclose()
    await synchronizer.aclose()
    await tts.aclose()
    return said, loudspeaker


def main() -> None:
    given = arguments(__doc__, out="livekit.wav")

    async def run() -> tuple[list[Said], Loudspeaker]:
        await reach(given.address)
        return await converse(TTS(address=given.address, voice=given.voice))

    said, loudspeaker = asyncio.run(run())
    loudspeaker.save(given.out)
    tell(said)


if __name__ == "__main__":
    main()
