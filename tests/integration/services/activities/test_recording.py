from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.activities.leads_known.use_cases import find_leads
from services.activities.leads_known.waiting import wait_for_lead
from services.activities.recording.rules import (
    ClientIdReused,
    Done,
    InTheFuture,
    NotYourRep,
    UnknownLead,
    UnknownRep,
)
from services.activities.recording.tables import list_activities
from services.activities.recording.use_cases import Recorded, record_activity
from shared.access.principal import Principal
from shared.contracts.activities import ActivityRecorded
from shared.ids import new_id
from tests.integration.services.activities.conftest import MOVE_AT, Shop

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def record(shop: Shop, principal: Principal, done: Done) -> Recorded:
    async with shop.app.transaction(principal.access()) as tx:
        return await record_activity(tx, principal, done, NOW)


async def journal(shop: Shop) -> list[ActivityRecorded]:
    async with shop.worker.transaction() as tx:
        rows = await tx.connection.fetch(
            "select payload from events where tenant_id = $1 order by id", shop.tenant_id
        )
    return [ActivityRecorded.model_validate(orjson.loads(row["payload"])) for row in rows]


async def seen(shop: Shop, principal: Principal) -> int:
    async with shop.app.transaction(principal.access()) as tx:
        return len(await list_activities(tx, [], None, 100))


class TestRecordActivity:
    async def test_is_the_reps_in_their_team_when_a_rep_records(self, shop: Shop) -> None:
        lead = await shop.lead(shop.ann, region="asia", product="crm", channel="web")
        recorded = await record(shop, shop.principal(shop.ann), Done("call", NOW, lead, "connected", 45))
        assert recorded.is_new
        assert recorded.activity.effective
        event = (await journal(shop))[0]
        assert (event.kind, event.lead_id, event.owner_id, event.effective) == ("call", lead, shop.ann, True)
        assert (event.credit.rep_id, event.credit.team_id, event.credit.team_region) == (
            shop.ann,
            shop.north,
            "north",
        )
        assert event.credit.team_path == (shop.root, shop.north)
        assert event.dimensions.model_dump() == {"region": "asia", "product": "crm", "channel": "web"}

    async def test_is_in_the_team_of_that_time_when_the_rep_has_moved_since(self, shop: Shop) -> None:
        await record(shop, shop.principal(shop.ann), Done("visit", MOVE_AT - timedelta(days=1)))
        await record(shop, shop.principal(shop.ann), Done("visit", MOVE_AT + timedelta(days=1)))
        assert [event.credit.team_id for event in await journal(shop)] == [shop.south, shop.north]

    async def test_is_the_named_reps_when_their_manager_records(self, shop: Shop) -> None:
        manager = shop.principal(shop.mo, "manager")
        recorded = await record(shop, manager, Done("visit", NOW, rep_id=shop.ann))
        assert (recorded.activity.rep_id, recorded.activity.recorded_by) == (shop.ann, shop.mo)

    async def test_is_no_reps_but_a_teams_when_a_manager_did_it(self, shop: Shop) -> None:
        recorded = await record(shop, shop.principal(shop.mo, "manager"), Done("meeting", NOW))
        assert (recorded.activity.rep_id, recorded.activity.team_id) == (None, shop.north)

    async def test_is_of_the_owners_team_when_nobody_is_known_to_have_done_it(self, shop: Shop) -> None:
        lead = await shop.lead(shop.bob)
        recorded = await record(shop, shop.principal(None, "admin"), Done("message", NOW, lead, "replied"))
        assert (recorded.activity.rep_id, recorded.activity.team_id) == (None, shop.south)
        assert recorded.activity.owner_id == shop.bob

    async def test_is_refused_when_the_named_rep_is_not_led_by_who_records(self, shop: Shop) -> None:
        with pytest.raises(UnknownRep):
            await record(shop, shop.principal(shop.mo, "manager"), Done("visit", NOW, rep_id=shop.bob))
        with pytest.raises(UnknownRep):
            await record(shop, shop.principal(shop.mo, "admin"), Done("visit", NOW, rep_id=new_id()))
        with pytest.raises(NotYourRep):
            await record(shop, shop.principal(shop.ann), Done("visit", NOW, rep_id=shop.bob))
        assert await journal(shop) == []

    async def test_is_refused_when_the_lead_is_unknown_or_not_to_be_seen(self, shop: Shop) -> None:
        foreign = await shop.lead(shop.bob)
        for lead in (new_id(), foreign):
            with pytest.raises(UnknownLead):
                await record(shop, shop.principal(shop.ann), Done("call", NOW, lead))

    async def test_is_refused_when_it_lies_ahead(self, shop: Shop) -> None:
        with pytest.raises(InTheFuture):
            await record(shop, shop.principal(shop.ann), Done("call", NOW + timedelta(hours=1)))

    async def test_is_the_same_activity_when_the_client_sends_it_again(self, shop: Shop) -> None:
        ann, done = shop.principal(shop.ann), Done("call", NOW, client_id="c1", note="谈得不错")
        first, second = await record(shop, ann, done), await record(shop, ann, done)
        assert second.activity == first.activity
        assert (first.is_new, second.is_new) == (True, False)
        assert len(await journal(shop)) == 1

    async def test_is_one_activity_when_the_client_sends_it_many_times_at_once(self, shop: Shop) -> None:
        ann, done = shop.principal(shop.ann), Done("call", NOW, client_id="c1")
        recorded = await asyncio.gather(*(record(shop, ann, done) for _ in range(8)))
        assert len({one.activity.id for one in recorded}) == 1
        assert sum(one.is_new for one in recorded) == 1
        assert len(await journal(shop)) == 1

    async def test_is_refused_when_the_client_id_names_another_activity(self, shop: Shop) -> None:
        ann = shop.principal(shop.ann)
        await record(shop, ann, Done("call", NOW, client_id="c1"))
        with pytest.raises(ClientIdReused):
            await record(shop, ann, Done("visit", NOW, client_id="c1"))

    async def test_is_another_activity_when_another_person_uses_the_same_client_id(self, shop: Shop) -> None:
        for user in (shop.ann, shop.bob):
            assert (await record(shop, shop.principal(user), Done("call", NOW, client_id="c1"))).is_new

    async def test_leaves_its_text_out_of_the_event_when_it_has_a_note(self, shop: Shop) -> None:
        await record(shop, shop.principal(shop.ann), Done("call", NOW, note="private words"))
        async with shop.worker.transaction() as tx:
            payload = await tx.connection.fetchval(
                "select payload from events where tenant_id = $1", shop.tenant_id
            )
        assert "private" not in payload


