"""Windows of the vocoder as graphs: mel of R utterances in, samples [R, N] out, launched as one.

There is one graph for each of

    rows    1, 2, 4, 8 ... utterances at once: those beyond the ones asked for are computed and not kept
    frames  of the few sizes that windows have (engine/scheduling/sizes.py)
    kind    the first piece of a segment, a later one, its end (which has no frames)

States lie in preallocated tensors. An utterance has a place in them and its next state gets another, so the given state
stays unchanged. A piece of any other length runs as several, since any cutting gives the same samples. A first piece
that is too short for a sound waits for the next one and runs with it. The caller launches what no graph covers: a
segment so short that it makes no sound before its end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device, Inbox
from engine.device.graphs import Capture, Sized, row_buckets
from engine.device.places import Place, Places
from engine.errors import ModelError
from engine.networks import noise
from engine.networks.convs import PackedTails
from engine.networks.hift.hift import HiFT
from engine.networks.vocoder_state import VocoderState
from engine.scheduling import sizes


class Kind(Enum):
    """Of a segment's pieces."""

    FIRST = 0
    LATER = 1
    END = 2


@dataclass(frozen=True)
class PlacedState:
    """A segment whose vocoder's state lies in a place of the standing tensors."""

    place: Place

    @property
    def batch_key(self) -> Hashable:
        return PlacedState


@dataclass(frozen=True)
class SilentState:
    """A segment whose mel so far is too short for a sound."""

    mel: Tensor  # [1, F, T]

    @property
    def batch_key(self) -> Hashable:
        return SilentState, self.mel.shape[2]


@dataclass(frozen=True)
class _Piece:
    """What its graphs read and write."""

    mel: Tensor  # [batch, F, frames]
    sums: Tensor  # [batch] of the mels
    wav: Tensor  # [batch, N]
    made: Inbox  # samples and sums


