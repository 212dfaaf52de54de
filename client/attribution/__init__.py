"""Where the time of an utterance went, and which hop is to blame for what was late.

async with Watch(client) as watch:
    async with client.utterance() as utterance: ...
analysis = analyse(utterance.record, observations=watch.observations())
print(analysis.verdict.sentence)
"""

from .baseline import Normal
from .hops import Hop
from .verdict import Analysis, Verdict, analyse
from .watch import Watch

__all__ = ["Analysis", "Hop", "Normal", "Verdict", "Watch", "analyse"]
