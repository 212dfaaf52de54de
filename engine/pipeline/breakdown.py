"""The end of an engine that broke: a fault of a stage, unlike one of an utterance, concerns all utterances.

Such faults are a stage that fails in one utterance after another with no complete segment in between, a device that
takes no more work, and a thread that hangs or is gone. Then all utterances fail, no more are admitted, and those who
asked to be told are told. The process is not repaired from inside; its supervisor starts another one.
"""

from __future__ import annotations

import logging

from engine.device.faults import is_device_fault
from engine.errors import EngineBroken, Fault, GaplessError, NotFinite, OutOfMemory, UtteranceFailed
from engine.messages import Failed
from engine.scheduling.running import emit
from engine.scheduling.scheduler import Scheduler
from engine.watchdog import Watched

log = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 5  # of a stage, in as many utterances: not every one of them is to blame


def break_down(scheduler: Scheduler, error: EngineBroken) -> None:
    """Ends all that runs. Called on any thread; the first of these calls counts."""
    if not scheduler.closed:
        log.critical("the engine broke: %s", error)
    for running in scheduler.close(error):
        emit(running, Failed(error=error))


def on_overdue(scheduler: Scheduler, watched: Watched) -> None:
    break_down(scheduler, EngineBroken(Fault.STAGE_OVERDUE, f"{watched.name} hangs: more than {watched.limit_s:.1f} s"))


def on_gone(scheduler: Scheduler, watched: Watched) -> None:
    if not scheduler.closed:
        break_down(scheduler, EngineBroken(Fault.THREAD_DIED, f"{watched.name} is gone"))


class StageFailures:
    """Tells, of one stage, the faults of utterances from its own."""

    def __init__(self, stage: str, scheduler: Scheduler) -> None:
        self._stage = stage
        self._scheduler = scheduler
        self._in_a_row = 0

    def worked(self) -> None:
        """Notes that a segment was spoken from its beginning to its end."""
        self._in_a_row = 0

    def failed(self, error: Exception) -> None:
        if isinstance(error, GaplessError) and not isinstance(error, UtteranceFailed | OutOfMemory):
            return  # what was asked for cannot be done
        self._in_a_row += 1
        if is_device_fault(error):
            self._break_down(Fault.DEVICE_FAILED, f"the device failed in {self._stage}", error)
        elif self._in_a_row >= FAILURES_IN_A_ROW:
            fault = Fault.NOT_FINITE if isinstance(error, NotFinite) else Fault.STAGE_FAILING
            self._break_down(fault, f"{self._stage} failed {self._in_a_row} times in a row", error)

    def _break_down(self, fault: Fault, what: str, error: Exception) -> None:
        break_down(self._scheduler, EngineBroken(fault, f"{what}, at last with: {error}"))
