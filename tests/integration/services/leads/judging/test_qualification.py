"""What is known of a lead, on what it rests, and stages that demand it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import default_pipeline, moved

SAID = {"answer": "yes", "evidence": "他们要换掉旧系统"}
ALL: dict[str, Any] = dict.fromkeys(("need", "money", "authority", "eligibility"), SAID)


async def qualify(desk: Desk, lead: dict[str, Any], by: str = "head", **said: Any) -> dict[str, Any]:
    answer = await desk(by, "PUT", f"/v1/leads/{lead['id']}/qualification", said)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


async def activity(desk: Desk, lead: dict[str, Any]) -> str:
    made = new_id()
    await desk.admin.execute(
        "insert into lead_activities values ($1, $2, $3, 'call', now(), null, null, true, null)",
        desk.tenant_id, UUID(lead["id"]), made,
    )  # fmt: skip
    return str(made)


class TestSaying:
    async def test_it_is_kept_with_who_said_it_when_it_has_evidence(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        path = f"/v1/leads/{lead['id']}/qualification"
        first = (await desk("north1", "GET", path)).json()
        assert (first["met"], first["need"]["answer"], first["need"]["by_id"]) == (0, "unknown", None)
        call = await activity(desk, lead)
        said = {"need": SAID, "money": {"answer": "no", "activity_id": call}}
        made = await qualify(desk, lead, "north1", **said)
        assert (made["met"], made["need"]["evidence"]) == (1, SAID["evidence"])
        assert (made["money"]["answer"], made["money"]["activity_id"]) == ("no", call)
        assert made["need"]["by_id"] == str(desk.users["north1"])
        got = await desk("north1", "GET", path)
        assert (got.json(), got.headers["etag"]) == (made, '"2"')

    async def test_who_said_it_first_stays_when_others_say_the_same(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        await qualify(desk, lead, "north1", need=SAID)
        made = await qualify(desk, lead, "head", need=SAID, money=SAID)
        assert made["need"]["by_id"] == str(desk.users["north1"])
        assert made["money"]["by_id"] == str(desk.users["head"])
        assert (await qualify(desk, lead, "head", need=SAID, money=SAID))["version"] == made["version"] == 3

    async def test_the_event_holds_nothing_of_the_evidence(self, desk: Desk) -> None:
        lead = await desk.lead()
        await qualify(desk, lead, need=SAID)
        (_, kind, data) = (await desk.events(lead["id"]))[-1]
        assert (kind, data["changed"]) == ("lead_updated", ["qualification"])
        assert "系统" not in str(data)

    async def test_what_is_absent_is_unknown_again(self, desk: Desk) -> None:
        lead = await desk.lead()
        await qualify(desk, lead, **ALL)
        made = await qualify(desk, lead, need=SAID)
        assert (made["met"], made["money"]["answer"], made["money"]["evidence"]) == (1, "unknown", None)

    @pytest.mark.parametrize(
        ("said", "pointer"),
        [
            ({"need": {"answer": "yes"}}, "/need/evidence"),
            ({"money": {"answer": "no"}}, "/money/evidence"),
            ({"need": {"answer": "maybe", "evidence": "x"}}, "/need/answer"),
            ({"need": {"answer": "yes", "activity_id": str(new_id())}}, "/need/activity_id"),
            ({"budget": SAID}, "/budget"),
        ],
    )
    async def test_it_is_refused_naming_the_answer_when_it_is_bare(
        self, desk: Desk, said: dict[str, Any], pointer: str
    ) -> None:
        lead = await desk.lead()
        answer = await desk("head", "PUT", f"/v1/leads/{lead['id']}/qualification", said)
        assert (answer.status, answer.pointers) == (422, [pointer])
        assert len(await desk.events(lead["id"])) == 1

    async def test_an_activity_of_another_lead_is_no_evidence(self, desk: Desk) -> None:
        lead, other = await desk.lead(), await desk.lead()
        body = {"need": {"answer": "yes", "activity_id": await activity(desk, other)}}
        answer = await desk("head", "PUT", f"/v1/leads/{lead['id']}/qualification", body)
        assert answer.pointers == ["/need/activity_id"]

    async def test_nobody_else_sees_or_says_it(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        path = f"/v1/leads/{lead['id']}/qualification"
        assert (await desk("south1", "GET", path)).status == 404
        assert (await desk("south1", "PUT", path, {"need": SAID})).status == 404
        assert (await desk("north1", "PUT", path, {"need": SAID}, if_match='"7"')).status == 412

    async def test_the_evidence_goes_when_the_person_is_forgotten(self, desk: Desk) -> None:
        lead = await desk.lead()
        await qualify(desk, lead, need=SAID)
        erased = await desk("head", "POST", f"/v1/leads/{lead['id']}/erase", {"reason": "asked"})
        assert erased.status == 200, erased
        stored = "select answer, evidence from qualifications where tenant_id = $1"
        assert [tuple(row) for row in await desk.admin.fetch(stored, desk.tenant_id)] == [("yes", None)]
        answer = await desk("head", "PUT", f"/v1/leads/{lead['id']}/qualification", {"need": SAID})
        assert (answer.status, answer.code) == (409, "lead_erased")


class TestStages:
    async def demand(self, desk: Desk, stage: str, *names: str) -> None:
        pipeline = await default_pipeline(desk)
        stages = [
            each | ({"required_qualification": list(names)} if each["key"] == stage else {})
            for each in pipeline["stages"]
        ]
        answer = await desk("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        assert answer.status == 200, answer
        assert answer.json()["stages"] == stages

    async def test_every_missing_answer_is_named_when_a_move_is_refused(self, desk: Desk) -> None:
        await self.demand(desk, "prospecting", *ALL)
        lead = await desk.lead()
        await qualify(desk, lead, need=SAID, money=SAID | {"answer": "no"})
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "first_contact"})
        assert (answer.status, answer.code) == (409, "criteria_missing")
        assert [one["code"] for one in answer.json()["errors"]] == [
            "qualification:money", "qualification:authority", "qualification:eligibility",
        ]  # fmt: skip

    async def test_the_move_is_made_when_four_of_four_are_met(self, desk: Desk) -> None:
        await self.demand(desk, "prospecting", *ALL)
        lead = await desk.lead()
        assert (await qualify(desk, lead, **ALL))["met"] == 4
        assert (await moved(desk, lead, "first_contact"))["stage"] == "first_contact"

    async def test_jumping_over_the_stage_does_not_help(self, desk: Desk) -> None:
        await self.demand(desk, "needs_analysis", "authority")
        lead = await desk.lead()
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "won"})
        assert [one["code"] for one in answer.json()["errors"]] == ["qualification:authority"]
        assert (await moved(desk, lead, "lost"))["status"] == "lost"
