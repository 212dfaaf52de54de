"""What a gateway tells Prometheus of its engines; asked at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from service.engines.pool import Pool


class PoolCollector:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        pool = self._pool
        yield CounterMetricFamily("gapless_engine_moves", "Utterances that another engine went on with.", pool.moves)
        losses = CounterMetricFamily("gapless_engine_losses", "Times that an engine was lost.", labels=["engine"])
        serves = GaugeMetricFamily("gapless_engine_serves", "1 while the engine takes utterances.", labels=["engine"])
        used = GaugeMetricFamily("gapless_engine_utterances", "Utterances that run on the engine.", labels=["engine"])
        places = GaugeMetricFamily("gapless_engine_places", "Utterances that may.", labels=["engine"])
        leads = GaugeMetricFamily(
            "gapless_engine_least_lead_seconds",
            "Audio that the listener with least of it has ahead, of those who are owed more.",
            labels=["engine"],
        )
        for address, engine in list(pool.engines.items()):
            losses.add_metric([address], engine.losses)
            serves.add_metric([address], int(engine.serves))
            used.add_metric([address], engine.stats.utterances)
            places.add_metric([address], engine.stats.places)
            if (lead_s := engine.stats.least_lead_s) is not None:
                leads.add_metric([address], lead_s)
        yield from (losses, serves, used, places, leads)
        yield from pool.way_s.collect()
