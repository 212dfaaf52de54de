"""Places in tensors that stand still: who holds one may write to it, and who drops it gives it back.

Captured work reads and writes memory that never moves. Where many utterances come and go, each has a place in it.
"""

from __future__ import annotations


class Place:
    """A row of standing tensors, until nobody refers to it any more."""

    def __init__(self, free: list[int]) -> None:
        self.index = free.pop()
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.index)


class Places:
    """So many rows, and one behind them that is nobody's, for what is computed and not wanted."""

    def __init__(self, count: int) -> None:
        self.nobody = count
        self._free = list(range(count))

    def __len__(self) -> int:
        """With nobody's."""
        return self.nobody + 1

    @property
    def free(self) -> int:
        return len(self._free)

    def take(self, count: int) -> list[Place]:
        return [Place(self._free) for _ in range(count)]
