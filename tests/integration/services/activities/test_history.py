from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from services.activities.recording.past import Imported, Past, import_activities
from shared.contracts.base import Dimensions
from shared.database.transactions import Access
from shared.ids import new_id
from tests.integration.services.activities.conftest import MOVE_AT, Shop

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def past(key: str, **changes: Any) -> Past:
    values: dict[str, Any] = {"kind": "call", "lead_id": new_id(), "at": MOVE_AT, "outcome": None}
    values |= dict.fromkeys(("duration_s", "rep_id", "owner_id", "team_id"))
    values |= {"dimensions": Dimensions(product="loan"), **changes}
    return Past(external_id=key, **values)


async def bring_in(shop: Shop, *rows: Past) -> list[Imported]:
    async with shop.app.transaction(Access(shop.tenant_id)) as tx:
        return await import_activities(tx, "old_crm", rows, NOW)


async def journal(shop: Shop) -> list[Any]:
    async with shop.worker.transaction() as tx:
        return await tx.connection.fetch(
            """select e.historic, e.occurred_at, a.rep_id, a.team_id, a.started_at, a.product from events e
            join activities a on a.id = e.aggregate_id where e.tenant_id = $1 order by e.id""",
            shop.tenant_id,
        )


class TestImportActivities:
    async def test_is_marked_as_history_with_its_own_time_when_it_is_new(self, shop: Shop) -> None:
        answers = await bring_in(shop, past("1", rep_id=shop.bob))
        row = (await journal(shop))[0]
        assert [answer.status for answer in answers] == ["created"]
        assert (row["historic"], row["occurred_at"], row["started_at"]) == (True, MOVE_AT, MOVE_AT)
        assert (row["rep_id"], row["team_id"], row["product"]) == (shop.bob, shop.south, "loan")

    async def test_is_of_the_owners_team_and_no_rep_when_nobody_is_known(self, shop: Shop) -> None:
        await bring_in(
            shop,
            past("1", owner_id=shop.ann, at=MOVE_AT - timedelta(days=1)),
            past("2", owner_id=shop.ann, at=MOVE_AT),
            past("3", owner_id=shop.ann, team_id=shop.root),
            past("4"),
        )
        rows = await journal(shop)
        assert [(row["rep_id"], row["team_id"]) for row in rows] == [
            (None, shop.south), (None, shop.north), (None, shop.root), (None, None),
        ]  # fmt: skip

    async def test_changes_nothing_when_it_comes_again(self, shop: Shop) -> None:
        rows = [past(str(n)) for n in range(1000)]
        first, second = await bring_in(shop, *rows), await bring_in(shop, *reversed(rows))
        assert Counter(answer.status for answer in first) == {"created": 1000}
        assert Counter(answer.status for answer in second) == {"unchanged": 1000}
        assert len(await journal(shop)) == 1000

    async def test_is_stored_once_when_a_batch_has_it_twice(self, shop: Shop) -> None:
        answers = await bring_in(shop, past("1"), past("1"))
        assert sorted(answer.status for answer in answers) == ["created", "unchanged"]
        assert len(await journal(shop)) == 1

    async def test_fails_alone_when_it_was_imported_with_other_content(self, shop: Shop) -> None:
        await bring_in(shop, past("1"))
        answers = await bring_in(shop, past("1", kind="task"), past("2"))
        assert [(answer.status, answer.code) for answer in answers] == [
            ("failed", "changed_in_source"),
            ("created", None),
        ]
