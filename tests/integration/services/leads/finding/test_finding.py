"""Every filter and every order, against the same question asked of the leads in plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from tests.integration.services.leads.capture.test_custom_fields import faults
from tests.integration.services.leads.capture.test_refitting import Looking, looking  # noqa: F401 - a fixture
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.passing import follow_up
from tests.integration.services.leads.pools.test_pool import make_pool

Row = dict[str, Any]
MARCH = [NOON + timedelta(days=day) for day in range(-20, 1)]
PEOPLE = ("north1", "north2", "south1", None)
FIELDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("industry", "choice", {}), ("headcount", "integer", {}), ("area", "number", {}),
    ("founded", "date", {}), ("called", "datetime", {}), ("vip", "boolean", {}),
    ("uses", "choices", {"options": [
        {"key": key, "labels": {"en": key.title()}} for key in ("erp", "crm", "mes")
    ]}),
    ("motto", "text", {"searchable": True}),
)  # fmt: skip


@dataclass
class Crowd:
    """Leads of a tenant with all kinds of values; `rows` as a person who sees everything is shown them."""

    desk: Desk
    rows: list[Row] = field(default_factory=list)

    async def ask(self, by: str = "head", /, **query: Any) -> list[Row]:
        answer = await self.desk(by, "GET", "/v1/leads?" + urlencode({"limit": 500} | query, doseq=True))
        assert answer.status == 200, answer
        items: list[Row] = answer.json()["items"]
        return items

    async def numbers(self, by: str = "head", /, **query: Any) -> list[int]:
        """The leads found, by the number in their name, in ascending order."""
        return sorted(int(row["name"].split()[1]) for row in await self.ask(by, **query))

    def where(self, holds: Callable[[Row], Any]) -> list[int]:
        found = sorted(int(row["name"].split()[1]) for row in self.rows if holds(row))
        # A filter that finds all or nothing shows nothing.
        assert 0 < len(found) < len(self.rows)
        return found


def custom(chance: random.Random, number: int) -> dict[str, Any]:
    values = {
        "industry": chance.choice(["steel", "glass"]),
        "headcount": chance.choice([-3, 0, 7, 50, 51, 1200]),
        "area": chance.choice([0.5, 12, 12.25, 1e6, -1]),
        "founded": chance.choice(["1999-12-31", "2020-02-29", "2021-07-01"]),
        "called": chance.choice(["2026-03-01T15:59:59Z", "2026-03-01T16:00:00Z", "2026-02-01T00:00:00Z"]),
        "vip": chance.choice([True, False]),
        "uses": chance.choice(["erp", "erp;crm", "mes"]),
        "motto": chance.choice(["質量第一，客户至上", "Quality First", "first in quality", "100%_sure"]),
    }
    return {key: value for key, value in values.items() if chance.random() < 0.8}


@pytest.fixture
async def crowd(desk: Desk, looking: Looking) -> Crowd:  # noqa: F811
    for key, kind, more in FIELDS:
        await looking.ready(key, kind, **more)
    chance = random.Random(7)
    ids: list[str] = []
    for number in range(40):
        desk.clock.at = chance.choice(MARCH)
        body = {
            "name": f"Lead {number}", "source": chance.choice(["web", "fair"]),
            "channel": chance.choice(["a", "b"]), "region": chance.choice(["n", "s"]),
            "campaign": chance.choice(["spring", "autumn", None]),
            "product": chance.choice(["p", "q"]), "tags": chance.choice([[], ["hot"], ["hot", "new"]]),
            "custom": custom(chance, number),
        }  # fmt: skip
        if chance.random() < 0.6:
            body["value"] = {
                "amount": chance.choice(["0.01", "999.99", "1000.00", "25000"]),
                "currency": "CNY",
            }
        if chance.random() < 0.5:
            body["phone"] = f"138000{number:05}"
        if chance.random() < 0.5:
            body["email"] = f"lead{number % 30}@example.com"
        for name, values in (("label", ["key", "general"]), ("value_class", "AB"), ("intent", "CD")):
            if chance.random() < 0.7:
                body[name] = chance.choice(list(values))
        lead = await desk.lead(chance.choice(["north1", "head"]), **body)
        ids.append(lead["id"])
    for number, lead_id in enumerate(ids):
        desk.clock.at = chance.choice(MARCH[-5:])
        owner = PEOPLE[number % 4]
        path = f"/v1/leads/{lead_id}"
        if owner:
            await desk("head", "POST", f"{path}/assign", {"owner_id": str(desk.users[owner])})
        if chance.random() < 0.5:
            await desk(
                "head", "POST", f"{path}/move", {"to": chance.choice(["first_contact", "lost", "won"])}
            )
        if chance.random() < 0.3:
            await desk("head", "PATCH", path, {"do_not_contact": True})
        score = chance.choice([None, 10, 55, 90])
        await desk.admin.execute("update leads set score = $2 where id = $1", UUID(lead_id), score)
    desk.clock.at = NOON
    found = Crowd(desk)
    found.rows = await found.ask()
    assert len(found.rows) == 40
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def amount(row: Row) -> float | None:
    return float(row["value"]["amount"]) if row["value"] else None


class TestFilters:
    @pytest.mark.parametrize(
        "name",
        [
            "stage",
            "status",
            "source",
            "channel",
            "campaign",
            "region",
            "product",
            "label",
            "value_class",
            "intent",
        ],
    )
    async def test_leads_with_a_value_are_found_and_with_one_of_several(
        self, crowd: Crowd, name: str
    ) -> None:
        values = sorted({row[name] for row in crowd.rows if row[name]})
        assert await crowd.numbers(**{name: values[0]}) == crowd.where(lambda row: row[name] == values[0])
        both = sorted({row[name] for row in crowd.rows if row[name]})[:2]
        found = await crowd.numbers(**{name: both})
        assert found == sorted(int(r["name"].split()[1]) for r in crowd.rows if r[name] in both)

    async def test_leads_of_people_and_of_nobody_are_found(self, crowd: Crowd) -> None:
        users = {name: str(made) for name, made in crowd.desk.users.items()}
        mine = [users["north1"], users["south1"]]
        assert await crowd.numbers(owner=mine) == crowd.where(lambda row: row["owner_id"] in mine)
        assert await crowd.numbers(owner="none") == crowd.where(lambda row: row["owner_id"] is None)
        either = [*mine, "none"]
        assert await crowd.numbers(owner=either) == crowd.where(lambda row: row["owner_id"] in [*mine, None])
        assert await crowd.numbers("north1", owner="me") == crowd.where(
            lambda row: row["owner_id"] == users["north1"]
        )
        assert await crowd.numbers(created_by=users["north1"]) == crowd.where(
            lambda row: row["created_by"] == users["north1"]
        )

    async def test_leads_of_a_unit_are_those_of_all_below_it(self, crowd: Crowd) -> None:
        units = crowd.desk.units
        north = crowd.where(lambda row: row["team_id"] == str(units["north-team"]))
        assert await crowd.numbers(team=str(units["north"])) == north
        assert await crowd.numbers(team=str(units["north-team"])) == north
        assert await crowd.numbers(team=[str(units["north"]), str(units["south"])]) == crowd.where(
            lambda row: row["team_id"]
        )

    async def test_whether_something_is_there_is_asked_for(self, crowd: Crowd) -> None:
        for name, column in (("has_phone", "phone"), ("has_email", "email"), ("duplicate", "duplicate_of")):
            for wanted in (True, False):
                found = await crowd.numbers(**{name: wanted})
                assert found == crowd.where(lambda row: (row[column] is not None) == wanted)  # noqa: B023
        assert await crowd.numbers(do_not_contact="true") == crowd.where(lambda row: row["do_not_contact"])
        assert await crowd.numbers(tag=["hot", "new"]) == crowd.where(lambda row: "new" in row["tags"])

    async def test_ranges_hold_their_ends(self, crowd: Crowd) -> None:
        assert await crowd.numbers(value_from="999.99", value_to="1000") == crowd.where(
            lambda row: amount(row) in (999.99, 1000)
        )
        assert await crowd.numbers(score_from=55) == crowd.where(lambda row: (row["score"] or 0) >= 55)
        assert await crowd.numbers(score_to=10) == crowd.where(lambda row: row["score"] == 10)
        for name in ("created", "updated", "started", "closed", "stage_entered"):
            moments = sorted({row[f"{name}_at"] for row in crowd.rows if row[f"{name}_at"]})
            middle = moments[len(moments) // 2]
            later = await crowd.numbers(**{f"{name}_from": middle})
            assert later == crowd.where(lambda r: r[f"{name}_at"] and r[f"{name}_at"] >= middle)  # noqa: B023
            earlier = await crowd.numbers(**{f"{name}_to": middle})
            assert earlier == crowd.where(lambda r: r[f"{name}_at"] and r[f"{name}_at"] < middle)  # noqa: B023

    async def test_a_day_is_the_tenants_and_all_of_it(self, crowd: Crowd) -> None:
        desk = crowd.desk
        desk.clock.at = datetime(2026, 3, 5, 15, 59, 59, tzinfo=UTC)
        await desk.lead(name="Lead 100")
        desk.clock.at = datetime(2026, 3, 5, 16, 0, tzinfo=UTC)
        await desk.lead(name="Lead 101")
        assert await crowd.numbers(created_from="2026-03-05", created_to="2026-03-05") == [100]
        assert await crowd.numbers(created_from="2026-03-06", created_to="2026-03-06") == [101]

    async def test_who_was_long_not_followed_up_is_found(self, crowd: Crowd) -> None:
        desk = crowd.desk
        old = [row for row in crowd.rows if at(row["started_at"]) < NOON - timedelta(days=7)]
        touched, tried, *others = old
        await follow_up(desk, touched["id"], NOON - timedelta(days=2))
        await follow_up(desk, tried["id"], NOON - timedelta(days=2), effective=False)
        await follow_up(desk, others[0]["id"], NOON - timedelta(days=8))
        expected = sorted(int(row["name"].split()[1]) for row in (tried, *others))
        assert await crowd.numbers(untouched_days=7) == expected

    async def test_filters_hold_together(self, crowd: Crowd) -> None:
        found = await crowd.numbers(
            source="web", region=["n", "s"], has_phone="true", value_from="1", q="lead"
        )
        assert found == crowd.where(
            lambda row: row["source"] == "web" and row["phone"] and (amount(row) or 0) >= 1
        )

    async def test_what_may_not_be_seen_is_not_found_whatever_is_asked(self, crowd: Crowd) -> None:
        mine = await crowd.numbers("north2")
        assert mine == crowd.where(lambda row: row["owner_id"] == str(crowd.desk.users["north2"]))
        for query in (
            {"owner": str(crowd.desk.users["south1"])}, {"owner": "none"},
            {"team": str(crowd.desk.units["south"])},
        ):  # fmt: skip
            assert await crowd.numbers("north2", **query) == []
        for sort in ("value", "-score", "stage_entered_at", "-updated_at"):
            assert await crowd.numbers("north2", sort=sort, custom="headcount>=-10") == [
                number for number in mine if number in await crowd.numbers(custom="headcount>=-10")
            ]


class TestCustomFields:
    @pytest.mark.parametrize(
        ("asked", "holds"),
        [
            (["industry=steel"], lambda c: c.get("industry") == "steel"),
            (["industry=钢铁"], lambda c: c.get("industry") == "steel"),
            (["headcount=50", "headcount=7"], lambda c: c.get("headcount") in (7, 50)),
            (["headcount>=50"], lambda c: c.get("headcount", -99) >= 50),
            (["headcount<=0"], lambda c: c.get("headcount", 99) <= 0),
            (["headcount>=0", "headcount<=50"], lambda c: 0 <= c.get("headcount", -1) <= 50),
            (["area>=12", "area<=12.25"], lambda c: 12 <= c.get("area", -1) <= 12.25),
            (["area<=-0.5"], lambda c: c.get("area", 0) == -1),
            (["founded>=2020-01-01", "founded<=2020-12-31"], lambda c: c.get("founded") == "2020-02-29"),
            (["called<=2026-03-01"], lambda c: c.get("called", "9") < "2026-03-01T16"),
            (["called>=2026-03-02"], lambda c: c.get("called", "0") >= "2026-03-01T16"),
            (["vip=true"], lambda c: c.get("vip") is True),
            (["vip=否"], lambda c: c.get("vip") is False),
            (["uses=erp"], lambda c: "erp" in c.get("uses", "")),
            (["uses=crm;erp"], lambda c: c.get("uses") == "erp;crm"),
            (["uses=crm", "uses=mes"], lambda c: "crm" in c.get("uses", "") or "mes" in c.get("uses", "")),
            (["motto~质量"], lambda c: "質量" in c.get("motto", "")),
            (["motto~QUALITY first"], lambda c: "uality" in c.get("motto", "")),
            (["motto~%_su"], lambda c: "%" in c.get("motto", "")),
            (["motto=Quality First"], lambda c: c.get("motto") == "Quality First"),
        ],
    )
    async def test_leads_are_found_by_them(
        self, crowd: Crowd, asked: list[str], holds: Callable[[dict[str, Any]], bool]
    ) -> None:
        assert await crowd.numbers(custom=asked) == crowd.where(lambda row: holds(row["custom"]))

    async def test_changes_are_found_at_once(self, crowd: Crowd) -> None:
        row = next(row for row in crowd.rows if row["custom"].get("headcount") == 7)
        number = int(row["name"].split()[1])
        path = f"/v1/leads/{row['id']}"
        await crowd.desk("head", "PATCH", path, {"custom": {"headcount": 8, "motto": "never"}})
        assert await crowd.numbers(custom="headcount=8") == [number]
        assert number not in await crowd.numbers(custom="headcount=7")
        assert await crowd.numbers(custom="motto~neve") == [number]

    async def test_other_words_do_not_find_what_stands_in_them(self, crowd: Crowd) -> None:
        assert await crowd.numbers(q="quality") == []

    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            ("nothing=1", "unknown_custom_field"), ("headcount", "bad_custom_filter"),
            ("headcount=many", "not_an_integer"), ("industry>=steel", "not_ordered"),
            ("industry~st", "not_searchable"), ("motto~x", "too_short"), ("vip=maybe", "not_a_boolean"),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_asked_is_named(self, crowd: Crowd, asked: str, code: str) -> None:
        answer = await crowd.desk("head", "GET", "/v1/leads?" + urlencode({"custom": asked}))
        assert faults(answer) == [("/query/custom/0", code)]


class TestSorting:
    @pytest.mark.parametrize("sort", ["created_at", "updated_at", "stage_entered_at", "value", "score"])
    @pytest.mark.parametrize("way", ["", "-"])
    async def test_pages_lose_and_repeat_nothing(self, crowd: Crowd, sort: str, way: str) -> None:
        def place(row: Row) -> Any:
            if sort == "created_at":
                return row["id"]
            return (amount(row) if sort == "value" else row[sort]), row["id"]

        def is_there(row: Row) -> bool:
            return sort == "created_at" or (amount(row) if sort == "value" else row[sort]) is not None

        def by_place(rows: list[Row]) -> list[Row]:
            return sorted(rows, key=place, reverse=bool(way))

        with_value = by_place([row for row in crowd.rows if is_there(row)])
        without = sorted(
            (row for row in crowd.rows if not is_there(row)), key=lambda row: row["id"], reverse=bool(way)
        )
        wanted = [row["id"] for row in (*with_value, *without)]
        found: list[str] = []
        query: dict[str, Any] = {"sort": way + sort, "limit": 3}
        while True:
            page = (await crowd.desk("head", "GET", "/v1/leads?" + urlencode(query))).json()
            found += [row["id"] for row in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
            if len(found) == 6:
                # What comes, goes and changes meanwhile moves nobody else.
                await crowd.desk.lead(name="Lead 200")
        new = await crowd.numbers(q="200")
        assert new == [200]
        [late] = await crowd.ask(q="200")
        assert [each for each in found if each != late["id"]] == wanted


class TestWrongQuestions:
    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("colour=red", "/query/colour"), ("owner=somebody", "/query/owner/0"),
            ("stage=A%20B", "/query/stage/0"), ("label=vip", "/query/label/0"),
            ("status=closed", "/query/status/0"), ("has_phone=perhaps", "/query/has_phone"),
            ("value_from=12%E4%B8%87", "/query/value_from"),
            ("created_from=2025-02-30", "/query/created_from"),
            ("created_from=yesterday", "/query/created_from"), ("score_from=many", "/query/score_from"),
            ("created_from=2026-03-02&created_to=2026-03-01", "/query/created_from"),
            ("value_from=2&value_to=1", "/query/value_from"), ("value_from=0.001", "/query/value_from"),
            ("sort=name", "/query/sort"), ("untouched_days=0", "/query/untouched_days"),
            ("created_by=none", "/query/created_by"), ("source=a&source=b&q=a&q=b", "/query/q"),
        ],
    )  # fmt: skip
    async def test_what_is_wrong_is_named(self, desk: Desk, query: str, pointer: str) -> None:
        answer = await desk("head", "GET", f"/v1/leads?{query}")
        assert answer.status == 422, answer
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]

    async def test_hidden_fields_are_not_asked_for_in_a_pool(
        self,
        desk: Desk,
        looking: Looking,  # noqa: F811
    ) -> None:
        await looking.ready("wechat", "text")
        pool = await make_pool(desk, hidden_fields=["wechat"])
        asked = f"/v1/leads?pool={pool['id']}&custom=wechat%3Dx"
        assert (await desk("head", "GET", asked)).status == 200
        assert faults(await desk("north1", "GET", asked)) == [("/query/custom/0", "unknown_custom_field")]
