from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.leads.assigning.returns.reactions import remind_by
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import considered, react, rule, users
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.passing import Time, at, time
from tests.integration.services.leads.pools.test_pool import make_pool
from tests.support.asgi import Answer

__all__ = ["time"]


async def given(desk: Desk, settings: Settings) -> tuple[str, str]:
    """A new lead and who got it by the rules."""
    lead = await desk.lead()
    [owner] = (await react(desk, settings, lead)).values()
    return lead["id"], next(name for name, user in desk.users.items() if user == owner)


async def file(desk: Desk, name: str, lead: str, reason: str = "empty_number", **more: Any) -> Answer:
    return await desk(name, "POST", f"/v1/leads/{lead}/invalid", {"reason": reason} | more)


async def decide(desk: Desk, lead: str, how: str = "approve", by: str = "boss", **body: Any) -> Answer:
    return await desk(by, "POST", f"/v1/leads/{lead}/invalid/{how}", body)


class TestFiling:
    async def test_it_waits_for_the_supervisor_when_its_owner_files_it(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        answer = await file(desk, owner, lead, "peer", note="asked for our prices")
        assert answer.status == 201, answer
        told = answer.json()
        assert (told["reason"], told["state"], told["turn_returned"]) == ("peer", "filed", False)
        for name, seen in (("boss", [lead]), ("north2", [])):
            listed = (await desk(name, "GET", "/v1/lead-returns")).json()["items"]
            assert [one["lead_id"] for one in listed] == seen
        assert (await desk("boss", "GET", f"/v1/leads/{lead}/invalid")).json()["items"] == [told]
        assert (await desk("north2", "GET", f"/v1/leads/{lead}/invalid")).code == "unknown_lead"

    async def test_it_is_refused_when_it_is_late_anothers_or_filed_before(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        first, owner = await given(desk, settings)
        second, _ = await given(desk, settings)
        assert (await file(desk, "boss", first)).code == "not_the_owner"
        assert (await file(desk, owner, first, "boring")).pointers == ["/reason"]
        assert (await file(desk, owner, first)).status == 201
        assert (await file(desk, owner, first)).code == "filed_before"
        desk.clock.at += timedelta(hours=24, seconds=1)
        assert (await file(desk, owner, second)).code == "filed_too_late"


class TestApproving:
    async def test_its_owner_is_next_once_more_when_approved(self, desk: Desk, settings: Settings) -> None:
        pool = await make_pool(desk, is_default=True)
        await rule(desk, candidates=users(desk, "north1", "north2", "south1"))
        lead, owner = await given(desk, settings)
        others = [(await given(desk, settings))[1] for _ in range(2)]
        assert [owner, *others] == ["north1", "north2", "south1"]
        await file(desk, owner, lead)
        answer = await decide(desk, lead, note="called it myself")
        assert answer.status == 200, answer
        told = answer.json()
        assert (told["state"], told["turn_returned"], told["decided_by"]) == (
            "approved", True, str(desk.users["boss"]),
        )  # fmt: skip
        assert await loads(desk) == {"north1": 0, "north2": 1, "south1": 1}
        now = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
        assert (now["owner_id"], now["pool_id"]) == (None, pool["id"])
        body: dict[str, Any] = {"lead": {}}
        explained = (await desk("head", "POST", "/v1/assignment-rules/explain", body)).json()
        assert explained["rules"][0]["candidates"][0]["owed_turns"] == 1
        # The turn that came back, then everybody's own as if nothing had been.
        assert [(await given(desk, settings))[1] for _ in range(5)] == [
            "north1", "north1", "north2", "south1", "north1",
        ]  # fmt: skip

    async def test_nothing_is_owed_twice_when_leads_come_in_one_batch(
        self, desk: Desk, settings: Settings
    ) -> None:
        await make_pool(desk, is_default=True)
        await rule(desk, candidates=users(desk, "north1", "north2"))
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        await decide(desk, lead)
        leads = [await desk.lead() for _ in range(5)]
        owners = Counter((await react(desk, settings, *leads)).values())
        assert owners == {desk.users["north1"]: 3, desk.users["north2"]: 2}
        kept = "select max(owed_turns) from turns where tenant_id = $1"
        assert await desk.admin.fetchval(kept, desk.tenant_id) == 0

    async def test_shares_are_as_if_it_had_not_been_when_weighted(
        self, desk: Desk, settings: Settings
    ) -> None:
        await make_pool(desk, is_default=True)
        await desk.profile("north1", "P1")
        weights = {"default": 2, "by_level": {"P1": 1}}
        await rule(desk, strategy="weighted", weights=weights, candidates=users(desk, "north1", "north2"))
        found = [await given(desk, settings) for _ in range(3)]
        lead = next(lead for lead, owner in found if owner == "north1")
        await file(desk, "north1", lead)
        assert (await decide(desk, lead)).json()["turn_returned"] is True
        again = Counter([(await given(desk, settings))[1] for _ in range(4)])
        assert again == {"north1": 2, "north2": 2}
        total = "select sum(credit) from turns where tenant_id = $1"
        assert await desk.admin.fetchval(total, desk.tenant_id) == 0

    async def test_no_turn_comes_back_when_no_rule_by_turns_gave_it(
        self, desk: Desk, settings: Settings
    ) -> None:
        await make_pool(desk, is_default=True)
        by_hand = (await desk.lead())["id"]
        body = {"owner_id": str(desk.users["north1"])}
        await desk("head", "POST", f"/v1/leads/{by_hand}/assign", body)
        await rule(desk, strategy="least_loaded", candidates=users(desk, "north2"))
        by_load, _ = await given(desk, settings)
        for name, lead in (("north1", by_hand), ("north2", by_load)):
            assert (await file(desk, name, lead)).status == 201
            told = (await decide(desk, lead)).json()
            assert (told["state"], told["turn_returned"]) == ("approved", False)

    async def test_it_is_refused_when_the_wrong_one_decides_or_it_is_outdated(
        self, desk: Desk, settings: Settings
    ) -> None:
        await make_pool(desk, is_default=True)
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        assert (await decide(desk, lead)).code == "nothing_filed"
        await file(desk, owner, lead)
        assert (await decide(desk, lead, by=owner)).code == "decision_not_allowed"
        await desk.user("other", "south-team", role="supervisor", is_rep=False)
        assert (await decide(desk, lead, by="other")).code == "unknown_lead"
        desk.clock.at += timedelta(minutes=1)
        body = {"owner_id": str(desk.users["north2"])}
        await desk("head", "POST", f"/v1/leads/{lead}/assign", body)
        assert (await decide(desk, lead)).code == "filing_outdated"

    async def test_nothing_happens_when_there_is_no_pool_to_give_it_into(
        self, desk: Desk, settings: Settings
    ) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        refused = await decide(desk, lead)
        assert (refused.code, refused.pointers) == ("which_pool", ["/pool_id"])
        [kept] = (await desk("boss", "GET", f"/v1/leads/{lead}/invalid")).json()["items"]
        assert kept["state"] == "filed"
        owed = "select max(owed_turns) from turns where tenant_id = $1"
        assert await desk.admin.fetchval(owed, desk.tenant_id) == 0

    async def test_one_turn_comes_back_when_two_approve_at_once(self, desk: Desk, settings: Settings) -> None:
        await make_pool(desk, is_default=True)
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        answers = await asyncio.gather(*(decide(desk, lead, by=name) for name in ("boss", "head") * 2))
        assert [answer.status for answer in answers].count(200) == 1
        owed = "select owed_turns from turns where tenant_id = $1 and user_id = $2"
        assert await desk.admin.fetchval(owed, desk.tenant_id, desk.users["north1"]) == 1


class TestRefusing:
    async def test_the_owner_keeps_it_when_refused(self, desk: Desk, settings: Settings) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        told = (await decide(desk, lead, "refuse", note="it answers")).json()
        assert (told["state"], told["decision_note"], told["turn_returned"]) == (
            "refused",
            "it answers",
            False,
        )
        assert (await desk("head", "GET", f"/v1/leads/{lead}")).json()["owner_id"] == str(desk.users[owner])
        assert (await file(desk, owner, lead)).code == "filed_before"
        assert (await decide(desk, lead)).code == "nothing_filed"
        seen = await considered(desk, {"id": lead})
        assert UUID(seen["North1"]["user_id"]) == desk.users["north1"]


NINE_TO_SIX: dict[str, Any] = {"warn_minutes": 540, "due_minutes": 1080, "escalate_to": "director"}


async def set_terms(desk: Desk, by: str = "head", **terms: Any) -> Answer:
    return await desk(by, "PUT", "/v1/lead-returns/terms", terms)


class TestWaiting:
    async def test_deciders_are_warned_and_those_above_told_when_nobody_decides(
        self, desk: Desk, settings: Settings, time: Time
    ) -> None:
        """Filed on Thursday at three in the afternoon: working days are what counts, at the weekend none."""
        await desk.user("chief", "company", role="director", is_rep=False)
        assert (await set_terms(desk, **NINE_TO_SIX)).status == 200
        await rule(desk, candidates=users(desk, "north1"))
        remind_by(time.timers, desk.clock)
        desk.clock.at = at(3, 5, 15)
        lead, owner = await given(desk, settings)
        told = (await file(desk, owner, lead)).json()
        assert datetime.fromisoformat(told["due_at"]) == at(3, 9, 15)
        await time.pass_to(at(3, 10))
        happened = [(kind, data["told"]) for _, kind, data in (await desk.events(lead))[2:]]
        assert happened == [
            ("return_warned", [str(desk.users["boss"])]), ("return_overdue", [str(desk.users["chief"])]),
        ]  # fmt: skip
        rows = await desk.admin.fetch(
            "select occurred_at from events where aggregate_id = $1 and type like '%return_%' order by seq",
            UUID(lead),
        )
        assert [row["occurred_at"] for row in rows] == [at(3, 6, 15), at(3, 9, 15)]

    async def test_nobody_is_told_when_it_is_decided_in_time(
        self, desk: Desk, settings: Settings, time: Time
    ) -> None:
        await desk.user("chief", "company", role="director", is_rep=False)
        await set_terms(desk, **NINE_TO_SIX)
        await rule(desk, candidates=users(desk, "north1"))
        remind_by(time.timers, desk.clock)
        desk.clock.at = at(3, 5, 15)
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        assert (await decide(desk, lead, "refuse")).status == 200
        await time.pass_to(at(3, 12))
        assert len(await desk.events(lead)) == 2

    async def test_nobody_is_told_when_the_lead_is_in_other_hands(
        self, desk: Desk, settings: Settings, time: Time
    ) -> None:
        await desk.user("chief", "company", role="director", is_rep=False)
        await set_terms(desk, **NINE_TO_SIX)
        await rule(desk, candidates=users(desk, "north1"))
        remind_by(time.timers, desk.clock)
        desk.clock.at = at(3, 5, 15)
        lead, owner = await given(desk, settings)
        await file(desk, owner, lead)
        body = {"owner_id": str(desk.users["north2"])}
        assert (await desk("boss", "POST", f"/v1/leads/{lead}/assign", body)).status == 200
        await time.pass_to(at(3, 12))
        assert [kind for _, kind, _ in await desk.events(lead)][2:] == ["lead_assigned"]

    async def test_a_decision_may_take_as_long_as_it_likes_while_nothing_is_said(
        self, desk: Desk, settings: Settings
    ) -> None:
        terms = (await desk("boss", "GET", "/v1/lead-returns/terms")).json()
        assert terms == {"warn_minutes": None, "due_minutes": None, "escalate_to": None, "version": 0}
        await rule(desk, candidates=users(desk, "north1"))
        lead, owner = await given(desk, settings)
        assert (await file(desk, owner, lead)).json()["due_at"] is None

    async def test_terms_are_refused_with_the_field_when_they_cannot_work(self, desk: Desk) -> None:
        nobody = await set_terms(desk, **NINE_TO_SIX)
        assert (nobody.status, nobody.pointers) == (422, ["/escalate_to"])
        await desk.user("chief", "company", role="director", is_rep=False)
        late = await set_terms(desk, **NINE_TO_SIX | {"warn_minutes": 1080})
        assert (late.code, late.pointers) == ("return_terms_impossible", ["/warn_minutes"])
        assert (await set_terms(desk, due_minutes=5)).pointers == ["/escalate_to"]
        assert (await set_terms(desk, "boss", **NINE_TO_SIX)).status == 403
        assert (await set_terms(desk, **NINE_TO_SIX)).json()["version"] == 1
        assert (await set_terms(desk)).json()["version"] == 2
