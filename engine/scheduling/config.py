"""What a scheduler is told about its engine."""

from __future__ import annotations

from dataclasses import dataclass

from engine.scheduling.timing import Timing
from engine.scheduling.windows import LadderConfig


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    max_utterances: int
    ladder: LadderConfig
    by_deadline: bool = False  # windows by the listener's deadline; else the ladder's
    speculate: bool = False  # run windows before it is known that they can be used, and with less lookahead than usual
    sequential: bool = False  # T3 rests while flow and vocoder have work: the baseline of benchmarks
    max_batch: int = 1  # windows that the flow, or the vocoder, runs together,
    batch_tokens: int | None = None  # and their tokens, unless the flow is full: nobody is in front for longer
    timing: Timing
    longest_pause_samples: int = 0  # between segments
    ledger_tokens: int  # capacity of one utterance's ledger
    channel_samples: int  # audio that may wait for its listener, per utterance
    few_rows_cost_less: bool = False  # T3's, which a GPU computes side by side
    vocoder_apart: bool = False  # it has a thread of its own; else it is the flow's
