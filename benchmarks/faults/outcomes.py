"""How a call ended, as its caller was told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from client import Client
from client.errors import ClientError

LEAD_S = 1.0  # that a listener is ahead: the utterance is under way for as long as it is heard
LIMIT_S = 40.0
HUNG = "HUNG"  # nothing was told at all


@dataclass(frozen=True)
class Outcome:
    code: str  # of gRPC; "OK"
    reason: str = ""  # of ErrorInfo
    message: str = ""
    audio_s: float = 0.0

    @staticmethod
    def of(error: ClientError) -> Outcome:
        return Outcome(error.code.name if error.code else type(error).__name__, error.reason, str(error))

    def __str__(self) -> str:
        return f"{self.code} {self.reason}".strip()

    @property
    def tells_too_much(self) -> bool:
        return any(inside in self.message for inside in ("/secret", "Traceback", "CUDA", "RuntimeError", "0x"))


async def speak(client: Client, text: str, seed: int, *, voice: str = "", reads: bool = True) -> Outcome:
    """One utterance, listened to in real time; without `reads` nothing is read until it ends or LIMIT_S are over."""
    audio_s = 0.0
    try:
        async with asyncio.timeout(LIMIT_S), client.utterance(seed=seed, voice=voice, max_lead=LEAD_S) as utterance:
            await utterance.push(text)
            await utterance.end()
            if not reads:
                await asyncio.sleep(LIMIT_S / 2)
            async for chunk in utterance:
                audio_s += chunk.duration_s
            return Outcome("OK", audio_s=audio_s)
    except TimeoutError:
        return Outcome(HUNG, audio_s=audio_s)
    except ClientError as error:
        return Outcome.of(error)
