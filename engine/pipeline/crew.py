"""The workers of an engine, and which of them may take all cores of a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from engine.pipeline.worker import Work, Worker


class Crew:
    """Workers that share the cores while they work side by side; one whose fellows rest has them all."""

    def __init__(self, workers: Sequence[Worker], all_cores: Executor | None = None) -> None:
        """`all_cores` does work on all of them; None: nothing is to be gained by that."""
        self._workers = workers
        self._all_cores = all_cores

    def start(self) -> None:
        for worker in self._workers:
            worker.start(partial(self._placed, worker))

    def join(self) -> None:
        for worker in self._workers:
            worker.join()

    def _placed(self, worker: Worker, work: Work) -> Work:
        """With the board's condition held: the same work, on as many cores as it may take."""
        executor = self._all_cores
        if executor is None or not all(fellow.rests for fellow in self._workers if fellow is not worker):
            return work
        return lambda: executor.submit(work).result()
