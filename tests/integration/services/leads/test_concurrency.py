"""Many at once: what is counted and locked must come out as if they had come one after the other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from uuid import UUID

import pytest

from services.leads.assigning.assignment.use_cases import assign_by_rules
from shared.database import connections
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads

REFUSALS = {"same_stage", "same_owner", "owner_changed", "changed_meanwhile"}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more come at once than there are connections: the last one's turn comes when it comes."""
    monkeypatch.setattr(connections, "WAIT_S", 240.0)


class TestManyAtOnce:
    async def test_exactly_one_is_first_when_many_come_with_one_phone(self, desk: Desk) -> None:
        body = {"name": "Same", "phone": "13912345678", "email": "same@example.com"}
        answers = await asyncio.gather(*(desk("head", "POST", "/v1/leads", body) for _ in range(30)))
        leads = [answer.json() for answer in answers]
        assert {answer.status for answer in answers} == {201}
        [first] = [lead["id"] for lead in leads if lead["duplicate_of"] is None]
        assert {lead["duplicate_of"] for lead in leads} == {None, first}

    async def test_loads_and_versions_are_exact_when_everything_happens_to_the_same_leads(
        self, desk: Desk, settings: Settings
    ) -> None:
        chance = random.Random(7)
        body = {
            "name": "All",
            "strategy": "least_loaded",
            "candidates": {"unit_id": str(desk.units["company"])},
        }
        assert (await desk("head", "POST", "/v1/assignment-rules", body)).status == 201
        leads = [(await desk.lead(phone=f"1390000000{n}"))["id"] for n in range(6)]
        reps = [str(desk.users[name]) for name in ("north1", "north2", "south1", "south2")]
        database = Database(make_engine(settings, "leads", "app", pool_size=2))

        async def react() -> None:
            causes = {UUID(lead): new_id() for lead in leads}
            async with database.transaction(Access(desk.tenant_id)) as tx:
                await assign_by_rules(tx, desk.tenant_id, causes, desk.clock.at)

        async def act() -> None:
            path = f"/v1/leads/{chance.choice(leads)}"
            method, rest, sent = chance.choice(
                [
                    ("POST", "/move", {"to": chance.choice(["won", "lost", "contract", "negotiation"])}),
                    ("POST", "/assign", {"owner_id": chance.choice(reps)}),
                    ("PATCH", "", {"phone": f"1390000000{chance.randrange(8)}"}),
                ]
            )
            answer = await desk("head", method, path + rest, sent)
            assert answer.status == 200 or answer.code in REFUSALS, answer

        try:
            await asyncio.gather(*(react() for _ in range(3)), *(act() for _ in range(120)))
        finally:
            await database.dispose()
        found = [(await desk("head", "GET", f"/v1/leads/{lead}")).json() for lead in leads]
        held = Counter(
            name
            for lead in found
            for name, user in desk.users.items()
            if lead["status"] == "open" and lead["owner_id"] == str(user)
        )
        assert {name: count for name, count in (await loads(desk)).items() if count} == held
        for lead in found:
            seqs = [seq for seq, _, _ in await desk.events(lead["id"])]
            assert seqs == list(range(1, lead["version"] + 1))

    async def test_every_key_has_a_lead_that_has_it_when_phones_were_swapped_about(self, desk: Desk) -> None:
        leads = [(await desk.lead(phone=f"1380000000{n % 3}"))["id"] for n in range(6)]
        changes = [(lead, {"phone": f"1380000000{(n + 1) % 3}"}) for n, lead in enumerate(leads)]
        answers = await asyncio.gather(
            *(desk("head", "PATCH", f"/v1/leads/{lead}", change) for lead, change in changes)
        )
        assert all(answer.status == 200 for answer in answers)
        strays = await desk.admin.fetch(
            "select k.value, k.lead_id from duplicate_keys k left join leads l"
            " on l.tenant_id = k.tenant_id and l.id = k.lead_id and l.phone = k.value"
            " where k.tenant_id = $1 and l.id is null",
            desk.tenant_id,
        )
        held = "select count(*) from duplicate_keys where tenant_id = $1"
        assert (strays, await desk.admin.fetchval(held, desk.tenant_id)) == ([], 3)
