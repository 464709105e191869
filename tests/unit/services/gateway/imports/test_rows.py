"""Rows of an org and of new leads."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.imports.headings.columns import columns_of
from services.gateway.imports.lead_rows import Reading, lead_of
from services.gateway.imports.mapping import LeadsMapping
from services.gateway.imports.mapping_file import load_mapping
from services.gateway.imports.org_rows import WantedOrg, code_of, wanted_org
from services.gateway.imports.reading import opened
from services.gateway.imports.rules import RowError, pick
from tests.support.shared_data import EXAMPLES, shared_data


def org_of(*rows: dict[str, str]) -> WantedOrg:
    return wanted_org(enumerate(rows, start=2))


class TestCodeOf:
    @pytest.mark.parametrize(
        ("name", "code"),
        [("Moses Frase", "moses-frase"), ("王 小明", "王-小明"), ("Mei-Mei  Johns.", "mei-mei-johns")],
    )
    def test_is_plain_when_a_name_has_spaces_and_signs(self, name: str, code: str) -> None:
        assert code_of(name) == code


class TestWantedOrg:
    def test_has_one_team_per_manager_when_no_team_is_named(self) -> None:
        org = org_of(
            {"rep": "Ann", "manager": "Mo", "region": "East"},
            {"rep": "Bob", "manager": "Mo", "region": "East"},
            {"rep": "Cid", "manager": "Zoe", "region": "West"},
        )
        assert [(unit.code, unit.kind, unit.parent) for unit in org.units.values()] == [
            ("east", "region", None), ("mo", "team", "east"),
            ("west", "region", None), ("zoe", "team", "west"),
        ]  # fmt: skip
        assert [(user.name, user.unit, user.manages) for user in org.users.values()] == [
            ("Mo", "mo", True), ("Ann", "mo", False), ("Bob", "mo", False), ("Zoe", "zoe", True),
            ("Cid", "zoe", False),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("second", "code"),
        [
            ({"rep": "Ann", "team": "One", "region": "East"}, "duplicate_row"),
            ({"rep": "Ann", "team": "Two", "region": "East"}, "contradiction"),
            ({"rep": "Bob", "team": "One", "region": "West"}, "contradiction"),
            ({"rep": "Zoe", "manager": "Ann", "team": "One", "region": "East"}, "contradiction"),
            ({"team": "One", "region": "East"}, "missing_value"),
        ],
    )
    def test_reports_the_row_and_keeps_the_first_when_they_contradict(
        self, second: dict[str, str], code: str
    ) -> None:
        org = org_of({"rep": "Ann", "team": "One", "region": "East"}, second)
        assert [(problem.line, problem.code) for problem in org.problems] == [(3, code)]
        assert [user.unit for user in org.users.values()] == ["one"]

    def test_puts_a_manager_above_when_they_have_two_teams(self) -> None:
        org = org_of(
            {"rep": "Ann", "manager": "Mo", "team": "One", "region": "East"},
            {"rep": "Bob", "manager": "Mo", "team": "Two", "region": "East"},
        )
        assert org.users["mo"].unit == "east"
        assert (
            org_of(
                {"rep": "Ann", "manager": "Mo", "team": "One", "region": "East"},
                {"rep": "Bob", "manager": "Mo", "team": "Two", "region": "West"},
            )
            .users["mo"]
            .unit
            is None
        )

    def test_tells_a_team_from_its_region_when_both_have_one_name(self) -> None:
        assert list(org_of({"rep": "Ann", "team": "East", "region": "East"}).units) == ["east", "east-team"]

    def test_has_six_teams_in_three_regions_when_it_is_crm_sales(self) -> None:
        mapping = load_mapping((EXAMPLES / "crm_sales/org.yaml").read_text("utf-8"), "org")
        with shared_data("crm_sales/sales_teams.csv").open("rb") as file:
            table = opened(file, mapping)
            places = columns_of(mapping, table.header).places
            org = wanted_org([(row.line, pick(row.cells, places, mapping)[0]) for row in table.rows])
        assert not org.problems
        kinds = [unit.kind for unit in org.units.values()]
        assert (kinds.count("region"), kinds.count("team")) == (3, 6)
        assert sum(not user.manages for user in org.users.values()) == 35


def body_of(fields: dict[str, str], currency: str | None = None) -> Any:
    mapping = LeadsMapping(shape="leads", currency=currency)
    return lead_of(2, fields, Reading(mapping, "CNY")).body


class TestLeadOf:
    def test_is_the_body_that_leads_takes_when_every_field_is_filled(self) -> None:
        fields = {
            "name": "王小明",
            "phone": "13800138000",
            "value": "1,200.50",
            "tags": "a; b;;",
            "source": "expo",
        }
        assert body_of(fields) == {
            "name": "王小明", "phone": "13800138000", "source": "expo", "tags": ["a", "b"],
            "value": {"amount": "1200.50", "currency": "CNY"},
        }  # fmt: skip

    def test_takes_the_rows_currency_before_the_mappings_when_both_are_there(self) -> None:
        assert body_of({"name": "A", "value": "1", "currency": "JPY"}, "EUR")["value"]["currency"] == "JPY"
        assert body_of({"name": "A", "value": "1"}, "EUR")["value"]["currency"] == "EUR"

    @pytest.mark.parametrize(
        "fields", [{}, {"name": "A", "value": "x"}, {"name": "A", "value": "1", "currency": "?"}]
    )
    def test_is_refused_when_a_field_is_bad(self, fields: dict[str, str]) -> None:
        with pytest.raises(RowError):
            body_of(fields)
