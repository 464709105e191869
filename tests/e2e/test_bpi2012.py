"""A real event log, and its numbers compared with a computation of its own.

Every twelfth case of it: `./cox import` takes all 262,200 events, and the unit test of the fold counts all of
them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.bpi2012_answers import Answers, Counts, sample
from tests.e2e.support.house import House
from tests.e2e.support.imports import all_kpis, brought_in
from tests.support.shared_data import EXAMPLES, shared_data
from tests.support.speaking import Person

pytestmark = pytest.mark.timeout(1200)

PERIOD = ("2011-01-01", "2012-12-31")
LOG = "bpi2012/bpi2012_events.csv.gz"
MAPPING = EXAMPLES / "bpi2012/history.yaml"
EVERY = 12


@dataclass(frozen=True)
class Desk:
    admin: Person
    log: Path
    history: Any
    expected: Answers


@pytest.fixture(scope="module")
async def desk(house: House, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    log = tmp_path_factory.mktemp("bpi2012") / "log.csv.gz"
    sample(shared_data(LOG), log, EVERY)
    admin = (await house.new_tenant(timezone="UTC", currency="EUR")).admin
    history = await brought_in(admin, "history", log, MAPPING)
    return Desk(admin, log, history, Answers(log))


async def by_month(desk: Desk, metric: str, by: str) -> Counts:
    rows = await all_kpis(desk.admin, metric, by, "month", *PERIOD)
    return Counter({(row["label"], row["period_start"]): row["value"] for row in rows if row["value"]})


async def items(desk: Desk, path: str) -> list[Any]:
    page = await desk.admin.get(path, limit=500)
    assert page["next_cursor"] is None
    found: list[Any] = page["items"]
    return found


async def total(desk: Desk, metric: str) -> int:
    rows = await all_kpis(desk.admin, metric, "tenant", "year", *PERIOD)
    return sum(row["value"] or 0 for row in rows)


def of_people(counts: Counts) -> Counts:
    return Counter({key: count for key, count in counts.items() if key[0]})


class TestImport:
    async def test_reports_what_it_did_when_it_is_done(self, desk: Desk) -> None:
        done, expected = desk.history, desk.expected
        assert (done["rows_total"], done["rows_done"], done["rows_failed"]) == (
            expected.rows,
            expected.rows,
            0,
        )
        assert done["counts"]["deals_created"] == expected.created.total()
        made = (done["counts"]["calls_created"], done["counts"]["tasks_created"])
        assert made == (expected.calls.total(), expected.tasks.total())
        assert {each["activity"]: each["rows"] for each in done["unmapped"]} == expected.offers

    async def test_makes_inactive_reps_of_the_root_when_only_the_log_knows_them(self, desk: Desk) -> None:
        root = next(u["id"] for u in await items(desk, "/v1/org/units") if u["parent_id"] is None)
        users = await items(desk, "/v1/org/users")
        people = [user for user in users if user["roles"] == ["rep"]]
        named = desk.expected.created + desk.expected.assigned + desk.expected.calls + desk.expected.tasks
        assert {user["display_name"] for user in people} == {who for who, _ in named if who}
        assert "112" in {user["display_name"] for user in people}
        assert {(user["active"], user["unit_id"]) for user in people} == {(False, root)}

    async def test_leaves_the_log_unassigned_and_unnoticed_when_it_is_history(self, desk: Desk) -> None:
        lead = (await desk.admin.get("/v1/leads", limit=1))["items"][0]
        explained = await desk.admin.get(f"/v1/leads/{lead['id']}/assignments")
        assert {each["how"] for each in explained["items"]} <= {"import"}


class TestKpis:
    async def test_have_the_logs_totals_when_asked_for_the_tenant(self, desk: Desk) -> None:
        parts = {"leads_created": "created", "deals_won": "won", "deals_lost": "lost", "calls": "calls"}
        parts |= {"tasks": "tasks", "leads_assigned": "assigned"}
        found = {metric: await total(desk, metric) for metric in parts}
        assert found == {metric: getattr(desk.expected, part).total() for metric, part in parts.items()}

    @pytest.mark.parametrize(
        ("metric", "part"),
        [
            ("leads_created", "created"),
            ("leads_assigned", "assigned"),
            ("deals_won", "won"),
            ("deals_lost", "lost"),
            ("calls", "calls"),
            ("tasks", "tasks"),
        ],
    )
    async def test_are_each_persons_when_compared_with_the_log(
        self, desk: Desk, metric: str, part: str
    ) -> None:
        expected: Counts = getattr(desk.expected, part)
        assert await by_month(desk, metric, "rep") == of_people(expected)

    async def test_are_the_owners_teams_when_nobody_is_known(self, desk: Desk) -> None:
        for metric, expected in (("calls", desk.expected.calls), ("tasks", desk.expected.tasks)):
            months: Counter[str] = Counter()
            for (_, month), count in expected.items():
                months[month] += count
            found = await by_month(desk, metric, "team")
            assert {month: count for (_, month), count in found.items()} == months


class TestRunningAgain:
    async def test_changes_nothing_when_all_of_it_is_here(self, desk: Desk) -> None:
        again = await brought_in(desk.admin, "history", desk.log, MAPPING)
        counts, expected = again["counts"], desk.expected
        deeds = expected.calls.total() + expected.tasks.total()
        unchanged = (counts["deals_unchanged"], counts["activities_unchanged"])
        assert unchanged == (expected.created.total(), deeds)
        assert not [name for name in counts if name.endswith(("_created", "_extended", "_failed"))]
        assert await total(desk, "calls") == expected.calls.total()
