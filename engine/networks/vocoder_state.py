"""What a vocoder carries from one piece of mel to the next, for the rows of a batch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

import torch
from torch import Tensor

from engine.networks.convs import PackedTails, Tails
from engine.networks.pulse.timbre import NATURAL, Timbre


@dataclass(frozen=True, kw_only=True)
class VocoderState:
    seeds: tuple[int, ...] | Tensor  # one per row of the batch; int64 [B] where the host does not know them
    phase: Tensor  # [B] float64, turns of the fundamental behind the last pitch that was used
    frames: tuple[int, ...] | Tensor  # of noise drawn so far, for each row; 0 where a vocoder draws none
    offsets: Tensor  # [B, H] where each harmonic starts, in turns; H is 0 where they all start together
    timbre: Timbre = NATURAL  # of all rows
    position: int = 0  # mel frames that a resampling has seen, modulo those after which it repeats
    unheard: int = 0  # samples of a warm-up that are still to be thrown away
    spectra: int = 0  # short-time spectra overlapped so far, as far as that matters
    tails: Tails | PackedTails | None = None  # per layer, in calling order; None: nothing has come yet
    ended: bool = False

    @property
    def batch_key(self) -> Hashable:
        """Rows whose keys are equal, and whose mels are equally long and end alike, may run together."""
        shapes: list[tuple[int, ...] | None]
        if isinstance(self.tails, PackedTails):
            shapes = [shape and shape[1:] for shape in self.tails.shapes]
        else:
            shapes = [None if tail is None else tuple(tail.shape[1:]) for tail in self.tails or ()]
        return self.timbre, self.position, self.unheard, self.spectra, self.ended, tuple(shapes)

    @property
    def layers(self) -> Tails | None:
        """The tails as the layers take them."""
        return self.tails.unpacked() if isinstance(self.tails, PackedTails) else self.tails

    def frames_after(self, count: int) -> tuple[int, ...] | Tensor:
        """`frames`, once each row has had so many more."""
        if isinstance(self.frames, Tensor):
            return self.frames + count
        return tuple(frame + count for frame in self.frames)

    @property
    def packed(self) -> PackedTails | None:
        return PackedTails.of(self.tails) if isinstance(self.tails, tuple) else self.tails

    @staticmethod
    def joined(states: Sequence[VocoderState]) -> VocoderState:
        """Returns a batch of all their rows. Raises ValueError where their batch keys differ."""
        first = states[0]
        if len(states) == 1:
            return first
        if any(state.batch_key != first.batch_key for state in states):
            raise ValueError("states of several batch keys")
        return replace(
            first,
            seeds=tuple(chain.from_iterable(state.seeds for state in states)),
            phase=torch.cat([state.phase for state in states]),
            frames=tuple(chain.from_iterable(state.frames for state in states)),
            offsets=torch.cat([state.offsets for state in states]),
            tails=first.tails and PackedTails.joined([cast(PackedTails, state.packed) for state in states]),
        )

    def parted(self) -> list[VocoderState]:
        """Returns one state for each row."""
        rows = len(self.seeds)
        if rows == 1:
            return [self]
        tails: Sequence[PackedTails | None] = self.packed.parted(rows) if self.packed else [None] * rows
        return [
            replace(
                self,
                seeds=self.seeds[row : row + 1],
                phase=self.phase[row : row + 1],
                frames=self.frames[row : row + 1],
                offsets=self.offsets[row : row + 1],
                tails=tails[row],
            )
            for row in range(rows)
        ]
