"""What reps have reached is told to other services: whole months, at most once a minute each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.scoring.kpis import reaches as reaches_module
from services.scoring.kpis.apply import Engine
from services.scoring.kpis.notices import announce
from services.scoring.kpis.reaches import INTERVAL, tell
from shared.database.transactions import Database
from shared.events.envelope import Received
from shared.ids import new_id
from tests.integration.services.scoring.world import World

NOW = datetime(2026, 3, 30, 17, tzinfo=UTC)
EVENTS = """select payload from events
where tenant_id = $1 and type = 'cox.scoring.rep_measured.v1' order by id"""


async def heard(worker: Database, admin: Any, world: World, at: datetime = NOW) -> list[dict[str, Any]]:
    """Everything told so far, after what is due at that moment."""
    await announce(worker, at)
    await tell(worker, at)
    return [orjson.loads(row["payload"]) for row in await admin.fetch(EVENTS, world.tenant)]


async def apply(worker: Database, *events: Received) -> None:
    async with worker.transaction() as tx:
        await Engine().apply(tx, events)


def reaches(told: dict[str, Any]) -> dict[str, tuple[int, int | None]]:
    return {each["metric"]: (each["numerator"], each["denominator"]) for each in told["reaches"]}


class TestTell:
    async def test_a_month_is_told_whole_when_some_of_it_changed(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        won, lost = new_id(), new_id()
        await apply(
            worker,
            world.created(won, "2026-03-01T04:00", "ann"),
            world.moved(won, "2026-03-11T04:00", "ann", "won", 500),
            world.created(lost, "2026-03-02T04:00", "ann"),
        )
        await heard(worker, admin, world)
        await apply(worker, world.moved(lost, "2026-03-12T04:00", "ann", "lost"))
        first, second = await heard(worker, admin, world, NOW + INTERVAL)
        assert (first["rep_id"], first["month"]) == (str(world.reps["ann"]), "2026-03-01")
        assert reaches(first) == {
            "leads_created": (2, None),
            "stage_moves": (1, None),
            "deals_won": (1, None),
            "won_revenue": (500, None),
            "win_rate": (1, 1),
            "sales_cycle_days": (10 * 86_400, 1),
            "average_deal": (500, 1),
        }
        assert reaches(second)["win_rate"] == (1, 2)
        assert {each["metric"]: each["direction"] for each in second["reaches"]}["deals_lost"] == "down"

    async def test_teams_are_added_up_when_a_rep_has_moved(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await apply(
            worker,
            world.assigned(new_id(), "2026-03-01T04:00", "ann", "east"),
            world.assigned(new_id(), "2026-03-02T04:00", "ann", "west"),
        )
        (told,) = await heard(worker, admin, world)
        assert reaches(told) == {"leads_assigned": (2, None)}

    async def test_each_month_waits_a_minute_when_it_changes_again(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await apply(worker, world.created(new_id(), "2026-03-01T04:00", "ann"))
        await heard(worker, admin, world)
        await apply(
            worker,
            world.created(new_id(), "2026-03-01T05:00", "ann"),
            world.created(new_id(), "2026-02-03T04:00", "ann"),
        )
        soon = await heard(worker, admin, world, NOW + INTERVAL / 2)
        assert [each["month"] for each in soon] == ["2026-03-01", "2026-02-01"]
        later = await heard(worker, admin, world, NOW + INTERVAL)
        assert reaches(later[2]) == {"leads_created": (2, None)}
        assert await heard(worker, admin, world, NOW + 9 * INTERVAL) == later

    async def test_every_month_is_told_when_more_are_due_than_one_turn_takes(
        self, worker: Database, admin: Any, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reaches_module, "_BATCH", 2)
        months = [f"2026-{month:02}-03T04:00" for month in (1, 2, 3)]
        await apply(worker, *(world.created(new_id(), at, "ann") for at in months))
        assert len(await heard(worker, admin, world)) == 3

    async def test_history_is_told_without_a_notice_but_for_what_is_long_past(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        await apply(
            worker,
            world.created(new_id(), "2025-11-03T04:00", "ann", historic=True),
            world.created(new_id(), "2024-11-03T04:00", "ann", historic=True),
        )
        told = await heard(worker, admin, world)
        assert [each["month"] for each in told] == ["2025-11-01"]
        assert await heard(worker, admin, world, NOW + timedelta(days=1)) == told
        notices = "select count(*) from kpi_notices where tenant_id = $1"
        assert await admin.fetchval(notices, world.tenant) == 0

    async def test_nothing_is_reached_when_it_was_all_taken_back(
        self, worker: Database, admin: Any, world: World
    ) -> None:
        lead = new_id()
        await apply(worker, world.moved(lead, "2026-03-11T04:00", "ann", "won", 500))
        await heard(worker, admin, world)
        await apply(worker, world.moved(lead, "2026-03-12T04:00", "ann", "open", was="won"))
        _, told = await heard(worker, admin, world, NOW + INTERVAL)
        assert reaches(told) == {"stage_moves": (2, None)}
