"""What the server tells Prometheus: sessions and the loop's probe report here; the engine is asked at each scrape.

Names begin with `gapless_`, units are seconds and bytes. Every server has a registry of its own. docs/metrics.md
explains each metric; the buckets are chosen where a decision changes, as their comments say.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, start_wsgi_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.messages import EngineInfo, EngineStats, Usage, VoiceInfo

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

_NS_PER_S = 1_000_000_000

# From a GPU alone (some tens of ms) to a server that nobody wants to wait for; densest where a conversation feels
# prompt or not, 0.1 to 0.7 s.
_TTFA_S = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
# Below 1 speech is made faster than it is heard; 1 / RTF is how many such utterances a server could make in turn.
_RTF = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
# At 0 a chunk is just in time; gaps of 50 and 100 ms are those that C50 and C100 count, 10 s is the usual max_lead.
_SLACK_S = (-5.0, -2.0, -1.0, -0.5, -0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# A loop that is well answers within 1 ms; 5 ms is worth telling, 100 ms can be heard.
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_ENDS = (("OK", "COMPLETED"), ("OK", "STOPPED"), ("CANCELLED", ""), ("RESOURCE_EXHAUSTED", "OVERLOADED"))


class Watched(Protocol):
    """What is asked at each scrape, on a thread of the exposition's."""

    def stats(self) -> EngineStats: ...

    def voices(self) -> Sequence[VoiceInfo]: ...


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._utterances = Counter(
            "gapless_utterances",
            "Synthesize calls that have ended, by gRPC code and reason (of ErrorInfo, or why speech ended).",
            ("code", "reason"),
            registry=registry,
        )
        for code, reason in _ENDS:  # a rate needs a zero to begin with
            self._utterances.labels(code, reason)
        self._ttfa = Histogram(
            "gapless_time_to_first_audio_seconds",
            "From the text that completed the first segment to the first chunk being handed to gRPC.",
            buckets=_TTFA_S,
            registry=registry,
        )
        self._rtf = Histogram(
            "gapless_real_time_factor_ratio",
            "Work of all stages for an utterance that was spoken to its end, in seconds per second of audio.",
            buckets=_RTF,
            registry=registry,
        )
        self._slack = Histogram(
            "gapless_chunk_slack_seconds",
            "How long before its turn a chunk was handed to gRPC, all but first chunks; negative: late.",
            buckets=_SLACK_S,
            registry=registry,
        )
        self._loop_lag = Histogram(
            "gapless_event_loop_lag_seconds",
            "How late the event loop ran the probe, every 10 ms while utterances run.",
            buckets=_LAG_S,
            registry=registry,
        )
        self._serving = Gauge("gapless_serving", "1 while health says SERVING.", registry=registry)

    def serving(self, serves: bool) -> None:
        self._serving.set(serves)

    def ended(self, code: str, reason: str) -> None:
        self._utterances.labels(code, reason).inc()

    def chunk(self, *, slack_s: float | None, text_to_write_s: float) -> None:
        """A chunk was sent. `slack_s`: None for an utterance's first one."""
        if slack_s is None:
            self._ttfa.observe(text_to_write_s)
        else:
            self._slack.observe(slack_s)

    def spoken(self, usage: Usage, sample_rate: int) -> None:
        """An utterance was spoken to its end."""
        if usage.samples:
            self._rtf.observe((usage.t3_ns + usage.flow_ns) / _NS_PER_S * sample_rate / usage.samples)

    def loop_lag(self, seconds: float) -> None:
        self._loop_lag.observe(seconds)

    def watch(self, engine: Watched, info: EngineInfo, version: str) -> None:
        """Asks this engine at every scrape."""
        about = Info("gapless", "What is served.", registry=self.registry)
        about.info({"version": version, "model": info.model, "variant": info.variant, "device": info.device})
        self.registry.register(_EngineCollector(engine, info))


class _EngineCollector:
    """The engine's own counts, read when somebody asks: nothing is kept twice."""

    def __init__(self, engine: Watched, info: EngineInfo) -> None:
        self._engine = engine
        self._info = info

    def collect(self) -> Iterator[Metric]:
        info, stats = self._info, self._engine.stats()
        done, rate = stats.done, info.sample_rate
        for name, meaning, value in (
            ("utterances_active", "Utterances that run.", stats.utterances),
            ("utterances_limit", "Utterances that may run at once, now.", stats.places),
            ("slots_in_use", "Utterances that T3 works on.", stats.slots_in_use),
            ("tokens_waiting", "Speech tokens drawn and not yet spoken.", stats.tokens_waiting),
            ("audio_waiting_seconds", "Audio that waits for its listeners.", stats.samples_unreleased / rate),
            ("utterance_memory_bytes", "What one utterance holds at most.", info.utterance_bytes),
            ("admitted_memory_bytes", "What those that run may hold.", stats.utterances * info.utterance_bytes),
            ("memory_limit_bytes", "What all utterances may hold together.", info.utterance_memory_bytes),
            ("voices_memory_bytes", "Prepared voices.", sum(one.bytes_held for one in self._engine.voices())),
            ("device_memory_bytes", "Memory of the GPU in this process's hands; 0 on a CPU.", stats.device_bytes),
        ):
            yield GaugeMetricFamily(f"gapless_{name}", meaning, value)
        for name, meaning, total in (
            ("limit_rises", "Times that more utterances were let in at once.", stats.places_risen),
            ("limit_falls", "Times that fewer were.", stats.places_fallen),
            ("input_characters", "Characters of text that came.", done.input_characters),
            ("speech_tokens", "Speech tokens drawn.", done.speech_tokens),
            ("audio_seconds", "Audio made.", done.samples / rate),
            ("windows", "Windows of the flow that were committed.", done.windows),
            ("windows_discarded", "Speculative windows that came to nothing.", done.windows_discarded),
            ("t3_busy_seconds", "Work of T3.", done.t3_ns / _NS_PER_S),
            ("flow_busy_seconds", "Work of the flow.", (done.flow_ns - done.vocoder_ns) / _NS_PER_S),
            ("vocoder_busy_seconds", "Work of the vocoder.", done.vocoder_ns / _NS_PER_S),
        ):
            yield CounterMetricFamily(f"gapless_{name}", meaning, total)


class Exposition:
    """`registry` over HTTP at /metrics, from threads of its own. Raises OSError where it cannot listen."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        server: WSGIServer
        thread: threading.Thread
        server, thread = start_wsgi_server(port, host, registry)
        thread.name = "metrics"
        self._server, self._thread = server, thread
        self.port = server.server_port

    def close(self) -> None:
        """Returns when the port is free again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
