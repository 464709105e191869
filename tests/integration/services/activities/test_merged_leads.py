"""Activities for leads that are parts of others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.activities.leads_known.use_cases import learn
from services.activities.recording.rules import Done, UnknownLead
from services.activities.recording.use_cases import Asked, list_activities, record_activity
from shared.access.principal import Principal
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import LeadMerged, LeadUnmerged
from tests.integration.services.activities.conftest import Shop
from tests.integration.services.activities.test_recording import journal

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class Heard:
    type: str
    tenant_id: UUID
    aggregate_id: UUID
    data: dict[str, Any] = field(default_factory=dict)


async def hear(shop: Shop, lead: UUID, event: LeadMerged | LeadUnmerged) -> None:
    async with shop.worker.transaction() as tx:
        told = event.model_dump(mode="json")
        await learn(tx, [Heard(event.type_name(), shop.tenant_id, lead, told)])


async def merge(shop: Shop, lead: UUID, into: UUID) -> None:
    await hear(shop, lead, LeadMerged(credit=Credit(), dimensions=Dimensions(), into=into))


async def call(shop: Shop, who: Principal, lead: UUID) -> ActivityRecorded:
    async with shop.app.transaction(who.access()) as tx:
        await record_activity(tx, who, Done("call", NOW, lead, "connected", 45), NOW)
    return (await journal(shop))[-1]


async def listed(shop: Shop, who: Principal, lead: UUID) -> int:
    async with shop.app.transaction(who.access()) as tx:
        return len(await list_activities(tx, Asked(lead_id=lead), None, 100))


class TestRecording:
    async def test_it_counts_for_all_above_when_the_lead_was_merged(self, shop: Shop) -> None:
        one, two, three = [await shop.lead(owner) for owner in (shop.ann, shop.ann, shop.bob)]
        await merge(shop, two, three)
        await merge(shop, one, two)
        event = await call(shop, shop.principal(shop.bob), one)
        assert (event.lead_id, event.part_of, event.owner_id) == (one, (two, three), shop.bob)
        assert (await call(shop, shop.principal(shop.bob), three)).part_of == ()

    async def test_its_former_owner_may_still_tell_what_was_done(self, shop: Shop) -> None:
        one, other = await shop.lead(shop.ann), await shop.lead(shop.bob)
        await merge(shop, one, other)
        assert (await call(shop, shop.principal(shop.ann), one)).part_of == (other,)
        with pytest.raises(UnknownLead):
            await call(shop, shop.principal(shop.ann), other)

    async def test_it_is_anothers_when_neither_was_ever_theirs(self, shop: Shop) -> None:
        one, other = await shop.lead(shop.ann), await shop.lead(shop.ann)
        await merge(shop, one, other)
        with pytest.raises(UnknownLead):
            await call(shop, shop.principal(shop.bob), one)

    async def test_it_is_its_own_again_when_undone(self, shop: Shop) -> None:
        one, other = await shop.lead(shop.ann), await shop.lead(shop.bob)
        await merge(shop, one, other)
        credit = Credit(rep_id=shop.ann, team_id=shop.north)
        await hear(shop, one, LeadUnmerged(credit=credit, dimensions=Dimensions(), out_of=other))
        event = await call(shop, shop.principal(shop.ann), one)
        assert (event.part_of, event.owner_id) == ((), shop.ann)
        with pytest.raises(UnknownLead):
            await call(shop, shop.principal(shop.bob), one)


class TestListing:
    async def test_the_whole_tells_those_of_its_parts_while_they_are(self, shop: Shop) -> None:
        head = shop.principal(None, "admin")
        one, other = await shop.lead(shop.ann), await shop.lead(shop.ann)
        await call(shop, shop.principal(shop.ann), one)
        assert await listed(shop, head, other) == 0
        await merge(shop, one, other)
        assert (await listed(shop, head, other), await listed(shop, head, one)) == (1, 1)
        undone = LeadUnmerged(credit=Credit(), dimensions=Dimensions(), out_of=other)
        await hear(shop, one, undone)
        assert await listed(shop, head, other) == 0
