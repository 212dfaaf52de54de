"""Cost of a flow window over one long segment: a minute of speech tokens without a cut, straight through the stage.

    python -m benchmarks.window_cost --seconds 60

A service cuts text into sentences, each of which starts the flow anew; this one does not, so that a cost that grew with
the history would show.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import torch

from benchmarks.machine import describe
from engine.checkpoints import load
from engine.jobs import AudioWindow
from engine.stages import FlowStage

TOKENS_PER_S = 25


def costs_ms(seconds: int, window: int) -> list[float]:
    model = load()
    stage, codes = FlowStage(model), random.Random(0)
    state = stage.open(model.prepare(model.voices[model.config.default_voice]), seed=0)
    ahead = model.flow.lookahead
    costs = []
    for index in range(seconds * TOKENS_PER_S // window):
        tokens = tuple(codes.randrange(model.config.t3.codes) for _ in range(window + ahead))
        work = AudioWindow(tokens=tokens, n_new=window, segment=0, first=index == 0, final=False, ends_sentence=False)
        started = time.perf_counter()
        _, state, _ = stage.window(state, work)
        costs.append(1e3 * (time.perf_counter() - started))
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--window", type=int, default=25, help="tokens")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    costs = costs_ms(arguments.seconds, arguments.window)
    quarter = len(costs) // 4
    first, last = statistics.median(costs[1 : quarter + 1]), statistics.median(costs[-quarter:])
    print(f"{len(costs)} windows of {arguments.window} tokens in one segment, one thread, on {describe()}")
    print(f"first quarter {first:.1f} ms  last quarter {last:.1f} ms  ratio {last / first:.2f}")


if __name__ == "__main__":
    main()
