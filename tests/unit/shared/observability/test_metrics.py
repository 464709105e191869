"""Metrics: the described list and what is scraped are the same."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from shared.observability import metrics
from shared.observability.metrics import DESCRIBED, HTTP_REQUESTS, render

ROOT = Path(__file__).resolve().parents[4]


class TestList:
    def test_every_metric_has_a_sentence_and_one_place_when_listed(self) -> None:
        names = [metric.name for metric in DESCRIBED]
        assert len(names) == len(set(names))
        assert [metric.name for metric in DESCRIBED if not metric.help.endswith(".")] == []

    def test_every_metric_of_ours_is_in_the_list_when_scraped(self) -> None:
        HTTP_REQUESTS.labels("leads", "GET", "/v1/leads", "200").inc()
        text, kind = render()
        families = {family.name: family.type for family in text_string_to_metric_families(text.decode())}
        ours = {name for name in families if name.startswith("cox_")}
        assert ours == {metric.name.removesuffix("_total") for metric in DESCRIBED}
        assert kind.startswith("text/plain")

    def test_every_metric_of_the_list_is_told_by_some_code(self) -> None:
        source = "\n".join(
            path.read_text(encoding="utf-8")
            for folder in ("services", "shared")
            for path in (ROOT / folder).rglob("*.py")
            if path.name != "metrics.py"
        )
        names = [name for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)]
        assert len(names) == len(DESCRIBED)
        assert [
            name for name in names if not re.search(rf"\b{name}\.(labels|inc|dec|set|observe)\(", source)
        ] == []

    def test_a_histogram_offers_its_series_when_queried(self) -> None:
        latency = next(metric for metric in DESCRIBED if metric.name == "cox_event_latency_seconds")
        assert latency.series[0] == "cox_event_latency_seconds_bucket"
