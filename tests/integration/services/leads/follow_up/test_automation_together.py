"""Rules and people act on the same leads at the same time: nobody waits for ever, and the counters hold."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import rule
from tests.integration.services.leads.automating import Reader, automation, reading
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool

PEOPLE = ("north1", "north2", "south1", "south2")


@pytest.fixture
async def reader(desk: Desk, settings: Settings) -> AsyncIterator[Reader]:
    async with reading(desk, settings) as made:
        yield made


async def company(desk: Desk) -> tuple[list[str], str]:
    """Rules that do all that takes locks; ids of leads, and of a pool."""
    pool = await make_pool(desk)
    for strategy in ("round_robin", "least_loaded"):
        await rule(desk, name=strategy, strategy=strategy)
    await automation(desk, "lead_assigned", {"do": "tag", "add": ["seen"]}, {"do": "assign_by_rules"},
                     conditions={"without_tags": ["seen"]})  # fmt: skip
    await automation(desk, "lead_reopened", {"do": "tag", "remove": ["seen"]},
                     {"do": "release", "pool_id": pool["id"]})  # fmt: skip
    await automation(desk, {"event": "stage_changed", "to_stage": ["contract"]},
                     {"do": "assign", "owner_id": str(desk.users["north1"])},
                     {"do": "move", "to": "won"})  # fmt: skip
    return [(await desk.lead())["id"] for _ in range(12)], pool["id"]


async def somebody(
    desk: Desk, leads: list[str], pool: str, chance: random.Random, answers: Counter[int]
) -> None:
    """Does this and that with leads, and counts how often which answer came."""
    for _ in range(25):
        path = f"/v1/leads/{chance.choice(leads)}"
        what, body = chance.choice([
            ("assign", {"owner_id": str(desk.users[chance.choice(PEOPLE)])}),
            ("move", {"to": chance.choice(["contract", "lost", "negotiation"])}),
            ("release", {"pool_id": pool}),
        ])  # fmt: skip
        answers[(await desk("head", "POST", f"{path}/{what}", body)).status] += 1


async def rules(reader: Reader) -> None:
    for _ in range(15):
        await reader.tell(await reader.happened(reader.seen))


async def held(desk: Desk) -> dict[str, int]:
    """Open leads in hand, counted one by one."""
    rows = await desk.admin.fetch(
        "select owner_id, count(*) from leads where tenant_id = $1 and status = 'open'"
        " and owner_id is not null group by owner_id",
        desk.tenant_id,
    )
    names = {user: name for name, user in desk.users.items()}
    return {names[row["owner_id"]]: row["count"] for row in rows}


class TestTogether:
    async def test_counters_hold_and_nobody_is_in_the_way_when_rules_and_people_act_at_once(
        self, desk: Desk, reader: Reader
    ) -> None:
        leads, pool = await company(desk)
        chance = random.Random(7)
        answers: Counter[int] = Counter()
        people = (somebody(desk, leads, pool, chance, answers) for _ in range(4))
        await asyncio.gather(rules(reader), *people)
        await reader.settle()
        assert answers.keys() <= {200, 409}, answers
        assert answers[200] > 0
        deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
        assert await desk.admin.fetchval(deadlocks) == 0
        assert {name: count for name, count in (await loads(desk)).items() if count} == await held(desk)
