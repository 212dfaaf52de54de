"""A service of its own process, to be killed in mid-turn, whose key another service shares."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection

from benchmarks.support.child_service import serve
from service.rpc.resume import ResumeTokens
from tests.fakes import Script, ScriptedEngine

KEY = b"k" * 32
VOICES = {
    "karl": Script(token_s=0.01),
    "anna": Script(token_s=0.01),
    "stuck": Script(window_tokens=50, hang_at_chunk=1),  # says the first word, and when it was, and no more
    "broken": Script(window_tokens=50, fail_at_chunk=1),  # likewise
}


def speak(commands: Connection) -> None:
    asyncio.run(serve(ScriptedEngine(VOICES, has_alignment=True), commands, resume_tokens=ResumeTokens([KEY])))
