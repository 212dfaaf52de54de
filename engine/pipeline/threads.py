"""Which threads do the work of the stages, and how many cores each of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from engine.device import cores
from engine.device.device import Device, Lane
from engine.model import Model
from engine.networks.linears import count_weights
from engine.options import EngineOptions
from engine.pipeline.flow import FlowRunner
from engine.pipeline.t3 import T3Runner
from engine.pipeline.text import TextRunner
from engine.pipeline.vocoder import VocoderRunner
from engine.pipeline.worker import Runner, Worker, Workers
from engine.scheduling.estimates import Load
from engine.scheduling.jobs import Stages
from engine.scheduling.scheduler import Scheduler

SMALL_PARAMETERS = 20_000_000  # of the flow


class StageThreads:
    """Small networks are fastest on one thread each; T3 and the flow of large ones share the cores."""

    def __init__(self, model: Model, options: EngineOptions, device: Device) -> None:
        self.is_small = count_weights(model.flow) < SMALL_PARAMETERS
        self._cores = options.threads or (1 if self.is_small else max(1, cores.count() // 2))
        self._options = options
        self._device = device

    def workers(self, scheduler: Scheduler, stages: Stages) -> Workers:
        """One thread for each stage. The calls of small networks are so short that threads mostly wait for Python's
        lock: flow and vocoder of such a model are faster one after the other than side by side."""
        t3, flow = T3Runner(scheduler, stages.tokens), FlowRunner(scheduler, stages.mel)
        vocoder, load = VocoderRunner(scheduler, stages.sound), scheduler.estimates.flow_load
        workers = [
            Worker("text", scheduler, [TextRunner(scheduler, stages.tokens)], self.pin, is_light=True),
            self._worker("t3", scheduler, [t3], Lane.T3),
            self._worker("flow", scheduler, [vocoder, flow] if self.is_small else [flow], Lane.FLOW, load),
        ]
        if not self.is_small:
            workers.append(self._worker("vocoder", scheduler, [vocoder], Lane.VOCODER))
        return Workers(workers, self._all_cores())

    def _worker(
        self, name: str, scheduler: Scheduler, runners: Sequence[Runner], lane: Lane, load: Load | None = None
    ) -> Worker:
        return Worker(name, scheduler, runners, partial(self._start, lane), load, turn=self._device.turn)

    def pin(self) -> None:
        """Gives the calling thread its own number of cores: the stages must not fight for them."""
        cores.pin(self._cores)

    def start_voices(self) -> None:
        """Makes the calling thread the one that prepares voices."""
        self._start(Lane.VOICES)

    def _start(self, lane: Lane) -> None:
        self.pin()
        self._device.take_stream(lane)

    def _all_cores(self) -> Executor | None:
        """For a worker that works alone. Not where the workers have teams of their own; nor for small networks, whose
        calls are too short to be shared; nor where the load must not be heard in the last bit."""
        given, fixed = self._options.threads is not None, self._options.deterministic
        if given or fixed or self._cores > 1 or self.is_small or not self._device.is_cpu:
            return None
        return cores.everything()
