"""Classes by rule and by hand, and points with their reasons, on the real timers and a clock of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.judging.classification import use_cases
from services.leads.judging.classification.reactions import judge_by
from services.leads.judging.classification.use_cases import judge_soon
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import rule as assignment_rule
from tests.integration.services.leads.assigning.test_assignment import users
from tests.integration.services.leads.automating import shown
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.deduplication.test_merging import merged
from tests.integration.services.leads.passing import follow_up
from tests.integration.services.leads.test_worker import changed

RULES = "/v1/classification-rules"
SCORE = "/v1/score-definition"
BIG = {"value_from": {"amount": "100000", "currency": "CNY"}}


@dataclass
class Judges:
    """The worker's part: a reader that has leads judged, and timers that judge."""

    desk: Desk
    app: Database
    backbone: Backbone
    timers: Timers

    async def happened(self, *leads: dict[str, Any]) -> None:
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            ids = [UUID(lead["id"]) for lead in leads]
            await judge_soon(tx, self.desk.tenant_id, ids, self.desk.clock.now())
        await self.fire()

    async def fire(self) -> None:
        while await self.timers.fire_due(self.backbone):
            pass


@pytest.fixture
async def judges(desk: Desk, settings: Settings) -> AsyncIterator[Judges]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    timers = Timers()
    judge_by(timers, desk.clock)
    yield Judges(desk, app, Backbone(settings, "leads", worker, app, clock=desk.clock), timers)
    for database in (app, worker):
        await database.dispose()


async def define(desk: Desk, **fields: Any) -> str:
    answer = await desk("head", "POST", RULES, {"name": "Rule"} | fields)
    assert answer.status == 201, answer
    made: str = answer.json()["id"]
    return made


async def count(desk: Desk, **fields: Any) -> dict[str, Any]:
    answer = await desk("head", "PUT", SCORE, fields)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


