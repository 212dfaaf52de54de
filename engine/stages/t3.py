"""Text -> speech tokens: T3, its cache and its sampler, for all running segments at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import thread_time

import numpy as np
import torch
from numpy.typing import NDArray

from engine.device.device import Device
from engine.device.graphs import Capture
from engine.errors import NotFinite
from engine.model import Model, ModelConfig
from engine.networks.t3.t3 import T3
from engine.sampling_params import SamplingParams
from engine.scheduling.jobs import SegmentJob
from engine.stages.sampling import Sampler
from engine.stages.sampling_graphs import SlotSampler
from engine.stages.step_graphs import StepGraphs
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.words import WrittenWord

FRAMING = 2  # T3's start and stop around the text
FIRST_FEED = 16  # positions of a text that are run at once beside other rows, until it is known what they cost
SHORT_S = 0.01  # of work: a feed may take so long where a step is shorter still, since each has a cost of its own
WORTH_A_MOVE = 2  # times as many slots would be computed: then rows move, which costs as much as some slots of a step


@dataclass(eq=False)
class Row:
    """One segment in T3."""

    params: SamplingParams
    key: tuple[int, int]  # (seed, segment)
    max_tokens: int
    slots: list[int]  # of the cache: with text and, where guidance acts, without
    to_feed: torch.Tensor  # [1 or 2, N, C] what is left of the conditioned text
    logits: torch.Tensor | None = None  # [1 or 2, V] behind its text, until its first token is drawn
    given: tuple[int, ...] = ()  # that it says first, whatever is drawn
    tokens: list[int] = field(default_factory=list)
    warning: str = ""
    aligned: bool = False  # its attention over the text is wanted
    attention: NDArray[np.float32] | None = None  # [N] of the last token over the framed text, where it is known


def positions(config: ModelConfig) -> int:
    """Positions that the longest segment takes: conditioning, text, speech."""
    t3, text = config.t3, config.text
    return t3.prefix_len + FRAMING + text.max_text_tokens + t3.start_count + text.max_tokens


class T3Stage:
    """Owns the cache of T3, allocated once, so that memory is bounded at start. Slots in use are the first ones.

    All rows step together: a step costs less than its rows one by one. A row that stands still is computed and not
    advanced, so that nobody is copied; unless on a CPU, whose step costs much less for few rows, most of them stand
    still: then those that step get the first slots. `fixed_batch` steps all slots, used or not, and makes a row's
    numbers independent of how many others there are."""

    def __init__(
        self, model: Model, max_rows: int, *, fixed_batch: bool = False, capture: Capture | None = None
    ) -> None:
        """`capture`: what makes graphs of a step; None: its operations are launched one by one."""
        self._model = model
        self._t3 = model.t3
        self._device = Device.of(model.device)
        self._cache = model.t3.init_cache(max_rows * (2 if model.t3.config.guidance else 1), positions(model.config))
        sampler = Sampler(model.t3.config, model.device)
        self._steps: T3 | StepGraphs = model.t3
        self._sampler: Sampler | SlotSampler = sampler
        self._speaking: StepGraphs | None = None  # steps that draw their tokens as well
        if capture is not None:
            slots = self._sampler = SlotSampler(sampler, model.config, self._cache.rows, capture)
            joins = not capture.any_shape  # where launches cost more than graphs
            graphs = StepGraphs(model.t3, self._cache, capture, one_shape=fixed_batch, sampler=slots if joins else None)
            self._steps, self._speaking = graphs, graphs if joins else None
        self._owners: list[Row] = []  # of each slot in use
        self._fixed_batch = fixed_batch
        self._few_cost_less = self._device.is_cpu
        self._feed = FIRST_FEED  # positions that take about as long as a step
        self._step_s = 0.0  # of this thread's work: what it waited for others does not count

    def speakable(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        return self._model.text.pieces(text, language, pronunciations)

    def words(self, text: str, language: str, pronunciations: Pronunciations = NONE) -> list[tuple[WrittenWord, ...]]:
        shift = 0 if self._t3.config.start_text is None else 1
        pieces = self._model.text.words(text, language, pronunciations)
        return [tuple(replace(w, begin=w.begin + shift, end=w.end + shift) for w in words) for words in pieces]

    def begin(self, job: SegmentJob) -> Row:
        params = self._model.sampling(job.sampling)
        ids = self._model.text.encode(job.text, job.language)
        text = self._device.upload(self._t3.frame_text(torch.tensor([ids])))
        guided = self._t3.config.guidance and params.cfg_weight > 0
        slots = [len(self._owners) + part for part in range(2 if guided else 1)]
        x = self._t3.begin(job.voice.t3, text, self._cache, slots[0], guided=guided, emotion=params.exaggeration)
        guard = self._model.config.text
        budget = min(guard.base_tokens + round(guard.tokens_per_text_token * len(ids)), guard.max_tokens)
        key = (job.seed, job.segment)
        row = Row(
            params=params, key=key, max_tokens=budget, slots=slots, to_feed=x, aligned=job.aligned, given=job.tokens
        )
        self._owners += [row] * len(slots)
        return row

    def feed(self, row: Row) -> bool:
        """Alone on the machine a text is run at once, and on a GPU, where a short one costs no less; beside others in
        pieces that cost about as much as a step. Raises NotFinite."""
        alone = len(self._owners) == len(row.slots)
        count = row.to_feed.shape[1] if alone or not self._device.is_cpu else self._feed
        started_s = thread_time()
        logits = self._t3.feed(row.to_feed[:, :count], self._cache, row.slots)
        if not alone and self._step_s:
            longer = thread_time() - started_s < max(self._step_s, SHORT_S)
            self._feed = max(FIRST_FEED, 2 * self._feed if longer else self._feed // 2)
        row.to_feed = row.to_feed[:, count:]
        row.logits = logits
        if row.to_feed.shape[1]:
            return False
        (total,) = self._device.download(logits.float().sum())
        if not math.isfinite(total):
            raise NotFinite("T3's output")
        return True

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> list[int | None]:
        running = [row for row in rows if not self._is_over(row)]
        stale = [row for row in running if row.tokens]
        count = self._slots_of(running)
        if stale and self._speaking is not None:
            tokens = self._speak(self._speaking, running, stale, count)
        elif running:
            tokens = self._draw(running, self._run(stale, count) if stale else None)
        else:
            tokens = []
        drawn = self._taken(running, tokens)
        return [drawn.get(row) for row in rows]

    def release(self, row: Row) -> None:
        """The last slots take the place of those that become free, so that those in use stay the first ones."""
        for slot in sorted(row.slots, reverse=True):
            last = len(self._owners) - 1
            owner = self._owners[last]
            if slot != last:
                self._cache.move(last, slot)
                self._owners[slot] = owner
                owner.slots[owner.slots.index(last)] = slot
                self._sampler.forget(owner)
            else:
                self._cache.clear(slot)
            self._owners.pop()

    def _slots_of(self, rows: Sequence[Row]) -> int:
        """How many of the first slots a step of `rows` computes; these get the first ones, where they are so few that
        the others had better not be computed."""
        if self._fixed_batch:
            return self._cache.rows
        if not self._few_cost_less or not rows:
            return len(self._owners)
        slots = sorted(slot for row in rows for slot in row.slots)
        count, reach = len(slots), slots[-1] + 1
        if WORTH_A_MOVE * count > reach:
            return reach
        free = sorted(set(range(count)).difference(slots))
        for slot, other in zip(slots[count - len(free) :], free, strict=True):
            self._swap(slot, other)
        return count

    def _swap(self, slot: int, other: int) -> None:
        self._cache.swap(slot, other)
        owners = self._owners
        for place, to in ((slot, other), (other, slot)):
            slots = owners[place].slots
            slots[slots.index(place)] = to
        owners[slot], owners[other] = owners[other], owners[slot]
        for row in (owners[slot], owners[other]):
            self._sampler.forget(row)

    def _is_over(self, row: Row) -> bool:
        if len(row.tokens) < row.max_tokens:
            return False
        row.warning = f"speech was cut after {len(row.tokens)} tokens: more than the text can need"
        return True

    def _run(self, rows: Sequence[Row], count: int) -> torch.Tensor:
        """Runs the last token of `rows` through T3; all others of the first `count` slots stand still. Returns logits
        [count, V]."""
        started_s = thread_time()
        tokens, still = self._last_tokens(rows, count)
        logits = self._advance(tokens, [row for row in rows if row.aligned])
        self._cache.take_back(still)
        self._step_s = thread_time() - started_s
        return logits

    def _speak(self, steps: StepGraphs, running: Sequence[Row], stale: Sequence[Row], count: int) -> list[int]:
        """Runs the last token of the `stale` rows through T3, and draws the next one of all that are `running`."""
        started_s = thread_time()
        tokens, still = self._last_tokens(stale, count)
        aligned = [row for row in stale if row.aligned]
        drawn, attention = steps.speak(
            tokens, self._cache, running, self._fresh(running), [row.slots[0] for row in aligned]
        )
        for row, over_text in zip(aligned, attention, strict=True):
            row.attention = over_text
        self._cache.take_back(still)
        self._step_s = thread_time() - started_s
        return drawn

    @staticmethod
    def _last_tokens(rows: Sequence[Row], count: int) -> tuple[list[int], list[int]]:
        """The last token of `rows` in their slots, any token in the others of the first `count`; and those others,
        which stand still."""
        tokens, still = [0] * count, set(range(count))
        for row in rows:
            for slot in row.slots:
                tokens[slot] = row.tokens[-1]
                still.remove(slot)
        return tokens, sorted(still)

    @staticmethod
    def _fresh(rows: Sequence[Row]) -> dict[int, torch.Tensor]:
        """The logits [V] behind their texts of rows that are new, by slot. Each is asked for once."""
        found: dict[int, torch.Tensor] = {}
        for row in rows:
            if row.logits is not None:
                found |= dict(zip(row.slots, row.logits, strict=True))
                row.logits = None
        return found

    def _advance(self, tokens: list[int], aligned: Sequence[Row]) -> torch.Tensor:
        """Returns logits of a step of all slots; `aligned` rows learn which text the coming token speaks."""
        if not aligned:
            return self._steps.step(tokens, self._cache)
        logits, attention = self._steps.step_aligned(tokens, self._cache, [row.slots[0] for row in aligned])
        for row, over_text in zip(aligned, attention, strict=True):
            row.attention = over_text
        return logits

    def _draw(self, rows: Sequence[Row], logits: torch.Tensor | None) -> list[int]:
        """Draws the next token of each row that goes on, from the logits of a step or, at first, of its text."""
        for slot, own in self._fresh(rows).items():
            if logits is None:
                logits = own.new_empty(1 + max(slot for row in rows for slot in row.slots), len(own))
            logits[slot] = own
        assert logits is not None
        return self._sampler.draw(logits, rows)

    def _taken(self, rows: Sequence[Row], tokens: Sequence[int]) -> dict[Row, int]:
        """The tokens of the rows that go on."""
        drawn = {}
        for row, token in zip(rows, tokens, strict=True):
            said = len(row.tokens)
            if said < len(row.given) and token != row.given[said]:
                token = row.given[said]
                self._sampler.forget(row)
            if token != self._t3.config.stop_speech:
                drawn[row] = token
                row.tokens.append(token)
        return drawn
