"""How much more do several cores of this machine compute and read than one?

Matrix products and memory reads run alone, side by side, and as one team of threads.

    python -m benchmarks.latency.core_scaling

T3 on a CPU reads memory, flow and vocoder multiply. Where "two cores" are two threads of one, products side by side
gain little, and no arrangement of the stages makes more of them. A team is one thread whose work OpenMP spreads over
all cores, as the engine has it for who works alone; one team too many in the process costs what it gains.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from benchmarks.support.machine import describe
from engine.apart import apart
from engine.device import cores

SECONDS = 3.0
ROWS, WIDTH = 512, 1024
READ_BYTES = 256_000_000


def products(seconds: float) -> float:
    """GFLOP/s of float32 matrix products on one thread."""
    a, b = torch.randn(ROWS, WIDTH), torch.randn(WIDTH, WIDTH)
    return _rate(lambda: torch.mm(a, b), seconds) * 2 * ROWS * WIDTH * WIDTH / 1e9


def reads(seconds: float) -> float:
    """GB/s of memory read on one thread."""
    memory = torch.ones(READ_BYTES // 4)
    return _rate(memory.sum, seconds) * READ_BYTES / 1e9


def rows(seconds: float) -> float:
    """GB/s of weights read by products of one row, as in a step of T3."""
    row, weights = torch.randn(1, WIDTH), [torch.randn(4 * WIDTH, WIDTH) for _ in range(24)]
    steps = _rate(lambda: [functional.linear(row, matrix) for matrix in weights], seconds)
    return steps * sum(matrix.nbytes for matrix in weights) / 1e9


def _rate(work: Callable[[], object], seconds: float) -> float:
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - started)


def side_by_side(*measures: Callable[[float], float]) -> list[float]:
    rates = [0.0] * len(measures)

    def run(index: int) -> None:
        cores.pin(1)
        rates[index] = measures[index](SECONDS)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(measures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rates


def team_of(threads: int) -> float:
    """`rows` on one thread's team."""

    def work() -> float:
        cores.pin(threads)
        return rows(SECONDS)

    return apart(work)


def main() -> None:
    print(f"one thread each, on {describe()}")
    (product,), (read,) = side_by_side(products), side_by_side(reads)
    print(f"products alone {product:.0f} GFLOP/s, reads alone {read:.1f} GB/s")
    both = side_by_side(products, products)
    print(f"two of products {both[0]:.0f} + {both[1]:.0f} GFLOP/s: {sum(both) / product:.2f} times one")
    both = side_by_side(reads, reads)
    print(f"two of reads {both[0]:.1f} + {both[1]:.1f} GB/s: {sum(both) / read:.2f} times one")
    both = side_by_side(products, reads)
    print(f"one of each {both[0]:.0f} GFLOP/s + {both[1]:.1f} GB/s")
    everyone = cores.count()
    one, team = team_of(1), team_of(everyone)
    cores.pin(everyone)
    rows(0.1)  # a team of this thread's, which stays
    print(f"weights by one row {one:.1f} GB/s, on a team {team:.1f}, beside another team {team_of(everyone):.1f}")


if __name__ == "__main__":
    main()
