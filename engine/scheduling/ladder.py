"""Which tokens the next flow window takes: a fixed ladder of sizes.

Fixed sizes make the audio a function of text and seed alone, whatever the load. A window is run once its lookahead is
complete; what is left of a closed segment when a full window with lookahead does not fit becomes the final window.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LadderConfig:
    sizes: tuple[int, ...] = (6, 12, 25)  # tokens; the last size repeats

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError("sizes must hold at least one size of at least 1 token")


@dataclass(frozen=True)
class Window:
    n_new: int  # tokens that the window speaks
    lookahead: int  # tokens that it sees beyond
    final: bool  # the segment's last


def next_window(config: LadderConfig, index: int, waiting: int, closed: bool, lookahead: int) -> Window | None:
    """The window number `index` of a segment that has `waiting` tokens, or None: more tokens are needed.

    Depends on the tokens alone: whether a window is final does not depend on when the stop token became known."""
    size = config.sizes[min(index, len(config.sizes) - 1)]
    if waiting >= size + lookahead:
        return Window(n_new=size, lookahead=lookahead, final=False)
    return Window(n_new=waiting, lookahead=0, final=True) if closed else None


def largest_peek(config: LadderConfig, lookahead: int) -> int:
    """Tokens that must fit into a ledger, or T3 and flow would wait for each other for ever."""
    return max(config.sizes) + lookahead
