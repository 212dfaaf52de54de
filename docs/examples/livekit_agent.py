"""A speaking agent for LiveKit Agents that needs no cloud and no room: the user and the language model are scripted,
the sound goes into a file as fast as a listener would hear it. One turn is interrupted.

    python livekit_agent.py --address 127.0.0.1:50051 --out livekit.wav
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer

from gapless.doors.livekit import TTS

TOKEN_S = 1 / 30  # between tokens of the language model
TURN_S = 60.0


@dataclass(frozen=True)
class Line:
    """What the user says, what the model answers, and when the user interrupts: seconds after the first sound."""

    user: str
    answer: str
    interrupted_after_s: float | None = None


SCRIPT = (
    Line("Hello?", "Hello! I am the ship's computer. What can I do for you?"),
    Line("Tell me a story.", "Once upon a time, there was a kettle that could not stop. It boiled, and it sang.", 1.5),
    Line("Stop. What time is it?", "It is 3:45 p.m., and the tea is ready."),
)


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
        for word in next(self._answers).split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="scripted", delta=delta))
            await asyncio.sleep(TOKEN_S)


class FileOutput(AudioOutput):
    """In the place of a loudspeaker: takes sound as fast as it would be heard, and keeps it."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__(label="file", capabilities=AudioOutputCapabilities(pause=False), sample_rate=sample_rate)
        self.heard = bytearray()  # s16
        self.sounding = asyncio.Event()
        self._waiting = asyncio.Queue[bytes | None]()  # None: the segment ends
        self._segment = 0.0  # s of it that were heard
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
        self._over(interrupted=True)
        self._playing = asyncio.create_task(self._play())

    async def _play(self) -> None:
        block_bytes = self.sample_rate // 50 * 2
        heard_until = 0.0
        while True:
            data = await self._waiting.get()
            if data is None:
                self._over(interrupted=False)
                continue
            for at in range(0, len(data), block_bytes):
                block = data[at : at + block_bytes]
                if not self._segment:
                    self.sounding.set()
                    self.on_playback_started(created_at=time.time())
                block_s = len(block) / 2 / self.sample_rate
                heard_until = max(heard_until, time.monotonic()) + block_s
                await asyncio.sleep(heard_until - time.monotonic())
                self.heard += block
                self._segment += block_s

    def _over(self, *, interrupted: bool) -> None:
        if self._pending_playback_count:
            self.on_playback_finished(playback_position=self._segment, interrupted=interrupted)
        self._segment = 0.0

    def save(self, path: str) -> None:
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, self.sample_rate, 0, "NONE", ""))
            file.writeframes(self.heard)


class Captions(TextOutput):
    """In the place of a screen."""

    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)

    async def capture_text(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


@dataclass(frozen=True)
class Said:
    """A turn, as the conversation remembers it."""

    answer: str
    remembered: str
    first_sound_s: float  # after the user's line
    heard: bytes


async def converse(tts: TTS, script: Sequence[Line] = SCRIPT) -> tuple[list[Said], FileOutput]:
    """All turns, one after the other."""
    output = FileOutput(tts.sample_rate)
    synchronizer = TranscriptSynchronizer(next_in_chain_audio=output, next_in_chain_text=Captions())
    session = AgentSession(
        llm=ScriptedModel(script),
        tts=tts,
        use_tts_aligned_transcript=True,
        turn_handling={"interruption": {"resume_false_interruption": False}},  # nobody listens to the user here
    )
    session.output.audio, session.output.transcription = synchronizer.audio_output, synchronizer.text_output
    await session.start(Agent(instructions="You are the ship's computer."), record=False)
    said = []
    for line in script:
        output.sounding.clear()
        began, begin = time.monotonic(), len(output.heard)
        speech = session.generate_reply(user_input=line.user)
        await asyncio.wait_for(output.sounding.wait(), TURN_S)
        first_sound_s = time.monotonic() - began
        if line.interrupted_after_s is not None:
            await asyncio.sleep(line.interrupted_after_s)
            await session.interrupt()
        await asyncio.wait_for(speech.wait_for_playout(), TURN_S)
        remembered = " ".join(item.text_content or "" for item in speech.chat_items if item.type == "message")
        said.append(Said(line.answer, remembered, first_sound_s, bytes(output.heard[begin:])))
    await session.aclose()
    await synchronizer.aclose()
    await tts.aclose()
    return said, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--voice")
    parser.add_argument("--out", default="livekit.wav")
    arguments = parser.parse_args()

    async def run() -> tuple[list[Said], FileOutput]:
        return await converse(TTS(address=arguments.address, voice=arguments.voice))

    said, output = asyncio.run(run())
    output.save(arguments.out)
    for turn in said:
        first_ms = round(1000 * turn.first_sound_s)
        print(json.dumps({"answer": turn.answer, "remembered": turn.remembered, "first_sound_ms": first_ms}))


if __name__ == "__main__":
    main()
