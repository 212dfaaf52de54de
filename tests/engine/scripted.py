"""Scripted stages: the pipeline without networks. A token is a number, a token's audio is that number, repeated."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.clock import now_ns

SAMPLES_PER_TOKEN = 4
TOKENS_PER_CHAR = 2


@dataclass
class ScriptedRow:
    remaining: list[int]
    fails: bool
    warning: str = ""


@dataclass
class ScriptedTokens:
    """Speaks every character as TOKENS_PER_CHAR tokens of its code. "@" fails in the prefill, "#" while decoding."""

    step_s: float = 0.0
    gate: threading.Event | None = None  # steps wait for it
    held: int = 0
    steps: int = 0
    log: list[str] = field(default_factory=list)

    def speakable(self, text: str) -> list[str]:
        text = text.strip()
        return [text] if any(char.isalnum() or char in "@#" for char in text) else []

    def prefill(self, job: object) -> ScriptedRow:
        text = job.text  # type: ignore[attr-defined]
        if "@" in text:
            raise RuntimeError("scripted prefill failure")
        self.held += 1
        self.log.append(text)
        return ScriptedRow([ord(char) for char in text for _ in range(TOKENS_PER_CHAR)], fails="#" in text)

    def step(self, row: ScriptedRow) -> int | None:
        if self.gate is not None:
            assert self.gate.wait(10)
        time.sleep(self.step_s)
        self.steps += 1
        if row.fails:
            raise RuntimeError("scripted step failure")
        return row.remaining.pop(0) if row.remaining else None

    def release(self, row: ScriptedRow) -> None:
        self.held -= 1


@dataclass
class ScriptedAudio:
    """A window's audio is its new tokens; "!" fails."""

    window_s: float = 0.0
    windows: list[tuple[int, int, bool]] = field(default_factory=list)  # new tokens, lookahead, final

    def open(self, voice: str, seed: int) -> int:
        return 0

    def window(self, state: int, work: object) -> tuple[NDArray[np.float32], int, int]:
        tokens, n_new = work.tokens, work.n_new  # type: ignore[attr-defined]
        if ord("!") in tokens[:n_new]:
            raise RuntimeError("scripted window failure")
        time.sleep(self.window_s)
        self.windows.append((n_new, len(tokens) - n_new, work.final))  # type: ignore[attr-defined]
        return np.repeat(np.array(tokens[:n_new], np.float32), SAMPLES_PER_TOKEN), state + n_new, now_ns()
