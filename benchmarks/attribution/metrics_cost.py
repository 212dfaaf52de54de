"""How much time do metrics cost?

It measures one audio chunk, one tick of the event loop's probe and one scrape.

python -m benchmarks.attribution.metrics_cost
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

from prometheus_client import generate_latest

from benchmarks.support.machine import describe
from benchmarks.support.paced_engine import Pace, PacedEngine
from service.observability.deadlines import ChunkDeadlines
from service.observability.metrics import Metrics

ROUNDS = 7


def microseconds(work: Callable[[], object], calls: int) -> float:
    return 1e6 * min(timeit.repeat(work, number=calls, repeat=ROUNDS)) / calls


def main() -> None:
    metrics, deadlines = Metrics(), ChunkDeadlines(24_000)
    engine = PacedEngine(Pace(), lambda stage: None)
    metrics.watch(engine, engine.info(), "")
    instants = iter(range(0, 10**18, 10**9))

    def chunk() -> None:
        metrics.chunk(slack_s=deadlines.on_sent(24_000, None, next(instants)), text_to_write_s=0.1)

    print(f"on {describe()}")
    print(f"a chunk that is sent      {microseconds(chunk, 10_000):6.1f} us")
    print(f"a tick of the loop probe  {microseconds(lambda: metrics.loop_lag(0.0003), 10_000):6.1f} us, 100 a second")
    print(f"a scrape                  {microseconds(lambda: generate_latest(metrics.registry), 50):6.1f} us")


if __name__ == "__main__":
    main()