async def patch(desk: Desk, lead: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", fields)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


def classes(lead: dict[str, Any]) -> tuple[Any, ...]:
    return lead["label"], lead["value_class"], lead["intent"], sorted(lead["ruled"])


class TestByRule:
    async def test_a_lead_gets_its_classes_with_one_event_when_it_came(
        self, desk: Desk, judges: Judges
    ) -> None:
        await define(desk, conditions=BIG, label="key", value_class="A")
        await define(desk, position=200, label="general")
        big = await desk.lead(value={"amount": "200000", "currency": "CNY"})
        small = await desk.lead()
        await judges.happened(big, small)
        assert classes(await shown(desk, big)) == ("key", "A", None, ["label", "value_class"])
        assert classes(await shown(desk, small)) == ("general", None, None, ["label"])
        (seq, kind, data) = (await desk.events(big["id"]))[-1]
        assert (seq, kind, data["changed"]) == (2, "lead_updated", ["label", "value_class"])
        timeline = (await desk("head", "GET", f"/v1/leads/{big['id']}/timeline")).json()["items"]
        assert (timeline[0]["kind"], timeline[0]["changed"]) == ("changed", ["label", "value_class"])

    async def test_nothing_is_recorded_when_nothing_changes(self, desk: Desk, judges: Judges) -> None:
        await define(desk, label="general")
        lead = await desk.lead()
        for _ in range(3):
            await judges.happened(lead)
        assert (await shown(desk, lead))["version"] == 2

    async def test_it_follows_when_the_lead_changes(self, desk: Desk, judges: Judges) -> None:
        await define(desk, conditions={"region": ["north"], "custom": {"vip": True}}, intent="A")
        lead = await desk.lead(region="north")
        await judges.happened(lead)
        assert (await shown(desk, lead))["intent"] is None
        await judges.happened(await patch(desk, lead, custom={"vip": True}))
        assert (await shown(desk, lead))["intent"] == "A"
        await judges.happened(await patch(desk, lead, region="south"))
        assert classes(await shown(desk, lead)) == (None, None, None, [])

    async def test_nothing_is_planned_when_the_tenant_has_nothing_to_judge_by(
        self, desk: Desk, judges: Judges
    ) -> None:
        lead = await desk.lead()
        await judges.happened(lead)
        assert (
            await desk.admin.fetchval("select count(*) from timers where tenant_id = $1", desk.tenant_id) == 0
        )

    async def test_all_follow_some_at_a_time_when_rules_change(
        self, desk: Desk, judges: Judges, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(use_cases, "AT_ONCE", 2)
        leads = [await desk.lead(region="north") for _ in range(5)]
        path = f"{RULES}/{await define(desk, conditions={'region': ['north']}, label='key')}"
        fired = 0
        while await judges.timers.fire_due(judges.backbone):
            fired += 1
        assert fired == 3
        assert {(await shown(desk, lead))["label"] for lead in leads} == {"key"}
        assert (await desk("head", "PATCH", path, {"label": "potential"})).json()["version"] == 2
        await judges.fire()
        assert {(await shown(desk, lead))["label"] for lead in leads} == {"potential"}
        assert (await desk("head", "DELETE", path)).json()["active"] is False
        await judges.fire()
        for lead in leads:
            assert classes(await shown(desk, lead)) == (None, None, None, [])

    async def test_a_sweep_passes_over_who_was_erased_or_merged(self, desk: Desk, judges: Judges) -> None:
        gone, kept = await desk.lead(), await desk.lead()
        erased = "update leads set erased_at = now() where id = $1"
        await desk.admin.execute(erased, UUID(gone["id"]))
        await define(desk, label="general")
        await judges.fire()
        assert (await shown(desk, kept))["label"] == "general"
        assert len(await desk.events(gone["id"])) == 1


class TestByHand:
    async def test_it_stays_when_rules_say_otherwise(self, desk: Desk, judges: Judges) -> None:
        await define(desk, label="general", intent="D")
        lead = await desk.lead(label="key")
        await judges.happened(lead)
        assert classes(await shown(desk, lead)) == ("key", None, "D", ["intent"])
        await judges.happened(await patch(desk, lead, intent="B"))
        assert classes(await shown(desk, lead)) == ("key", None, "B", [])

    async def test_rules_give_it_again_when_it_is_handed_back(self, desk: Desk, judges: Judges) -> None:
        await define(desk, label="general")
        lead = await desk.lead(label="key")
        await judges.happened(lead)
        await judges.happened(await patch(desk, lead, label=None))
        assert classes(await shown(desk, lead)) == ("general", None, None, ["label"])

    async def test_it_is_kept_when_confirmed_by_hand(self, desk: Desk, judges: Judges) -> None:
        path = f"{RULES}/{await define(desk, label='general')}"
        lead = await desk.lead()
        await judges.happened(lead)
        confirmed = await patch(desk, lead, label="general")
        assert (confirmed["ruled"], confirmed["version"]) == ([], 3)
        await desk("head", "DELETE", path)
        await judges.fire()
        assert (await shown(desk, lead))["label"] == "general"

    @pytest.mark.parametrize("fields", [{"label": "vip"}, {"value_class": "E"}, {"intent": 1}])
    async def test_it_is_refused_when_there_is_no_such_class(
        self, desk: Desk, fields: dict[str, Any]
    ) -> None:
        answer = await desk("head", "POST", "/v1/leads", {"name": "A"} | fields)
        assert (answer.status, answer.pointers) == (422, [f"/{next(iter(fields))}"])

    async def test_it_tells_by_whom_each_class_is_when_asked(self, desk: Desk, judges: Judges) -> None:
        rule_id = await define(desk, label="general", intent="C")
        lead = await desk.lead(label="key")
        told = (await desk("head", "GET", f"/v1/leads/{lead['id']}/classification")).json()
        assert [(one["name"], one["value"], one["by"], one["rule_id"]) for one in told["classes"]] == [
            ("label", "key", "hand", rule_id), ("value_class", None, None, None),
            ("intent", "C", "rule", rule_id),
        ]  # fmt: skip
        assert (await desk("south1", "GET", f"/v1/leads/{lead['id']}/classification")).status == 404


class TestScore:
    DEFINITION: dict[str, Any] = {  # noqa: RUF012 - nobody changes it
        "base": 5,
        "items": [
            {"name": "big", "points": 40, "conditions": BIG},
            {"name": "web", "points": 10, "conditions": {"source": ["web"]}},
        ],
        "follow_up": [{"within_days": 7, "points": 20}, {"within_days": 30, "points": 5}],
    }

    async def test_it_has_its_reasons_and_is_stored_when_counted(self, desk: Desk, judges: Judges) -> None:
        made = await count(desk, **self.DEFINITION)
        lead = await desk.lead(source="web")
        await judges.happened(lead)
        told = (await desk("head", "GET", f"/v1/leads/{lead['id']}/score")).json()
        assert (told["value"], told["definition_version"]) == (15, made["version"])
        reasons = [tuple(one.values()) for one in told["reasons"]]
        assert reasons == [
            ("big", 40, False, "value"), ("web", 10, True, None), ("follow_up", 5, False, "followed_up"),
        ]  # fmt: skip
        assert (await shown(desk, lead))["score"] == 15
        assert (await desk.events(lead["id"]))[-1][2]["changed"] == ["score"]

    async def test_it_falls_by_itself_when_the_follow_up_grows_old(self, desk: Desk, judges: Judges) -> None:
        await count(desk, **self.DEFINITION)
        lead = await desk.lead()
        await follow_up(desk, lead["id"], NOON)
        await judges.happened(lead)
        found = []
        for days in (0, 6, 7, 29, 30):
            desk.clock.at = NOON + timedelta(days=days)
            await judges.fire()
            found.append((await shown(desk, lead))["score"])
        assert found == [25, 25, 10, 10, 5]
        assert (await shown(desk, lead))["version"] == 4

    async def test_classes_follow_it_in_the_same_change(self, desk: Desk, judges: Judges) -> None:
        await count(desk, **self.DEFINITION)
        await define(desk, conditions={"score_from": 40}, label="key")
        lead = await desk.lead(value={"amount": "500000", "currency": "CNY"})
        await judges.happened(lead)
        now = await shown(desk, lead)
        assert (now["score"], now["label"], now["version"]) == (45, "key", 2)

    async def test_no_lead_has_points_when_none_are_counted_any_longer(
        self, desk: Desk, judges: Judges
    ) -> None:
        lead = await desk.lead()
        assert (await desk("head", "GET", SCORE)).json()["version"] == 0
        await count(desk, **self.DEFINITION)
        await judges.fire()
        assert (await shown(desk, lead))["score"] == 5
        assert (await count(desk, active=False))["version"] == 2
        await judges.fire()
        assert (await shown(desk, lead))["score"] is None
        assert (await desk("head", "GET", f"/v1/leads/{lead['id']}/score")).json()["value"] is None

    @pytest.mark.parametrize(
        ("definition", "pointer"),
        [
            (
                {"items": [{"name": "a", "points": 1, "conditions": {"score_from": 1}}]},
                "/items/0/conditions/score_from",
            ),
            ({"items": [{"name": "a", "points": 5000}]}, "/items/0/points"),
            ({"follow_up": [{"within_days": 0, "points": 5}]}, "/follow_up/0/within_days"),
            ({"active": False, "base": 5}, ""),
        ],
    )
    async def test_it_is_refused_naming_what_cannot_work(
        self, desk: Desk, definition: dict[str, Any], pointer: str
    ) -> None:
        answer = await desk("head", "PUT", SCORE, definition)
        assert (answer.status, answer.pointers) == (422, [pointer])
        assert (await desk("north1", "PUT", SCORE, {"base": 1})).status == 403


class TestMerged:
    async def test_what_was_done_for_a_part_counts_for_the_lead_that_stands(
        self, desk: Desk, judges: Judges
    ) -> None:
        await count(desk, follow_up=[{"within_days": 7, "points": 20}])
        part, whole = await desk.lead(), await desk.lead()
        await merged(desk, part["id"], whole["id"])
        await follow_up(desk, part["id"], NOON)
        await judges.happened(part, whole)
        assert (await shown(desk, whole))["score"] == 20
        assert (await shown(desk, part))["score"] is None

    async def test_a_class_that_rules_gave_a_part_is_not_by_hand_afterwards(
        self, desk: Desk, judges: Judges
    ) -> None:
        await define(desk, conditions={"source": ["fair"]}, label="key")
        part, whole = await desk.lead(source="fair"), await desk.lead(source="web")
        await judges.happened(part, whole)
        await merged(desk, part["id"], whole["id"])
        await judges.happened(whole)
        assert classes(await shown(desk, whole)) == (None, None, None, [])


class TestDefining:
    async def test_a_rule_is_answered_as_given_when_read(self, desk: Desk) -> None:
        body = {"name": "Key", "position": 3, "conditions": {"product": ["crm"]}, "label": "key"}
        made = (await desk("head", "POST", RULES, body)).json()
        assert (made["version"], made["label"], made["value_class"], made["active"]) == (1, "key", None, True)
        assert made["conditions"]["product"] == ["crm"]
        path = f"{RULES}/{made['id']}"
        assert (await desk("head", "GET", path)).json() == made
        changed_ = (await desk("head", "PATCH", path, {"label": None, "intent": "A"}, if_match='"1"')).json()
        assert (changed_["label"], changed_["intent"], changed_["version"]) == (None, "A", 2)
        assert (await desk("head", "PATCH", path, {"intent": None})).pointers == ["/label"]
        assert (await desk("head", "GET", RULES)).json()["items"] == [changed_]
        kinds = [kind for _, kind, _ in await desk.events(made["id"])]
        assert kinds == ["classification_rule_defined"] * 2

    async def test_it_is_refused_when_it_looks_at_what_rules_give(self, desk: Desk) -> None:
        body = {"name": "Circle", "conditions": {"intent": ["A"]}, "label": "key"}
        answer = await desk("head", "POST", RULES, body)
        assert (answer.status, answer.code, answer.pointers) == (
            422, "classification_impossible", ["/conditions/intent"],
        )  # fmt: skip
        assert (await desk("north1", "POST", RULES, {"name": "A", "label": "key"})).status == 403


async def become(desk: Desk, lead: dict[str, Any], label: str) -> None:
    """It gets the label a moment later."""
    now = await shown(desk, lead)
    while now["label"] != label:
        now = await changed(desk, now)


class TestWorker:
    async def test_a_new_lead_is_assigned_by_its_class_when_rules_give_it(self, working: Desk) -> None:
        await define(working, conditions={"source": ["fair"]}, label="key")
        await assignment_rule(
            working, conditions={"label": ["key"]}, candidates=users(working, "north1"), position=1
        )
        await assignment_rule(working, candidates=users(working, "south1"), position=2)
        fair, web = await working.lead(source="fair"), await working.lead(source="web")
        owners = []
        for lead in (fair, web):
            now = lead
            while now["owner_id"] is None:
                now = await changed(working, now)
            owners.append(now["owner_id"])
        assert owners == [str(working.users["north1"]), str(working.users["south1"])]
        await become(working, fair, "key")

    async def test_the_other_is_judged_when_a_lead_is_merged_into_it(self, working: Desk) -> None:
        await define(working, conditions={"tags": ["重点"]}, label="key")
        part, whole = await working.lead(tags=["重点"]), await working.lead()
        await become(working, part, "key")
        await merged(working, part["id"], whole["id"])
        await become(working, whole, "key")
