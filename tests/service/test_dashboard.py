"""deploy/: the dashboard asks for metrics that exist, and what is configured beside the service fits together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.observability.metrics import Metrics
from tests.fakes import ScriptedEngine

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "gapless.json").read_text())
METRIC = re.compile(r"\b(?:gapless|process)_\w+")


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node["expr"],) if "expr" in node else ()
        node = list(node.values())
    for part in node if isinstance(node, list) else ():
        yield from expressions(part)


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Of all samples that a scrape can hold."""
    metrics, engine = Metrics(), ScriptedEngine()
    metrics.watch(engine, engine.info(), "test")
    metrics.ended("OK", "COMPLETED")
    metrics.chunk(slack_s=None, text_to_write_s=0.1)
    return {sample.name for metric in metrics.registry.collect() for sample in metric.samples}


def test_every_metric_of_the_dashboard_exists(names: set[str]) -> None:
    used = {name for expression in expressions(DASHBOARD) for name in METRIC.findall(expression)}
    assert len(used) > 15
    assert used <= names


def test_every_metric_of_ours_is_on_the_dashboard(names: set[str]) -> None:
    used = {name for expression in expressions(DASHBOARD) for name in METRIC.findall(expression)}
    ours = {name for name in names if name.startswith("gapless_") and not name.endswith(("_created", "_sum", "_count"))}
    assert ours - used == {"gapless_info"}


def test_borders_that_the_dashboard_asks_for_are_borders_of_buckets() -> None:
    metrics = Metrics()
    asked = {le for text in expressions(DASHBOARD) for le in re.findall(r'slack_seconds_bucket\{le="([^"]+)"', text)}
    buckets = {
        sample.labels["le"]
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "gapless_chunk_slack_seconds_bucket"
    }
    assert asked
    assert asked <= buckets


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_our_metrics_follow_the_conventions(names: set[str]) -> None:
    """Base units, and a meaning for a person."""
    metrics, engine = Metrics(), ScriptedEngine()
    metrics.watch(engine, engine.info(), "test")
    for metric in metrics.registry.collect():
        assert metric.name.startswith(("gapless", "process_"))
        assert metric.documentation
        assert not re.search(r"_(ms|milliseconds|percent|mib|kb)\b", metric.name)
        if metric.type == "histogram":
            borders = [s.labels["le"] for s in metric.samples if s.name.endswith("_bucket")]
            assert borders[-1] == "+Inf"
            assert metric.name.endswith(("_seconds", "_ratio"))
