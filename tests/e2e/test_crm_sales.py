"""8,800 deals of another CRM, and every number compared with a computation of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.crm_sales_answers import Key, Result, answers
from tests.e2e.support.house import House
from tests.e2e.support.imports import all_kpis, brought_in
from tests.support.shared_data import EXAMPLES, shared_data
from tests.support.speaking import Person

pytestmark = pytest.mark.timeout(1200)

PERIOD = ("2016-01-01", "2018-12-31")
GRAINS = ("month", "quarter", "year")
SUBJECTS = {"agent": "rep", "manager": "team", "office": "region", "product": "product"}


@dataclass(frozen=True)
class Company:
    admin: Person
    pipeline: Path
    teams: Path
    org: Any
    history: Any


@pytest.fixture(scope="module")
async def company(house: House) -> Company:
    """In a zone whose clocks change: days are days there too."""
    pipeline, teams = shared_data("crm_sales/sales_pipeline.csv"), shared_data("crm_sales/sales_teams.csv")
    admin = (await house.new_tenant(timezone="America/New_York", currency="USD")).admin
    org = await brought_in(admin, "org", teams, EXAMPLES / "crm_sales/org.yaml")
    history = await brought_in(admin, "history", pipeline, EXAMPLES / "crm_sales/history.yaml")
    return Company(admin, pipeline, teams, org, history)


async def values(company: Company, metric: str, by: str, grain: str) -> dict[Key, Any]:
    """Values by (label, period); rows without data or of nothing are left out."""
    rows = await all_kpis(company.admin, metric, by, grain, *PERIOD)
    found = {(row["label"], row["period_start"]): row["value"] for row in rows if row["value"] is not None}
    assert len(found) == sum(row["value"] is not None for row in rows)
    return found


def without_zeros(found: dict[Key, Any]) -> dict[Key, Any]:
    return {key: value for key, value in found.items() if value}


class TestImport:
    async def test_reports_what_it_did_when_it_is_done(self, company: Company) -> None:
        assert company.org["counts"] == {"units_created": 9, "users_created": 41}
        history = company.history
        assert (history["rows_total"], history["rows_done"], history["rows_failed"]) == (8800, 8800, 0)
        assert history["counts"] == {"deals_created": 8800}
        assert {note["code"]: note["count"] for note in history["notes"]} == {
            "no_start": 500,
            "respelt": 1480,
        }

    async def test_changes_nothing_when_it_runs_again(self, company: Company) -> None:
        before = await values(company, "won_revenue", "rep", "month")
        mapping = EXAMPLES / "crm_sales/history.yaml"
        again = await brought_in(company.admin, "history", company.pipeline, mapping)
        assert again["counts"] == {"deals_unchanged": 8800}
        assert again["positions"] == []
        assert await values(company, "won_revenue", "rep", "month") == before

    async def test_has_the_published_totals_when_it_is_asked_for_the_tenant(self, company: Company) -> None:
        totals = {
            metric: (await all_kpis(company.admin, metric, "tenant", "year", "2017-01-01", "2017-12-31"))[0]
            for metric in ("deals_won", "deals_lost", "won_revenue", "win_rate", "sales_cycle_days")
        }
        assert totals["deals_won"]["value"] == 4238
        assert totals["deals_lost"]["value"] == 2473
        assert totals["won_revenue"]["value"] == {"amount": "10005534.00", "currency": "USD"}
        assert totals["win_rate"]["value"] == pytest.approx(4238 / 6711)
        assert totals["sales_cycle_days"]["value"] == pytest.approx(51.78, abs=0.005)

    async def test_has_every_deal_as_a_lead_when_it_is_listed(self, company: Company) -> None:
        open_leads = [
            lead for stage in ("prospecting", "engaging") for lead in await leads_in(company.admin, stage)
        ]
        assert len(open_leads) == 2089
        assert sum(not lead["start_known"] for lead in open_leads) == 500
        assert all(lead["owner_id"] for lead in open_leads)


async def leads_in(person: Person, stage: str) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"stage": stage, "limit": 500}
        page = await person.get("/v1/leads", **query, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("subject", list(SUBJECTS))
class TestKpis:
    """Every agent, team, region and product, by month, quarter and year."""

    def expected(self, company: Company, grain: str, subject: str) -> dict[Key, Result]:
        return answers(company.pipeline, company.teams, grain, subject)

    async def test_count_outcomes_when_compared_with_the_file(
        self, company: Company, grain: str, subject: str
    ) -> None:
        expected = self.expected(company, grain, subject)
        for metric, part in (("deals_won", "won"), ("deals_lost", "lost")):
            found = await values(company, metric, SUBJECTS[subject], grain)
            assert without_zeros(found) == without_zeros({k: getattr(r, part) for k, r in expected.items()})

    async def test_sum_revenue_when_compared_with_the_file(
        self, company: Company, grain: str, subject: str
    ) -> None:
        found = await values(company, "won_revenue", SUBJECTS[subject], grain)
        amounts = {key: Fraction(value["amount"]) for key, value in found.items()}
        expected = {key: Fraction(r.revenue) for key, r in self.expected(company, grain, subject).items()}
        assert without_zeros(amounts) == without_zeros(expected)
        assert {value["currency"] for value in found.values()} == {"USD"}

    async def test_have_the_same_win_rates_when_compared_with_the_file(
        self, company: Company, grain: str, subject: str
    ) -> None:
        found = await values(company, "win_rate", SUBJECTS[subject], grain)
        expected = {key: float(r.win_rate) for key, r in self.expected(company, grain, subject).items()}
        assert found == pytest.approx(expected)

    async def test_have_the_same_mean_cycles_when_compared_with_the_file(
        self, company: Company, grain: str, subject: str
    ) -> None:
        found = await values(company, "sales_cycle_days", SUBJECTS[subject], grain)
        expected = {
            key: float(r.mean_cycle)
            for key, r in self.expected(company, grain, subject).items()
            if r.mean_cycle is not None
        }
        assert found == pytest.approx(expected)
