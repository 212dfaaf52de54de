"""Schedulers full of utterances in random states, to be asked what they would do next. No threads, no stages."""

from __future__ import annotations

import random
from dataclasses import dataclass

from engine.clock import now_ns
from engine.messages import Accepted, ChunkTimings, Utterance
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.ledger import Ledger, SegmentTokens
from engine.scheduling.running import RunningUtterance, VocoderJob
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.timing import Timing
from engine.scheduling.windows import LadderConfig, Window
from engine.text.origin import Origin
from engine.text.segmenter import Segmenter, SegmenterConfig, TextSegment
from engine.tracing import UtteranceTrace

LARGEST = 25  # tokens of a window
LOOKAHEAD = 3  # tokens
SAMPLES_PER_TOKEN, SAMPLE_RATE = 960, 24_000


@dataclass(frozen=True)
class Lead:
    """How long the listeners' audio lasts: between these, in seconds."""

    least_s: float
    most_s: float


CALM, MIXED, URGENT = Lead(1.0, 4.0), Lead(-0.2, 1.0), Lead(-0.1, 0.15)


def random_scheduler(number: int, lead: Lead, seed: int, *, speculate: bool = False, batch: int = 32) -> Scheduler:
    """`number` utterances, a tenth of which has not been heard yet; the machine's costs are random too."""
    chance = random.Random(seed)
    config = SchedulerConfig(
        max_utterances=number,
        ladder=LadderConfig(),
        by_deadline=True,
        speculate=speculate,
        max_batch=batch,
        timing=Timing(
            sample_rate=SAMPLE_RATE,
            samples_per_token=SAMPLES_PER_TOKEN,
            lookahead=LOOKAHEAD,
            largest=LARGEST,
            held_back_samples=1920,
            pause_samples=6000,
        ),
        ledger_tokens=84,
        channel_samples=4 * SAMPLE_RATE,
    )
    scheduler = Scheduler(config)
    _learn(scheduler, chance)
    for index in range(number):
        scheduler.add(_utterance(index, chance, lead, config.timing))
    return scheduler


def _learn(scheduler: Scheduler, chance: random.Random) -> None:
    """Costs from those of a large card to those of a busy processor."""
    fixed_s, token_s = 10 ** chance.uniform(-3, -1.5), 10 ** chance.uniform(-4, -2.7)
    for _ in range(20):
        tokens = chance.randrange(1, 2 * LARGEST)
        scheduler.estimates.flow_s.add(tokens, fixed_s + token_s * tokens)
        scheduler.estimates.vocoder_s.add(tokens, fixed_s / 2 + token_s * tokens / 2)
    scheduler.estimates.flow_batch.add(chance.uniform(1, 8))
    scheduler.estimates.vocoder_batch.add(chance.uniform(1, 8))
    scheduler.estimates.token_s.add(10 ** chance.uniform(-2.5, -1.3))


def _utterance(index: int, chance: random.Random, lead: Lead, timing: Timing) -> RunningUtterance:
    now = now_ns()
    running = RunningUtterance(
        request=Utterance(id=str(index)),
        accepted=Accepted(voice="v", language="en", seed=1, sampling={}, max_text_delay_s=0.05),
        sink=lambda event: None,
        trace=UtteranceTrace(""),
        segmenter=Segmenter(SegmenterConfig(), 50_000_000),
        ledger=Ledger(84),
        timing=timing,
        on_leave=lambda: None,
        voice=object(),
    )
    running.begun_ns = now - chance.randrange(NS_PER_S // 5)
    segment = _segment(chance, now)
    running.ledger.entries.append(segment)
    running.decoding = None if segment.closed else segment
    if chance.random() < 0.9:
        running.segment_windows = chance.randrange(4)
        running.samples_sent = chance.randrange(SAMPLE_RATE, 10 * SAMPLE_RATE)
        running.samples_released = max(0, running.samples_sent - chance.randrange(2 * SAMPLE_RATE))
        running.first_chunk_ns = running.starts_ns = now - NS_PER_S
        running.runs_out_ns = now + round(chance.uniform(lead.least_s, lead.most_s) * NS_PER_S)
        if chance.random() < 0.2:
            window = Window(n_new=chance.randrange(1, LARGEST), lookahead=LOOKAHEAD, final=False)
            running.mels.append(VocoderJob(running, segment, window, None, ChunkTimings(), ()))
    return running


def _segment(chance: random.Random, now: int) -> SegmentTokens:
    text = "x" * chance.randrange(5, 120)
    segment = SegmentTokens(
        index=0,
        text=TextSegment(text=text, origin=Origin.verbatim(0, len(text)), received_ns=now, cut_ns=now),
        spoken=text,
        t3_start_ns=now,
        prefill_end_ns=now,
    )
    segment.drawn = chance.randrange(100)
    for token in range(chance.randrange(60)):
        segment.append(token, now)
    segment.closed = chance.random() < 0.15
    return segment