class VocoderGraphs:
    """Owns the tensors that its graphs read from and write to."""

    def __init__(
        self, vocoder: HiFT, capture: Capture, *, places: int, batch: int, largest: int, frames_per_token: int
    ) -> None:
        """For so many places, `batch` windows at once, and pieces of at most `largest` tokens."""
        self._vocoder = vocoder
        like = vocoder.conv_pre.weight
        self._device = Device.of(like.device)
        self._lengths = [frames_per_token * size for size in sizes.sizes(largest)]
        self._held_back, self._hop = vocoder.hold_back_samples, vocoder.samples_per_frame
        self._first_lengths = [frames for frames in self._lengths if frames * self._hop > self._held_back]
        example = self._example(like.device)
        assert example.packed is not None
        self._key, self._shapes, self._spectra = example.batch_key, example.packed.shapes, example.spectra
        self._places = Places(places)
        kept = (*example.packed.memory, example.phase, example.offsets)
        count = len(self._places)
        self._state = [torch.zeros(count, *one.shape[1:], dtype=one.dtype, device=one.device) for one in kept]
        self._numbers = torch.zeros(count, 2, dtype=torch.int64, device=like.device)  # seed, frames so far
        self._told = self._device.exchange(3, batch)  # a row's seed, its place, and the place of what follows
        self._pieces = {what: self._piece(*what, batch, like.device) for what in self._kinds()}
        self._graphs = {what: self._captured(capture, what, batch) for what in self._pieces}

    def _kinds(self) -> Iterator[tuple[Kind, int]]:
        """The longest come first: the others find their memory in the pool."""
        yield from ((Kind.LATER, frames) for frames in reversed(self._lengths))
        yield from ((Kind.FIRST, frames) for frames in reversed(self._first_lengths))
        yield Kind.END, 0

    @torch.inference_mode()
    def _example(self, device: torch.device) -> VocoderState:
        """The state after the longest piece. Every other one that a graph leaves is like it."""
        mel = torch.zeros(1, self._vocoder.config.mel_bins, self._lengths[-1], device=device)
        return self._vocoder(mel, self._vocoder.init_state(0))[1]  # type: ignore[no-any-return]

    def _piece(self, kind: Kind, frames: int, batch: int, device: torch.device) -> _Piece:
        lag = {Kind.FIRST: -self._held_back, Kind.LATER: 0, Kind.END: self._held_back}[kind]
        mel = torch.zeros(batch, self._vocoder.config.mel_bins, frames, device=device)
        sums, wav = torch.zeros(batch, device=device), torch.zeros(batch, frames * self._hop + lag, device=device)
        return _Piece(mel, sums, wav, self._device.inbox(wav, sums))

    def _captured(self, capture: Capture, what: tuple[Kind, int], batch: int) -> Sized:
        piece = self._pieces[what]
        memory = (self._told.tensor, piece.mel, piece.sums, piece.wav, self._numbers, *self._state)
        return Sized(capture, partial(self._run, what[0]), [row_buckets(batch)], *memory)

    def __len__(self) -> int:
        return sum(map(len, self._graphs.values()))

    def is_silent(self, state: PlacedState | None, frames: int, *, final: bool) -> bool:
        """Whether a piece of so many frames waits for the next one."""
        return state is None and not final and 0 < frames < self._first_lengths[0]

    def covers(self, state: PlacedState | None, frames: int, rows: int) -> bool:
        """Whether `rows` windows of so many frames can be run; `state` is one of theirs, None before a first one."""
        can_begin = state is not None or frames >= self._first_lengths[0]
        return can_begin and frames % self._lengths[0] == 0 and self._places.free >= rows

    @torch.inference_mode()
    def run(
        self, mels: Sequence[Tensor], seeds: Sequence[int], states: Sequence[PlacedState | None], *, final: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], list[PlacedState | None]]:
        """Windows [1, F, T] of R utterances that `covers` allows -> samples [R, N], the sums of the mels [R], and the
        states that follow, none behind the final ones. `seeds` are the segments'."""
        count, host = len(mels), self._told.host
        places = self._places.take(count)
        following = [place.index for place in places]
        host[0, :count] = [noise.signed(seed) for seed in seeds]
        host[1:, count:] = self._places.nobody
        host[1, :count] = [following[row] if state is None else state.place.index for row, state in enumerate(states)]
        host[2, :count] = following
        wavs, sums, begin = [], [], 0
        for kind, frames in self._cut(mels[0].shape[2], states[0] is None, final):
            wav, total = self._launch((kind, frames), [mel[..., begin : begin + frames] for mel in mels])
            wavs.append(wav.copy())
            sums.append(total.copy())
            host[1, :count] = following
            begin += frames
        return np.concatenate(wavs, 1), np.sum(sums, 0), [None if final else PlacedState(place) for place in places]

    def eager(self, state: PlacedState) -> VocoderState:
        """The same state, for who launches its operations one by one. It waits for the device."""
        row = slice(state.place.index, state.place.index + 1)
        ((seed, frames),) = self._device.download(self._numbers[row])[0].tolist()
        return self._state_of((seed,), (frames,), [memory[row].clone() for memory in self._state])

    def _cut(self, frames: int, is_new: bool, final: bool) -> Iterator[tuple[Kind, int]]:
        kind = Kind.FIRST if is_new else Kind.LATER
        while frames:
            length = self._lengths[bisect_right(self._lengths, frames) - 1]
            yield kind, length
            kind, frames = Kind.LATER, frames - length
        if final:
            yield Kind.END, 0

    def _launch(self, what: tuple[Kind, int], mels: Sequence[Tensor]) -> list[NDArray[np.float32]]:
        """Samples and sums, good until the next such piece."""
        piece, count = self._pieces[what], len(mels)
        if mels[0].shape[2]:
            torch.cat(list(mels), out=piece.mel[:count])
        self._told.send()
        self._graphs[what].run(count)
        return piece.made.receive(count)

    @torch.inference_mode()
    def _run(
        self,
        kind: Kind,
        size: tuple[int],
        told: Tensor,
        mel: Tensor,
        sums: Tensor,
        wav: Tensor,
        numbers: Tensor,
        *kept: Tensor,
    ) -> None:
        """What is captured: nothing here may depend on a value that the host knows, except on `kind` and `size`."""
        (rows,) = size
        seeds, place, following = told[:, :rows].unbind()
        state = self._vocoder.init_state(seeds) if kind is Kind.FIRST else self._state_at(place, numbers, kept)
        made, after = self._vocoder(mel[:rows], state, final=kind is Kind.END)
        wav[:rows].copy_(made)
        sums[:rows].copy_(mel[:rows].sum((1, 2)))
        if kind is Kind.END:
            return
        if after.batch_key != self._key:
            raise ModelError(f"the vocoder's state after {mel.shape[2]} frames is not like that after more")
        numbers.index_copy_(0, following, torch.stack((after.seeds, after.frames), 1))
        for memory, new in zip(kept, (*after.packed.memory, after.phase, after.offsets), strict=True):
            memory.index_copy_(0, following, new)

    def _state_at(self, place: Tensor, numbers: Tensor, kept: Sequence[Tensor]) -> VocoderState:
        seeds, frames = numbers.index_select(0, place).unbind(1)
        return self._state_of(seeds, frames, [memory.index_select(0, place) for memory in kept])

    def _state_of(
        self, seeds: tuple[int, ...] | Tensor, frames: tuple[int, ...] | Tensor, kept: Sequence[Tensor]
    ) -> VocoderState:
        """Of rows of the standing tensors."""
        *tails, phase, offsets = kept
        return VocoderState(
            seeds=seeds,
            frames=frames,
            phase=phase,
            offsets=offsets,
            spectra=self._spectra,
            tails=PackedTails(tuple(tails), self._shapes),
        )
