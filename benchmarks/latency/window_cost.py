"""Does a window cost more at the end of a long segment than at its beginning?

Flow and vocoder run over a minute of tokens without a cut.

    python -m benchmarks.latency.window_cost --seconds 60

A service cuts text into sentences, each of which starts the flow anew; this one does not, so that a cost that grew with
the history would show.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import torch

from benchmarks.support.machine import describe
from engine.checkpoints import load
from engine.scheduling.jobs import FlowWork, VocoderWork
from engine.stages.flow import FlowStage
from engine.stages.vocoder import VocoderStage

TOKENS_PER_S = 25


def costs_ms(seconds: int, window: int) -> list[float]:
    model = load()
    flow, vocoder, codes = FlowStage(model), VocoderStage(model), random.Random(0)
    voice = model.prepare(model.voices[model.config.default_voice])
    state, sound = flow.open(voice, 0), vocoder.open(voice, 0)
    ahead = model.flow.lookahead
    costs = []
    for _ in range(seconds * TOKENS_PER_S // window):
        tokens = tuple(codes.randrange(model.config.t3.codes) for _ in range(window + ahead))
        work = FlowWork(tokens=tokens, n_new=window, segment=0, final=False)
        started = time.perf_counter()
        ((mel, state),) = flow.run([state], [work])
        ((_, sound),) = vocoder.run([sound], [VocoderWork(mel=mel, segment=0, final=False, ends_sentence=False)])
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
