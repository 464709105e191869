"""Many leads over forty reps, given by several reactions at once: everybody gets their share.

2,000 leads, or as many as FAIRNESS_LEADS says: `FAIRNESS_LEADS=10000 ./cox test <this file>`.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from services.leads.assigning.assignment.use_cases import assign_by_rules
from shared.database import connections
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk

LEADS = int(os.environ.get("FAIRNESS_LEADS", "2000"))
REPS = 40
AT_ONCE = 4
IN_A_BATCH = 100
"""Leads of one reaction."""

LIKELY = 72.05
"""Chi-squared with 39 degrees of freedom is below this in 999 of 1,000 cases, were it chance."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reactions wait for one another's turns, the last one for all before it."""
    monkeypatch.setattr(connections, "WAIT_S", 240.0)


@pytest.fixture
async def crowd(desk: Desk) -> list[UUID]:
    """So many reps, levels in turn, and nobody else in their unit."""
    await desk.unit("floor", "company", "team")
    for number in range(REPS):
        await desk.user(f"rep{number}", "floor")
        await desk.profile(f"rep{number}", level=f"P{number % 5 + 1}")
    return [desk.users[f"rep{number}"] for number in range(REPS)]


async def define(desk: Desk, **fields: Any) -> None:
    body = {"name": "Floor", "candidates": {"unit_id": str(desk.units["floor"])}} | fields
    answer = await desk("head", "POST", "/v1/assignment-rules", body)
    assert answer.status == 201, answer


async def given(desk: Desk, settings: Settings) -> Counter[UUID]:
    """How many of the leads each rep has got."""
    leads: list[UUID] = []
    for first in range(0, LEADS, 1_000):
        items = [{"name": f"Lead {number}"} for number in range(first, min(first + 1_000, LEADS))]
        answer = await desk("head", "POST", "/v1/leads/batch", {"items": items})
        leads += [UUID(item["id"]) for item in answer.json()["items"]]
    database = Database(make_engine(settings, "leads", "app", pool_size=AT_ONCE))
    turn = asyncio.Semaphore(AT_ONCE)

    async def react(some: list[UUID]) -> Counter[UUID]:
        async with turn, database.transaction(Access(desk.tenant_id)) as tx:
            causes = {lead: new_id() for lead in some}
            owners = await assign_by_rules(tx, desk.tenant_id, causes, desk.clock.at)
            return Counter(owners.values())

    try:
        batches = [leads[at : at + IN_A_BATCH] for at in range(0, LEADS, IN_A_BATCH)]
        return sum(await asyncio.gather(*map(react, batches)), Counter())
    finally:
        await database.dispose()


class TestFairness:
    async def test_nobody_is_more_than_one_ahead_when_by_turns(
        self, desk: Desk, settings: Settings, crowd: list[UUID]
    ) -> None:
        await define(desk, strategy="round_robin")
        counts = await given(desk, settings)
        assert sum(counts.values()) == LEADS
        assert set(counts) == set(crowd)
        assert max(counts.values()) - min(counts.values()) <= 1

    async def test_shares_are_those_of_the_weights_when_weighted(
        self, desk: Desk, settings: Settings, crowd: list[UUID]
    ) -> None:
        by_level = {"P1": 5, "P2": 10, "P3": 12, "P4": 15, "P5": 15}
        await define(desk, strategy="weighted", weights={"by_level": by_level})
        counts = await given(desk, settings)
        weights = dict(zip(crowd, list(by_level.values()) * (REPS // 5), strict=True))
        expected = {rep: LEADS * weight / sum(weights.values()) for rep, weight in weights.items()}
        assert sum(counts.values()) == LEADS
        assert sum((counts[rep] - share) ** 2 / share for rep, share in expected.items()) < LIKELY
        # It is not chance: nobody is further from their share than there are reps to take turns with.
        assert all(abs(counts[rep] - share) < REPS for rep, share in expected.items())
