"""The worker on a real Kafka: what a creation causes, and what comes from elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.leads.bootstrap import build_worker
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions, Event
from shared.contracts.org import TenantConfigured, UnitDefined, UserDefined
from shared.contracts.scoring import Reach, RepMeasured
from shared.events.envelope import headers_of
from shared.events.kafka import Outgoing, Producer, TopicPartition
from shared.events.positions import Position, encode_token
from shared.events.streams import PARTITIONS, key_of, partition_of
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk
from tests.support.asgi import Answer

LIMIT_S = 240.0


async def patiently(desk: Desk, by: str, *request: Any, not_yet: int, **headers: str) -> Answer:
    """The answer to a request that waits for what is under way: asked again while it is `not_yet`, as clients
    do. The limit is a hang guard.
    """
    async with asyncio.timeout(LIMIT_S):
        while (answer := await desk(by, *request, **headers, cox_wait_ms="30000")).status == not_yet:
            pass
    return answer


async def changed(desk: Desk, lead: dict[str, Any], by: str = "head") -> dict[str, Any]:
    """The lead once it is another than given."""
    tag = f'"{lead["version"]}"'
    answer = await patiently(desk, by, "GET", f"/v1/leads/{lead['id']}", not_yet=304, if_none_match=tag)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


class TestAssigningAfterCreating:
    async def test_the_owner_follows_when_a_rule_is_there(self, working: Desk) -> None:
        body = {
            "name": "North",
            "strategy": "round_robin",
            "candidates": {"unit_id": str(working.units["north"])},
        }
        assert (await working("head", "POST", "/v1/assignment-rules", body)).status == 201
        lead = await working.lead()
        assert lead["owner_id"] is None
        now = await changed(working, lead)
        assert now["owner_id"] in {str(working.users["north1"]), str(working.users["north2"])}
        seq, kind, data = (await working.events(lead["id"]))[-1]
        assert (seq, kind, data["how"]) == (2, "lead_assigned", "rule")
        cause = "select causation_id from events where tenant_id = $1 and type like '%lead_assigned%'"
        created = "select event_id from events where tenant_id = $1 and type like '%lead_created%'"
        assert await working.admin.fetchval(cause, working.tenant_id) == await working.admin.fetchval(
            created, working.tenant_id
        )

    async def test_each_tenants_rules_decide_when_their_leads_come_together(
        self, desk: Desk, settings: Settings, topics: str
    ) -> None:
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        waiting = []
        for each in (desk, other):
            body = {
                "name": "North1",
                "strategy": "least_loaded",
                "candidates": {"user_ids": [str(each.users["north1"])]},
            }
            assert (await each("head", "POST", "/v1/assignment-rules", body)).status == 201
            waiting += [(each, await each.lead()) for _ in range(3)]
        worker = build_worker(settings, clock=desk.clock)
        running = asyncio.create_task(worker.run())
        try:
            owners = [(await changed(each, lead))["owner_id"] for each, lead in waiting]
        finally:
            await worker.stop()
            await running
        assert owners == [str(desk.users["north1"])] * 3 + [str(other.users["north1"])] * 3


class Elsewhere:
    """Other services: publishes events as their relays would."""

    def __init__(self, settings: Settings, tenant_id: UUID) -> None:
        self.settings = settings
        self.tenant_id = tenant_id

    async def publish(self, stream: str, aggregate_id: UUID, *events: Event) -> list[Position]:
        """The aggregate's first events, in order; the positions by which to wait for them."""
        records = []
        for seq, event in enumerate(events, 1):
            row = {
                "event_id": new_id(),
                "type": event.type_name(),
                "aggregate_type": event.aggregate_type,
                "aggregate_id": aggregate_id,
                "tenant_id": self.tenant_id,
                "seq": seq,
                "occurred_at": NOON,
                "causation_id": None,
                "historic": False,
                "traceparent": None,
            }
            headers = headers_of(row, source=b"/services/test", epoch=1, replay=False)
            key = key_of(aggregate_id)
            partition = partition_of(key, PARTITIONS[stream])
            topic = f"{self.settings.topic_prefix}{stream}"
            payload = event.model_dump_json().encode()
            records.append(Outgoing(TopicPartition(topic, partition), key, payload, headers))
        producer = Producer(self.settings.kafka_bootstrap, "elsewhere")
        await producer.start()
        try:
            await producer.send(records, timeout_s=LIMIT_S)
        finally:
            await producer.stop()
        return [Position(stream, aggregate_id, len(events))]

    def token(self, positions: list[Position]) -> str:
        return encode_token(positions, self.tenant_id, self.settings.position_secret.get_secret_value())


