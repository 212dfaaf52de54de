"""Windows of the flow as graphs: tokens of B utterances in, their mel out, launched as one.

For flows of the windowed form, which remember tokens and mel, and nothing of their layers. There is one graph for each
of

    rows    1, 2, 4, 8 ... windows at once: those beyond the ones asked for are computed and not kept
    tokens  16, 32 ... that a window has room for: the prompt's rest, its history, its own and the lookahead

and within that room all windows are alike, whatever their voices and lengths: padding is masked. The state of a segment
lies in preallocated tensors, in a place of its own; the next state gets another place, so the given state stays
unchanged. The mel has a place too, taken for as long as somebody holds the mel. Noise is addressed, so it is drawn anew
and not kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import torch
from torch import Tensor

from engine.device.device import Device
from engine.device.graphs import Capture, Sized, row_buckets
from engine.device.places import Place, Places
from engine.networks import noise
from engine.networks.flow.attention import Extent
from engine.networks.flow.flow import Flow
from engine.networks.flow.state import Context, FlowPrompt, FlowState
from engine.stages.flow_prompts import FlowPrompts

IN_PLACE = 4  # windows at once from which on prompts are not copied: docs/gpu.md counts what either way costs
MELS = 2  # that have a place, for each state that has one: of a window that was just made, and of one before it
TOKENS = 16  # a bucket of tokens that a window has room for; kernels of attention read masks by 16 positions


class _Told(IntEnum):
    """What a row of a launch is told, before its tokens."""

    KEY = 0  # of its noise
    POSITION = 1  # tokens committed
    HISTORY = 2  # tokens that are run again
    NEW = 3  # tokens that are spoken,
    KNOWN = 4  # and with the lookahead
    FROM = 5  # the place of its state
    TO = 6  # and of the one that follows
    VOICE = 7  # the place of its prompt
    VOICE_KEY = 8  # of its prompt's noise
    BLOCK = 9  # the prompt's prepared tokens,
    REST = 10  # and the others
    MEL = 11  # where what is made goes


@dataclass(frozen=True)
class PlacedFlow:
    """One segment, after some windows, whose memory lies in a place of the standing tensors."""

    prompt: FlowPrompt
    seed: int
    position: int = 0  # tokens committed
    place: Place | None = None  # None: it has had no window


class FlowGraphs:
    """Owns the tensors that its graphs read from and write to."""

    def __init__(
        self, flow: Flow, capture: Capture, prompts: FlowPrompts, *, places: int, batch: int, most: int
    ) -> None:
        """For so many places, `batch` windows at once, and windows of at most `most` tokens, with lookahead."""
        self._flow, self._prompts = flow, prompts
        like = prompts.speaker
        self._device = Device.of(like.device)
        self._in_place = self._device.attends_in_place
        self._history, self._most, bins = flow.config.history_tokens, most, flow.config.mel_bins
        self._places = Places(places)
        self._rooms = list(range(TOKENS, flow.lookahead + self._history + most + TOKENS, TOKENS))
        self._told = self._device.exchange(len(_Told) + most, batch)
        self._tokens = torch.zeros(len(self._places), self._history, dtype=torch.int64, device=like.device)
        self._mel = torch.zeros(len(self._places), flow.ratio * self._history, bins, device=like.device)
        self._mels = Places(MELS * places)
        self._made = torch.zeros(self._mels.nobody + batch, bins, flow.ratio * most, device=like.device)
        self._shifts = flow.shifts(like[:1])
        memory = (self._told.tensor, self._tokens, self._mel, self._made)
        self._graphs = Sized(capture, self._run, [row_buckets(batch), self._rooms], *memory)

    def __len__(self) -> int:
        return len(self._graphs)

    def settle(self, prompt: FlowPrompt) -> FlowPrompt:
        """The prompt in the tensors that the graphs read, if there is room: what segments begin from."""
        return self._prompts.settle(prompt)

    def covers(self, state: PlacedFlow, tokens: int, rows: int = 1) -> bool:
        """Whether `rows` windows like that of `state`, of so many tokens with lookahead, can be run."""
        return state.prompt.place is not None and tokens <= self._most and self._places.free >= rows

    def alike(self, state: PlacedFlow, tokens: int) -> Hashable:
        """Windows for which this is equal may be run together."""
        wanted = state.prompt.n_rest + self._history_of(state) + tokens
        return PlacedFlow, self._rooms[bisect_left(self._rooms, wanted)]

    @torch.inference_mode()
    def run(
        self, tokens: Sequence[Sequence[int]], n_new: Sequence[int], states: Sequence[PlacedFlow]
    ) -> list[tuple[Tensor, PlacedFlow]]:
        """Windows that `covers` and `alike` allow: each one's tokens and how many of them are spoken, the others being
        lookahead -> mel [1, F, 2 * n_new] and the state that follows."""
        count, places = len(states), self._places.take(len(states))
        host = self._told.host
        host[[_Told.FROM, _Told.TO], count:] = self._places.nobody
        host[_Told.VOICE, count:] = self._prompts.places.nobody
        for row, (own, new, state, place) in enumerate(zip(tokens, n_new, states, places, strict=True)):
            assert state.prompt.place is not None
            host[: _Told.MEL, row] = (
                noise.signed(noise.fold(state.seed, noise.Stream.FLOW)),
                state.position,
                self._history_of(state),
                new,
                len(own),
                self._places.nobody if state.place is None else state.place.index,
                place.index,
                state.prompt.place.index,
                noise.signed(noise.fold(state.prompt.seed, noise.Stream.PROMPT)),
                state.prompt.block,
                state.prompt.n_rest,
            )
            host[len(_Told) : len(_Told) + len(own), row] = own
        longest = max(s.prompt.n_rest + self._history_of(s) + len(own) for s, own in zip(states, tokens, strict=True))
        mels = self._mels.take(count) if self._mels.free >= count else []
        host[_Told.MEL] = range(self._mels.nobody, len(self._made))
        host[_Told.MEL, : len(mels)] = [place.index for place in mels]
        self._told.send()
        self._graphs.run(count, longest)
        return [
            (mel, replace(state, position=state.position + new, place=place))
            for mel, new, state, place in zip(self._spoken(mels, n_new), n_new, states, places, strict=True)
        ]

    def _spoken(self, places: Sequence[Place], n_new: Sequence[int]) -> list[Tensor]:
        """[1, F, 2 * n_new] of each row. Without places, of a copy: the next window writes where this one did."""
        if places:
            made = [self._made[place.index] for place in places]
        else:
            made = list(self._made[self._mels.nobody :][: len(n_new)].clone())
        mels = [mel[None, :, : self._flow.ratio * new] for mel, new in zip(made, n_new, strict=True)]
        for mel, place in zip(mels, places, strict=False):
            mel.place = place  # type: ignore[attr-defined]  # as long as somebody holds this tensor
        return mels

    def eager(self, state: PlacedFlow) -> FlowState:
        """The same state, for who launches its operations one by one."""
        flow, prompt, count = self._flow, state.prompt, self._history_of(state)
        begun = flow.init_state(prompt, state.seed)
        if state.place is None:
            return begun
        at, frames = state.place.index, flow.ratio * count
        values = flow.own_noise([replace(begun, position=state.position - count)], count, self._mel.device)
        spoken = Context(self._tokens[None, at, :count], values, self._mel[None, at, :frames])
        return replace(begun, position=state.position, context=begun.context.then(spoken))

    def _history_of(self, state: PlacedFlow) -> int:
        return min(state.position, self._history)

    @torch.inference_mode()
    def _run(self, size: tuple[int, int], told: Tensor, tokens: Tensor, mel: Tensor, made: Tensor) -> None:
        """What is captured: nothing here may depend on a value that the host knows, except on `size`."""
        rows, room = size
        flow, ratio, prompts = self._flow, self._flow.ratio, self._prompts
        numbers, own = told[: len(_Told), :rows, None], told[len(_Told) :, :rows].T
        history, new, known, rest = (numbers[name] for name in (_Told.HISTORY, _Told.NEW, _Told.KNOWN, _Told.REST))
        voice, source = told[_Told.VOICE, :rows], told[_Told.FROM, :rows]
        again = rest + history  # tokens [B, 1] in front of the new ones
        line = _Line(rest, again, prompts.lookahead, self._history)
        run = line.of(1, room, prompts.rest.index_select(0, voice), tokens.index_select(0, source), own)
        silence = mel.new_zeros(rows, 1, mel.shape[2])
        heard = line.of(
            ratio, ratio * room, prompts.rest_mel.index_select(0, voice), mel.index_select(0, source), silence
        )
        extent = Extent(numbers[_Told.BLOCK, :, 0], (again + new)[:, 0], (again + known)[:, 0])
        speaker = prompts.speaker.index_select(0, voice)
        memory = prompts.memory(voice, in_place=self._in_place and rows >= IN_PLACE)
        x = self._noise(numbers, ratio * room)
        x = flow.on_grid(run, x, heard, speaker, self._shifts, memory, extent)
        spoken = flow.spectrogram(_part(x, ratio * again, made.shape[2]))
        made.index_copy_(0, told[_Told.MEL, :rows], spoken)
        # What the next window runs again: the last of the history and of the new tokens.
        to, kept = told[_Told.TO, :rows], (history + new).clamp(max=self._history)
        behind = again + new - kept
        tokens.index_copy_(0, to, _part(run, behind, self._history))
        frame = torch.arange(ratio * room, device=x.device)[None, :, None]
        whole = torch.where(frame < ratio * again[..., None], heard, x)
        mel.index_copy_(0, to, _part(whole, ratio * behind, ratio * self._history))

    def _noise(self, numbers: Tensor, frames: int) -> Tensor:
        """[B, frames, F]: the prompt's in front, then the segment's own, from the first token that is run again."""
        ratio, bins = self._flow.ratio, self._flow.config.mel_bins
        frame, rest = torch.arange(frames, device=numbers.device), ratio * numbers[_Told.REST]
        is_prompt = frame < rest
        keys = torch.where(is_prompt, numbers[_Told.VOICE_KEY], numbers[_Told.KEY])
        first = ratio * (numbers[_Told.POSITION] - numbers[_Told.HISTORY]) - rest
        starts = frame + torch.where(is_prompt, ratio * numbers[_Told.BLOCK], first)
        values = noise.normal(keys.flatten(), starts.flatten() * bins, bins, numbers.device)
        return self._flow.config.temperature * values.view(len(rest), frames, bins)


@dataclass(frozen=True)
class _Line:
    """What a window runs, one behind the other: the prompt's rest, its history, its own; each has had room for more."""

    rest: Tensor  # [B, 1] tokens
    again: Tensor  # [B, 1] tokens, with the history
    rest_room: int
    history_room: int

    def of(self, ratio: int, length: int, *parts: Tensor) -> Tensor:
        """[B, length, ...] of the three parts, at `ratio` positions per token. Of the last one's end there is more."""
        position = torch.arange(length, device=self.rest.device)
        rest, again = ratio * self.rest, ratio * self.again
        in_history = position - rest + ratio * self.rest_room
        in_own = position - again + ratio * (self.rest_room + self.history_room)
        place = torch.where(position < rest, position, torch.where(position < again, in_history, in_own))
        return _gathered(torch.cat(parts, 1), place)


def _part(x: Tensor, begin: Tensor, length: int) -> Tensor:
    """[B, T, ...] -> [B, length, ...] from each row's own place [B, 1] on."""
    return _gathered(x, begin + torch.arange(length, device=x.device))


def _gathered(x: Tensor, place: Tensor) -> Tensor:
    """[B, T, ...] at the places [B, N]; beyond the end it is the last one."""
    place = place.clamp(max=x.shape[1] - 1)
    return x.gather(1, place if x.dim() == 2 else place[..., None].expand(-1, -1, x.shape[2]))
