"""How soon does the server tell its clock?

    python -m benchmarks.attack.prober 127.0.0.1:50051

A process that does nothing else: beside a listener's audio an answer would wait for the interpreter that decodes it,
and what was measured would be the measurement. Asks again and again until its standard input ends (Ctrl-D), and then
prints one JSON object, the fields of `Told`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

from benchmarks.attack.beside import begins, until_told
from client._transport.channels import Target
from client._transport.clock_probe import ClockProber

START_S = 5.0
PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Told:
    asked: list[tuple[int, int]]  # from when until when it waited for each answer, in nanoseconds since the epoch
    loop_s: float  # longest delay of the server's event loop, as it says itself

    @classmethod
    def by(cls, prober: ClockProber) -> Told:
        """Of a prober that asks: stops it. What is not answered yet counts as long as it has waited."""
        unanswered = prober.unanswered
        prober.stop(PATIENCE_S)
        blocked = [exchange.server_blocked for exchange in prober.exchanges if exchange.server_blocked]
        asked = [(exchange.sent_ns, exchange.received_ns) for exchange in prober.exchanges]
        return cls(
            asked=asked + ([(unanswered.start_ns, unanswered.end_ns)] if unanswered else []),
            loop_s=max((span.length_ns / 1e9 for span in blocked), default=0.0),
        )


if __name__ == "__main__":
    asking = ClockProber(Target(address=sys.argv[1]))
    asking.start(START_S)
    begins()
    until_told()
    print(json.dumps(asdict(Told.by(asking))))