class TestActivities:
    async def test_a_demanded_visit_counts_at_once_when_its_position_is_awaited(
        self, working: Desk, settings: Settings
    ) -> None:
        pipeline = (await working("head", "GET", "/v1/pipelines")).json()["items"][0]
        stages = [stage | {"required_activities": ["visit"]} for stage in pipeline["stages"]]
        await working("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        lead = await working.lead()
        move = ("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "first_contact"})
        refused = await working(*move)
        assert (refused.status, refused.json()["errors"][0]["code"]) == (409, "activity:visit")
        elsewhere = Elsewhere(settings, working.tenant_id)
        visit = ActivityRecorded(
            kind="visit",
            lead_id=UUID(lead["id"]),
            owner_id=None,
            credit=Credit(rep_id=working.users["north1"]),
            dimensions=Dimensions(),
            outcome="met",
            duration_s=900,
            effective=True,
        )
        token = elsewhere.token(await elsewhere.publish("cox.activities", new_id(), visit))
        answer = await patiently(working, *move, not_yet=504, cox_wait_for=token)
        assert (answer.status, answer.json()["stage"]) == (200, "first_contact")
        timeline = (await working("head", "GET", f"/v1/leads/{lead['id']}/timeline")).json()["items"]
        [seen] = [entry for entry in timeline if entry["kind"] == "activity"]
        assert (seen["activity_kind"], seen["outcome"], seen["by"]) == (
            "visit", "met", str(working.users["north1"]),
        )  # fmt: skip


class TestStandings:
    async def test_shares_follow_the_newest_figures_of_these_months_when_scoring_tells_them(
        self, working: Desk, settings: Settings
    ) -> None:
        """North1 won 1 of 2, first said to be 0 of 2, and long ago 9 of 9; north2 won 1 of 4."""
        elsewhere = Elsewhere(settings, working.tenant_id)
        positions = []
        for name, told in (
            ("north1", [(date(2026, 3, 1), 0, 2), (date(2026, 3, 1), 1, 2), (date(2025, 12, 1), 9, 9)]),
            ("north2", [(date(2026, 2, 1), 0, 1), (date(2026, 3, 1), 1, 3)]),
        ):
            rep = working.users[name]
            events = [measured(rep, month, won, closed) for month, won, closed in told]
            positions += await elsewhere.publish("cox.scoring", rep, *events)
        share = {"metric": "win_rate", "months": 3}
        named = [str(working.users[name]) for name in ("north1", "north2", "south1")]
        body = {
            "name": "By win rate",
            "strategy": "weighted",
            "candidates": {"user_ids": named},
            "weights": {"default": 3, "kpi": share},
        }
        made = await working("head", "POST", "/v1/assignment-rules", body)
        assert made.status == 201, made
        defaults = {"least_percent": 50, "most_percent": 200}
        assert made.json()["weights"]["kpi"] == share | defaults
        token = elsewhere.token(positions)
        path, body = "/v1/assignment-rules/explain", {"lead": {}}
        answer = await patiently(working, "head", "POST", path, body, not_yet=504, cox_wait_for=token)
        found = answer.json()["rules"][0]["candidates"]
        assert [(one["reached"], one["weight"]) for one in found] == [(0.5, 399), (0.25, 201), (None, 300)]
        assert found[0]["chosen"]


def measured(rep: UUID, month: date, won: int, closed: int) -> RepMeasured:
    reach = Reach(metric="win_rate", direction="up", numerator=won, denominator=closed)
    other = Reach(metric="calls", direction="up", numerator=7)
    return RepMeasured(rep_id=rep, month=month, reaches=(other, reach))


class TestTenants:
    async def test_a_new_tenant_has_directory_and_pipeline_when_it_is_configured(
        self, working: Desk, settings: Settings
    ) -> None:
        tenant_id = new_id()
        elsewhere = Elsewhere(settings, tenant_id)
        unit, user = new_id(), new_id()
        positions = await elsewhere.publish(
            "cox.org",
            tenant_id,
            TenantConfigured(name="New", timezone="Asia/Shanghai", currency="CNY"),
            UnitDefined(unit_id=unit, parent_id=None, kind="company", code="c", name="C"),
            UserDefined(
                user_id=user, display_name="Ada", code="ada", unit_id=unit, roles=("admin",),
                visibility="tenant", is_rep=False,
            ),
        )  # fmt: skip
        other = Desk(working.app, working.admin, working.clock, working.callers, tenant_id=tenant_id)
        other.users["ada"] = user
        other.callers[str(user)] = replace(
            working.callers[str(working.users["head"])],
            tenant_id=tenant_id,
            id=user,
            user_id=user,
            unit_id=unit,
        )
        token = elsewhere.token(positions)
        answer = await patiently(other, "ada", "GET", "/v1/leads", not_yet=504, cox_wait_for=token)
        assert answer.status == 200, answer
        made = await other("ada", "POST", "/v1/leads", {"name": "First", "phone": "13800138000"})
        assert (made.status, made.json()["stage"]) == (201, "prospecting")
        count = "select count(*) from pipelines where tenant_id = $1 and is_default"
        assert await working.admin.fetchval(count, tenant_id) == 1


class TestKeeping:
    async def test_it_goes_back_into_the_pool_when_its_owner_does_nothing(self, working: Desk) -> None:
        members = {"unit_ids": [str(working.units["company"])]}
        body = {"name": "p", "is_default": True, "members": members, "keeping": {"follow_up_days": 7}}
        pool = (await working("head", "POST", "/v1/pools", body)).json()
        # No rule finds anybody for it.
        await working(
            "head", "POST", "/v1/assignment-rules",
            {"name": "r", "strategy": "round_robin", "conditions": {"source": ["fair"]},
             "candidates": {"unit_id": str(working.units["company"])}},
        )  # fmt: skip
        lying = await changed(working, await working.lead())
        assert lying["pool_id"] == pool["id"]
        taken = (await working("north1", "POST", f"/v1/leads/{lying['id']}/claim")).json()
        await planned(working, taken["id"])
        working.clock.at += timedelta(days=7)
        back = await changed(working, taken)
        assert (back["owner_id"], back["pooled_at"] is None) == (None, False)
        [entry, *_] = (await working("head", "GET", f"/v1/leads/{lying['id']}/timeline")).json()["items"]
        assert (entry["kind"], entry["how"]) == ("pooled", "no_follow_up")


class TestFirstResponse:
    async def test_it_is_noted_at_once_when_activities_tell_of_it(
        self, working: Desk, settings: Settings
    ) -> None:
        body = {"name": "Everything", "due_minutes": 15, "warn_minutes": 12}
        assert (await working("head", "POST", "/v1/response-rules", body)).status == 201
        north1 = working.users["north1"]
        candidates = {"user_ids": [str(north1)]}
        body = {"name": "North1", "strategy": "round_robin", "candidates": candidates}
        assert (await working("head", "POST", "/v1/assignment-rules", body)).status == 201
        given = await changed(working, await working.lead())
        await planned(working, given["id"])
        call = ActivityRecorded(
            kind="call",
            lead_id=UUID(given["id"]),
            owner_id=north1,
            credit=Credit(rep_id=north1),
            dimensions=Dimensions(),
            outcome="connected",
            duration_s=42,
            effective=True,
        )
        await Elsewhere(settings, working.tenant_id).publish("cox.activities", new_id(), call)
        await changed(working, given)
        _, kind, data = (await working.events(given["id"]))[-1]
        assert (kind, data["how"], data["elapsed_s"]) == ("response_given", "follow_up", 0)
        response = (await working("north1", "GET", f"/v1/leads/{given['id']}/response")).json()
        assert response["current"]["handled_at"] == NOON.isoformat().replace("+00:00", "Z")


async def planned(desk: Desk, lead: str) -> None:
    """The reaction has seen the assignment; the limit is a hang guard."""
    seen = "select exists (select from timers where aggregate_id = $1)"
    async with asyncio.timeout(LIMIT_S):
        while not await desk.admin.fetchval(seen, UUID(lead)):  # noqa: ASYNC110 - timers tell nobody
            await asyncio.sleep(0.02)
