"""Files that may be replaced while the service runs: what they say now, or said when they were last right.

A task looks at them once in a while, off the event loop. Files that cannot be used (unreadable, expired, a key of
another certificate, half written) change nothing: what was loaded stays, and one warning says what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from .errors import ListeningError

CHECK_INTERVAL_S = 1.0

T = TypeVar("T")

_log = logging.getLogger(__name__)

_Signature = tuple[tuple[int, int, int] | None, ...]


class Reloading(Generic[T]):
    """`value` is read from any thread; `refresh` is called by one thread at a time."""

    def __init__(self, what: str, paths: Sequence[Path], load: Callable[[], T]) -> None:
        """`what` names the files in messages. Raises what `load` raises: at start, wrong files are an error."""
        self._what = what
        self._paths = paths
        self._load = load
        self._seen = self._signature()
        self.value = load()

    def refresh(self) -> None:
        """Loads the files again if they changed since the last look."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self.value = self._load()
        except ListeningError as error:
            _log.warning("%s changed and cannot be used, the old one stays: %s", self._what, error)
        else:
            _log.info("%s changed and was loaded", self._what)

    def _signature(self) -> _Signature:
        return tuple(_identity(path) for path in self._paths)


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


async def keep_fresh(files: Sequence[Reloading[Any]], interval_s: float = CHECK_INTERVAL_S) -> None:
    """Refreshes `files` until it is cancelled."""
    while files:
        await asyncio.sleep(interval_s)
        for one in files:
            await asyncio.to_thread(one.refresh)
