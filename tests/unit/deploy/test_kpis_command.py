"""`./cox kpis` and `./cox rebuild scoring`: what the terminal shows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from deploy.cli import kpis, rebuild, running
from deploy.cli.commands import build_parser
from services.scoring.kpis.comparing import Comparison
from services.scoring.kpis.rebuilding import Rebuilt


def item(label: str, value: Any, *, unit: str = "count", start: str = "2026-03-01") -> dict[str, Any]:
    return {"label": label, "value": value, "unit": unit, "period_start": start}


def shown(*items: dict[str, Any], lag: int = 0) -> str:
    console = Console(file=io.StringIO(), width=120)
    answer = {"items": list(items), "as_of": "2026-03-30T17:00:00Z", "lag_events": lag}
    kpis.show(answer, "deals_won", "rep", "month", console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestKpis:
    def test_arguments_have_the_contracts_names(self) -> None:
        words = "kpis deals_won --by team --grain quarter --from 2026-01-01 --to 2026-03-31 --json"
        given = build_parser().parse_args(words.split())
        assert (given.metric, given.by, given.grain, given.first, given.last, given.json) == (
            "deals_won", "team", "quarter", "2026-01-01", "2026-03-31", True,
        )  # fmt: skip

    def test_bar_is_as_long_as_the_value_is_large(self) -> None:
        lines = shown(item("Ann", 10), item("Bob", 5)).splitlines()
        lengths = {name: next(line for line in lines if name in line).count("█") for name in ("Ann", "Bob")}
        assert lengths == {"Ann": kpis.BAR_WIDTH, "Bob": kpis.BAR_WIDTH // 2}

    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (1234, "count", "1,234"), (0.625, "ratio", "62.5%"), (51.78, "days", "51.78"),
            (None, "ratio", "no data"),
            ({"amount": "1234.5", "currency": "CNY"}, "CNY", "1,234.50 CNY"),
        ],
    )  # fmt: skip
    def test_value_reads_as_people_write_it(self, value: Any, unit: str, text: str) -> None:
        assert kpis.text(item("Ann", value, unit=unit)) == text

    @pytest.mark.parametrize(
        ("grain", "start", "name"),
        [
            ("day", "2026-03-01", "2026-03-01"), ("week", "2026-12-28", "2026-W53"),
            ("month", "2026-03-01", "2026-03"),
            ("quarter", "2026-04-01", "2026 Q2"), ("year", "2026-01-01", "2026"),
        ],
    )  # fmt: skip
    def test_period_is_named_by_its_calendar(self, grain: str, start: str, name: str) -> None:
        assert kpis.period_name(grain, start) == name

    def test_lag_is_told_when_numbers_are_behind(self) -> None:
        assert "7 events behind" in shown(item("Ann", 1), lag=7)
        assert "behind" not in shown(item("Ann", 1))

    def test_nothing_is_called_no_data(self) -> None:
        assert shown().strip() == "no data"

    def test_pages_are_read_to_the_end(self) -> None:
        class Pages:
            def get(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
                last = query["cursor"] == "more"
                rows = [{"n": 2 if last else 1}]
                return {
                    "items": rows,
                    "next_cursor": None if last else "more",
                    "as_of": None,
                    "lag_events": 0,
                }

        answer = kpis.whole(Pages(), {"metric": "calls"})  # type: ignore[arg-type]
        assert answer == {"items": [{"n": 1}, {"n": 2}], "as_of": None, "lag_events": 0}


class TestRebuild:
    def test_no_differences_are_told_when_there_are_none(self) -> None:
        lines = rebuild.told(Rebuilt(2, 10, 20, Comparison(0, 0, 0, ())), 1.5)
        assert "no differences" in lines[1]

    def test_differences_are_listed_when_there_are_some(self) -> None:
        lines = rebuild.told(Rebuilt(2, 10, 20, Comparison(1, 2, 0, ("a", "b"))), 1.5)
        assert lines[1:] == ["DIFFERENCES: 1 facts, 2 cells, 0 states", "  a", "  b"]

    def test_empty_tables_are_told_when_there_was_nothing_to_compare(self) -> None:
        assert "nothing to compare" in rebuild.told(Rebuilt(2, 10, 20, None), 1.5)[1]
        assert rebuild.summary(Rebuilt(2, 10, 20, None), 1.5)["differences"] is None

    @pytest.mark.parametrize(
        ("comparison", "code"), [(Comparison(0, 0, 0, ()), 0), (Comparison(0, 1, 0, ("x",)), 1), (None, 0)]
    )
    def test_exit_code_says_whether_anything_differs(
        self, monkeypatch: pytest.MonkeyPatch, comparison: Comparison | None, code: int
    ) -> None:
        async def rebuilt(settings: object) -> Rebuilt:
            return Rebuilt(2, 10, 20, comparison)

        monkeypatch.setattr(running, "service_settings", lambda: None)
        monkeypatch.setattr(rebuild, "_rebuild", rebuilt)
        assert rebuild.run(build_parser().parse_args(["rebuild", "scoring"])) == code
