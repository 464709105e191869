from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads


def at(day: int, hour: int = 12) -> str:
    return datetime(2025, 6, day, hour, tzinfo=UTC).isoformat()


def deal(desk: Desk, external_id: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    base = {"external_id": external_id, "name": f"Deal {external_id}", "started_at": at(1)}
    return base | {"steps": list(steps)} | fields


def handed(desk: Desk, day: int, name: str) -> dict[str, Any]:
    return {"at": at(day), "do": "assign", "owner_id": str(desk.users[name])}


def moved(day: int, to: str, **more: Any) -> dict[str, Any]:
    return {"at": at(day), "do": "move", "to": to} | more


async def sent(desk: Desk, *items: Any, source: str = "crm") -> list[dict[str, Any]]:
    answer = await desk("service", "POST", "/internal/leads/import", {"source": source, "items": list(items)})
    assert answer.status == 200, answer
    results: list[dict[str, Any]] = answer.json()["items"]
    return results


class TestImporting:
    async def test_the_whole_past_is_told_in_order_when_a_deal_is_new(self, desk: Desk) -> None:
        [result] = await sent(
            desk,
            deal(
                desk, "d1",
                handed(desk, 1, "north1"), moved(3, "negotiation"), handed(desk, 4, "south1"),
                moved(6, "won", value={"amount": "99.5", "currency": "CNY"}),
                region="north", product="P", origin="fair", campaign="spring",
                creator_id=str(desk.users["north2"]),
            ),
        )  # fmt: skip
        assert (result["status"], result["errors"]) == ("created", [])
        events = await desk.events(result["lead_id"])
        assert [(seq, kind) for seq, kind, _ in events] == [
            (1, "lead_created"),
            (2, "lead_assigned"),
            (3, "stage_changed"),
            (4, "lead_assigned"),
            (5, "stage_changed"),
        ]
        assert events[0][2]["credit"]["rep_id"] == str(desk.users["north2"])
        assert (events[0][2]["source"], events[0][2]["campaign"]) == ("fair", "spring")
        assert (events[1][2]["how"], events[3][2]["previous_owner_id"]) == (
            "import",
            str(desk.users["north1"]),
        )
        assert (events[2][2]["credit"]["rep_id"], events[2][2]["duration_s"]) == (
            str(desk.users["north1"]), 2 * 86400,
        )  # fmt: skip
        assert events[4][2]["credit"]["team_id"] == str(desk.units["south-team"])
        assert events[4][2]["value"]["tenant_minor"] == 9950
        rows = await desk.admin.fetch(
            "select occurred_at, historic from events where aggregate_id = $1 order by seq",
            UUID(result["lead_id"]),
        )
        assert [row["occurred_at"].day for row in rows] == [1, 1, 3, 4, 6]
        assert all(row["historic"] for row in rows)
        lead = (await desk("head", "GET", f"/v1/leads/{result['lead_id']}")).json()
        assert (lead["status"], lead["owner_id"], lead["version"], lead["source"]) == (
            "won", str(desk.users["south1"]), 5, "fair",
        )  # fmt: skip
        assert lead["started_at"] == "2025-06-01T12:00:00Z"
        history = (await desk("head", "GET", f"/v1/leads/{result['lead_id']}/history")).json()["items"]
        assert [one["to_stage"] for one in history] == ["negotiation", "won"]

    async def test_nothing_changes_when_sent_again(self, desk: Desk) -> None:
        items = [
            deal(desk, f"d{n}", handed(desk, 2, "north1"), moved(3, "lost", reason="price")) for n in range(5)
        ]
        first = await sent(desk, *items)
        count = "select count(*) from events where tenant_id = $1"
        before = await desk.admin.fetchval(count, desk.tenant_id)
        answer = await desk("service", "POST", "/internal/leads/import", {"source": "crm", "items": items})
        again = answer.json()
        assert {one["status"] for one in again["items"]} == {"unchanged"}
        assert [one["lead_id"] for one in again["items"]] == [one["lead_id"] for one in first]
        assert again["positions"] == []
        assert await desk.admin.fetchval(count, desk.tenant_id) == before
        assert [one["status"] for one in await sent(desk, *items[:1], source="other")] == ["created"]

    async def test_only_the_new_steps_are_taken_when_a_deal_went_on(self, desk: Desk) -> None:
        steps = [handed(desk, 2, "north1"), moved(3, "contract")]
        [first] = await sent(desk, deal(desk, "d1", *steps))
        assert await loads(desk) == {"north1": 1}
        [second] = await sent(desk, deal(desk, "d1", *steps, moved(5, "won")))
        assert (second["status"], second["lead_id"]) == ("extended", first["lead_id"])
        assert [(seq, kind) for seq, kind, _ in await desk.events(first["lead_id"])] == [
            (1, "lead_created"), (2, "lead_assigned"), (3, "stage_changed"), (4, "stage_changed"),
        ]  # fmt: skip
        assert await loads(desk) == {"north1": 0}
        changed = deal(
            desk, "d1", handed(desk, 2, "south1"), moved(3, "contract"), moved(5, "won"), moved(6, "lost")
        )
        [third] = await sent(desk, changed)
        assert (third["status"], third["errors"][0]["code"]) == ("failed", "history_changed")

    async def test_each_bad_row_is_reported_and_keeps_no_other_out(self, desk: Desk) -> None:
        results = await sent(
            desk,
            deal(desk, "good", moved(2, "won")),
            deal(desk, "good", moved(2, "lost")),
            deal(desk, "nowhere", moved(2, "moon")),
            deal(desk, "early", moved(2, "won"), started_at=at(5)),
            deal(desk, "stranger", {"at": at(2), "do": "assign", "owner_id": str(new_id())}),
            deal(desk, "foreign", moved(2, "won", value={"amount": "1", "currency": "USD"})),
            deal(desk, "pipe", pipeline="other"),
            {"external_id": ""},
        )  # fmt: skip
        codes = [[one["code"] for one in result["errors"]] for result in results]
        assert codes[:-1] == [
            [], ["repeated_external_id"], ["unknown_stage"], ["step_before_start"], ["unknown_owner"],
            ["rate_missing"], ["unknown_pipeline"],
        ]  # fmt: skip
        assert codes[-1]
        assert results[2]["errors"][0]["pointer"] == "/steps/0/to"
        [fixed] = await sent(desk, deal(desk, "nowhere", moved(2, "contract")))
        assert fixed["status"] == "created"

    async def test_it_starts_now_and_is_marked_when_nobody_knows_when_it_did(self, desk: Desk) -> None:
        item = deal(desk, "d1", started_at=None)
        [result] = await sent(desk, item)
        lead = (await desk("head", "GET", f"/v1/leads/{result['lead_id']}")).json()
        assert (lead["start_known"], lead["started_at"]) == (False, "2026-03-02T12:00:00Z")
        assert (await desk.events(result["lead_id"]))[0][2]["start_known"] is False

    async def test_the_team_of_that_time_is_credited_when_a_rep_moved_since(self, desk: Desk) -> None:
        for since, unit in (("2025-06-01", "north-team"), ("2025-06-04", "south-team")):
            await desk.admin.execute(
                "insert into org_memberships values ($1, $2, $3::text::timestamptz, $4)",
                desk.tenant_id, desk.users["north1"], since, desk.units[unit],
            )  # fmt: skip
        [result] = await sent(
            desk, deal(desk, "d1", handed(desk, 2, "north1"), moved(3, "contract"), moved(5, "won"))
        )
        teams = [data["credit"]["team_id"] for _, _, data in await desk.events(result["lead_id"])]
        north, south = str(desk.units["north-team"]), str(desk.units["south-team"])
        assert teams == [None, north, north, south]

    async def test_a_full_batch_is_stored_when_a_thousand_come(self, desk: Desk) -> None:
        items = [deal(desk, f"d{n}", handed(desk, 2, "north1"), moved(3, "won")) for n in range(1000)]
        results = await sent(desk, *items)
        assert {one["status"] for one in results} == {"created"}
        sums = (
            "select count(*), sum(seq), count(distinct aggregate_id) from events"
            " where tenant_id = $1 and aggregate_type = 'lead'"
        )
        assert [tuple(row) for row in await desk.admin.fetch(sums, desk.tenant_id)] == [(3000, 6000, 1000)]

    async def test_it_is_refused_when_the_caller_is_no_service(self, desk: Desk) -> None:
        answer = await desk("head", "POST", "/internal/leads/import", {"source": "crm", "items": []})
        assert (answer.status, answer.code) == (403, "services_only")


class TestPipelines:
    async def test_the_same_one_answers_when_declared_twice(self, desk: Desk) -> None:
        body = {"key": "loans", "name": "Loans", "stages": [{"key": "submitted", "name": "Submitted"}]}
        made = [
            (await desk("service", "POST", "/internal/pipelines/import", body)).json()["id"] for _ in range(2)
        ]
        assert made[0] == made[1]
        [result] = await sent(desk, deal(desk, "d1", moved(2, "won"), pipeline="loans"))
        created = (await desk.events(result["lead_id"]))[0][2]
        assert (created["pipeline_id"], created["stage"]) == (made[0], "submitted")
