"""What was written about somebody is emptied when they are forgotten, and nothing more is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.activities.leads_known.reactions import leads_known_projection
from services.activities.recording.rules import Done
from services.activities.recording.use_cases import Recorded, forget, record_activity
from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import PersonErased
from shared.database.transactions import Tx
from shared.events.envelope import Received
from shared.ids import new_id
from tests.integration.services.activities.conftest import Shop

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEXT = "Zhuge said that she sails"


class Told:
    """PersonErased, as far as the projection looks at it."""

    type = PersonErased.type_name()

    def __init__(self, shop: Shop, lead: UUID, *, left_owner: bool) -> None:
        self.tenant_id, self.aggregate_id = shop.tenant_id, lead
        event = PersonErased(credit=Credit(), dimensions=Dimensions(), left_owner=left_owner)
        self.data: dict[str, Any] = event.model_dump(mode="json")


async def erased(shop: Shop, *leads: UUID, left_owner: bool = False) -> None:
    batch: Any = [Told(shop, lead, left_owner=left_owner) for lead in leads]
    projection = leads_known_projection(forget)
    async with shop.worker.transaction() as tx:
        await projection.apply_batches(tx, _as_received(batch))


def _as_received(batch: Any) -> Sequence[Received]:
    found: Sequence[Received] = batch
    return found


async def note(shop: Shop, lead: UUID, text: str = TEXT) -> Recorded:
    mo = shop.principal(shop.mo, "manager")
    async with shop.app.transaction(mo.access()) as tx:
        return await record_activity(tx, mo, Done("call", NOW, lead, "connected", 45, text), NOW)


async def notes(shop: Shop) -> list[str | None]:
    async with shop.worker.transaction() as tx:
        rows = await tx.connection.fetch(
            "select note from activities where tenant_id = $1 order by id", shop.tenant_id
        )
    return [row["note"] for row in rows]


class TestForget:
    async def test_only_the_texts_of_that_lead_are_emptied(self, shop: Shop) -> None:
        lead, other = await shop.lead(shop.ann), await shop.lead(shop.ann)
        for each in (lead, other, lead):
            await note(shop, each)
        await erased(shop, lead)
        assert await notes(shop) == [None, TEXT, None]

    async def test_what_is_recorded_later_is_stored_without_its_text(self, shop: Shop) -> None:
        lead = await shop.lead(shop.ann)
        await erased(shop, lead)
        made = await note(shop, lead)
        assert (made.activity.note, made.activity.effective) == (None, True)
        assert await notes(shop) == [None]

    async def test_its_owner_records_nothing_for_it_when_it_left_them(self, shop: Shop) -> None:
        lead = await shop.lead(shop.ann)
        await erased(shop, lead, left_owner=True)
        async with shop.worker.transaction() as tx:
            owner = await tx.connection.fetchval("select owner_id from known_leads where lead_id = $1", lead)
        assert owner is None

    async def test_kept_answers_are_emptied_too(self, shop: Shop) -> None:
        lead = await shop.lead(shop.ann)
        async with shop.worker.transaction() as tx:
            await tx.connection.execute(
                "insert into idempotency_keys"
                " (tenant_id, principal_id, method, path, key, body_sha256, status, headers, answer)"
                " values ($1, $2, 'POST', '/v1/activities', 'k', '', 201, '{}', $3)",
                shop.tenant_id, new_id(), f'{{"lead_id":"{lead}","note":"{TEXT}"}}'.encode(),
            )  # fmt: skip
        await erased(shop, lead)
        async with shop.worker.transaction() as tx:
            kept = await tx.connection.fetch(
                "select answer from idempotency_keys where tenant_id = $1", shop.tenant_id
            )
        assert [row["answer"] for row in kept] == [None]

    async def test_no_text_survives_when_it_is_written_at_the_same_moment(self, shop: Shop) -> None:
        lead = await shop.lead(shop.ann)
        mo = shop.principal(shop.mo, "manager")
        written = asyncio.Event()

        async def slow_writer() -> None:
            async with shop.app.transaction(mo.access()) as tx:
                await record_activity(tx, mo, Done("call", NOW, lead, "connected", 45, TEXT), NOW)
                written.set()
                await _until_somebody_waits(tx)

        async def forgetter() -> None:
            await written.wait()
            await erased(shop, lead)

        await asyncio.gather(slow_writer(), forgetter())
        assert await notes(shop) == [None]


async def _until_somebody_waits(tx: Tx) -> None:
    """Until another transaction waits for this one."""
    asked = """
        select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"""
    async with asyncio.timeout(60):
        while not await tx.connection.fetchval(asked):  # noqa: ASYNC110 - locks tell nobody
            await asyncio.sleep(0.01)
