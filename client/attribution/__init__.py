"""Where the time of an utterance went, and which hop is to blame for what was late.

async with Monitor(client) as monitor:
    async with client.utterance() as utterance: ...
analysis = analyse(utterance.record, observations=monitor.observations())
print(analysis.verdict.sentence)
"""

from .baseline import Normal
from .hops import Hop
from .monitor import Monitor
from .verdict import Analysis, Verdict, analyse

__all__ = ["Analysis", "Hop", "Monitor", "Normal", "Verdict", "analyse"]
