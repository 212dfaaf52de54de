"""What sampling parameters may be. No torch: whoever talks to clients checks before the engine does."""

from __future__ import annotations

SAMPLING_RANGES = {  # wire name -> least, greatest
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "top_k": (0, 100_000),
    "repetition_penalty": (0.5, 5.0),
    "cfg_weight": (0.0, 5.0),
    "exaggeration": (0.0, 2.0),
}
ABOVE_LEAST = frozenset({"top_p"})  # the least value itself is not allowed
