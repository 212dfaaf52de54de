"""The scheduler and its workers over scripted stages, and who calls on them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.messages import Accepted, AudioChunk, EngineStats, Event, Failed, Finished, Resume, Utterance
from engine.pipeline.flow import FlowRunner
from engine.pipeline.t3 import T3Runner
from engine.pipeline.text import TextRunner
from engine.pipeline.vocoder import VocoderRunner
from engine.pipeline.worker import Runner, Worker
from engine.scheduling import running as changes
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.ledger import Ledger
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.timing import Timing
from engine.scheduling.wakeups import Stage
from engine.scheduling.windows import LadderConfig
from engine.text.markup import Style
from engine.text.segmenter import PLAIN, Segmenter, SegmenterConfig
from engine.tracing import UtteranceTrace
from tests.engine.scripted import SAMPLES_PER_TOKEN, TOKENS_PER_CHAR, ScriptedMel, ScriptedSound, ScriptedTokens

CONFIG = SchedulerConfig(
    max_utterances=4,
    ladder=LadderConfig(sizes=(3, 5)),
    timing=Timing(sample_rate=1000, samples_per_token=SAMPLES_PER_TOKEN, lookahead=2, largest=5),
    ledger_tokens=10,
    channel_samples=60,
)


NOTHING = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)


class Caller:
    """One utterance as the service would drive it; releases audio as it arrives unless told not to."""

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        reads: bool = True,
        style: Style = PLAIN,
        caller: str = "",
        resume: Resume | None = None,
        rate: float = 1.0,
    ) -> None:
        self.name, self.scheduler, self.reads = name, scheduler, reads
        self.arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.left = threading.Event()
        accepted = Accepted(voice="v", language="en", seed=1, sampling={}, max_text_delay_s=0.05)
        running = RunningUtterance(
            request=Utterance(id=name, caller=caller, seed=1, resume=resume, want_tokens=True, speaking_rate=rate),
            accepted=accepted,
            sink=self.arrived.put,
            trace=UtteranceTrace(""),
            segmenter=Segmenter(SegmenterConfig(), 50_000_000, style, resume.place if resume else None),
            ledger=Ledger(scheduler.config.ledger_tokens),
            timing=scheduler.config.timing.at(rate),
            on_leave=self.left.set,
            voice=object(),
        )
        self.scheduler.add(running)

    def update(self, change: Callable[..., None], *args: Any) -> None:
        self.scheduler.update(self.name, lambda running: change(running, *args), *Stage)

    def say(self, text: str) -> None:
        self.update(changes.push_text, text)
        self.update(changes.end_input)

    def next(self, timeout_s: float = 5) -> Event:
        event = self.arrived.get(timeout=timeout_s)
        if self.reads and isinstance(event, AudioChunk):
            self.scheduler.release(self.name, event.num_samples)
        return event

    def all(self) -> list[Event]:
        events = [self.next()]
        while not isinstance(events[-1], Finished | Failed):
            events.append(self.next())
        return events

    def wait_until(self, holds: Callable[[RunningUtterance], bool]) -> None:
        seen = threading.Event()
        until_s = time.monotonic() + 5
        while not seen.is_set():
            assert time.monotonic() < until_s
            self.scheduler.update(self.name, lambda running: seen.set() if holds(running) else None)
            time.sleep(0.002)

    def nothing_more(self, for_s: float = 0.05) -> bool:
        time.sleep(for_s)
        return self.arrived.empty()


class Pipeline:
    def __init__(
        self,
        tokens: ScriptedTokens,
        mel: ScriptedMel,
        config: SchedulerConfig = CONFIG,
        together: bool = False,
        sound: ScriptedSound | None = None,
    ) -> None:
        self.tokens, self.mel, self.sound = tokens, mel, sound or ScriptedSound()
        self.scheduler = Scheduler(config)
        t3, flow = T3Runner(self.scheduler, tokens), FlowRunner(self.scheduler, mel)
        vocoder, text = VocoderRunner(self.scheduler, self.sound), TextRunner(self.scheduler, tokens)
        arranged: dict[str, list[Runner]] = {"text": [text], "t3": [t3], "flow": [vocoder, flow]}
        if not together:
            arranged = {"text": [text], "t3": [t3], "flow": [flow], "vocoder": [vocoder]}
        loads = {"flow": self.scheduler.estimates.flow_load}
        self.workers = [
            Worker(name, self.scheduler, runners, nothing, loads.get(name)) for name, runners in arranged.items()
        ]
        for worker in self.workers:
            worker.start()

    def close(self) -> None:
        self.scheduler.close()
        for worker in self.workers:
            worker.join()

    def settles(self) -> bool:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if self.scheduler.stats() == NOTHING and self.tokens.held == 0:
                return True
            time.sleep(0.005)
        return False


def nothing() -> None:
    pass


def spoken(events: list[Event]) -> str:
    """The text that the audio stands for."""
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    samples = np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0)
    return "".join(chr(int(sample)) for sample in samples[:: SAMPLES_PER_TOKEN * TOKENS_PER_CHAR])