class TestListActivities:
    async def test_shows_what_each_may_see_when_several_have_recorded(self, shop: Shop) -> None:
        for user in (shop.ann, shop.bob):
            await record(shop, shop.principal(user), Done("call", NOW))
        await record(shop, shop.principal(shop.mo, "manager"), Done("meeting", NOW))
        looking = {
            "ann": shop.principal(shop.ann), "bob": shop.principal(shop.bob),
            "mo": shop.principal(shop.mo, "manager"), "team": shop.principal(shop.ann, "supervisor"),
            "admin": shop.principal(shop.mo, "admin"),
        }  # fmt: skip
        found = {name: await seen(shop, principal) for name, principal in looking.items()}
        assert found == {"ann": 1, "bob": 1, "mo": 2, "team": 2, "admin": 3}

    async def test_agrees_with_row_level_security_when_the_predicate_is_left_out(self, shop: Shop) -> None:
        for user in (shop.ann, shop.bob):
            await record(shop, shop.principal(user), Done("call", NOW))
        for user, role in (
            (shop.ann, "rep"),
            (shop.bob, "supervisor"),
            (shop.mo, "manager"),
            (shop.mo, "admin"),
        ):
            principal = shop.principal(user, role)
            async with shop.app.transaction(principal.access()) as tx:
                bare = await tx.connection.fetchval("select count(*) from activities")
            assert bare == await seen(shop, principal)

    async def test_pages_without_gap_or_repeat_when_times_are_equal(self, shop: Shop) -> None:
        ann = shop.principal(shop.ann)
        for _ in range(7):
            await record(shop, ann, Done("task", NOW))
        after, found = None, []
        async with shop.app.transaction(ann.access()) as tx:
            while page := await list_activities(tx, [], after, 3):
                found += [row.id for row in page]
                after = (page[-1].started_at, page[-1].id)
        assert len(found) == len(set(found)) == 7


class TestWaitForLead:
    async def test_finds_it_when_it_becomes_known_meanwhile(self, shop: Shop) -> None:
        access = shop.principal(shop.mo, "admin").access()
        lead = await shop.lead(None)
        assert await wait_for_lead(shop.app, access, lead)
        async with shop.app.transaction(access) as tx:
            assert list(await find_leads(tx, [lead, new_id()])) == [lead]

    async def test_gives_up_when_it_stays_unknown(self, shop: Shop) -> None:
        access = shop.principal(shop.mo, "admin").access()
        assert not await wait_for_lead(shop.app, access, new_id(), longest_s=0)
