"""Dashboard and alerts: every query names metrics and labels of the described list."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import run
from deploy.local.topology import SERVICES
from shared.observability.metrics import DESCRIBED

ROOT = Path(__file__).resolve().parents[3]
LABELS = {series: set(metric.labels) for metric in DESCRIBED for series in metric.series}
# Told by Prometheus' own client and by the scrape itself.
GIVEN = {"process_resident_memory_bytes": {"process"}}
EVERYWHERE = {"le", "process", "instance", "job"}

DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/coxswain.json").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
PROMETHEUS = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())

PANEL_QUERIES = [
    (panel["title"], target["expr"], target["legendFormat"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
]
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def series_of(query: str) -> set[str]:
    """The names of series in a query, its functions, words, labels and strings left out."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|by \([^)]*\)', " ", query)
    return set(re.findall(r"\b[a-z][a-z0-9]*_[a-z0-9_]+\b", bare)) - {"histogram_quantile"}


def labels_of(query: str) -> set[str]:
    grouped = [label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")]
    chosen = re.findall(r"(\w+)=~?\"", query)
    return {*grouped, *chosen}


def complaints(query: str) -> list[str]:
    found = series_of(query)
    known = LABELS | GIVEN
    wrong = [f"no metric {name}" for name in sorted(found - set(known))]
    allowed = EVERYWHERE.union(*(known[name] for name in found if name in known))
    return wrong + [f"no label {label}" for label in sorted(labels_of(query) - allowed)]


class TestDashboard:
    @pytest.mark.parametrize(("title", "query", "legend"), PANEL_QUERIES)
    def test_the_query_names_what_is_in_the_list(self, title: str, query: str, legend: str) -> None:
        assert series_of(query)
        assert complaints(query) == []
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels_of(query)

    def test_every_metric_of_the_list_is_shown(self) -> None:
        shown = {name for _, query, _ in PANEL_QUERIES for name in series_of(query)}
        hidden = {metric.name for metric in DESCRIBED if not shown & set(metric.series)}
        assert hidden == {"cox_position_waits_total"}

    def test_panels_have_ids_of_their_own(self) -> None:
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        assert len(ids) == len(set(ids))


class TestComplaints:
    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("sum(rate(cox_http_requests[1m]))", ["no metric cox_http_requests"]),
            ("sum by (service) (cox_dead_letters)", ["no label service"]),
            ('sum(cox_dead_letters{topic="x"})', ["no label topic"]),
            (
                "histogram_quantile(0.5, sum by (le) (rate(cox_event_latency_seconds[5m])))",
                ["no metric cox_event_latency_seconds"],
            ),
        ],
    )
    def test_names_what_is_wrong_when_the_list_does_not_have_it(self, query: str, said: list[str]) -> None:
        assert complaints(query) == said


class TestAlerts:
    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
    def test_the_expression_names_what_is_in_the_list(self, rule: dict[str, Any]) -> None:
        assert series_of(rule["expr"])
        assert complaints(rule["expr"]) == []

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
    def test_the_ops_page_says_what_to_do(self, rule: dict[str, Any]) -> None:
        assert f"`{rule['alert']}`" in (ROOT / "docs/operations.md").read_text()


class TestPrometheus:
    def test_finds_every_process_of_the_compose_file(self) -> None:
        found = PROMETHEUS["scrape_configs"][0]["dns_sd_configs"][0]
        assert found["names"] == [f"{service}-{role}" for service in SERVICES for role in run.ROLES]
        assert found["port"] == 9100

    def test_reads_the_alerts_that_are_mounted(self) -> None:
        assert PROMETHEUS["rule_files"] == ["alerts.yml"]
