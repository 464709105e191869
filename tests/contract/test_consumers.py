"""Every consumer takes the golden sample of every event that it handles: what is promised is what is read."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.catalogue import EVENT_TYPES
from shared.contracts.golden import sample
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database, Tx
from shared.events.consuming.handlers import HandlerSet, Route, Run, enter_run
from shared.events.envelope import Received, headers_of
from shared.ids import new_id
from shared.settings import Settings
from tests.support.databases import Databases

# What each leaves behind, to see that the sample was understood. None: it acts only on a lead that is there.
EFFECTS = {
    ("leads", "leads.directory"): "org_users",
    ("leads", "leads.touches"): "lead_activities",
    ("leads", "leads.pipelines"): "pipelines",
    ("leads", "leads.assignment"): None,
    ("leads", "leads.standings"): "rep_reaches",
    ("leads", "leads.automation"): None,
    ("activities", "activities.directory"): "org_users",
    ("activities", "activities.leads"): "known_leads",
    ("scoring", "scoring.directory"): "org_users",
    ("scoring", "scoring.kpis"): "facts",
}
# The org first: what else there is refers to it.
TYPES = sorted(EVENT_TYPES, key=lambda name: (EVENT_TYPES[name].topic != "cox.org", name))


def sets_of(service: str, settings: Settings) -> dict[str, HandlerSet]:
    """The consumers that a service's own wiring gives its worker."""
    worker = importlib.import_module(f"services.{service}.bootstrap").build_worker(settings)
    return {handlers.name: handlers for handlers in worker._sets}


def received(name: str, tenant: UUID, seq: int) -> Received:
    """The sample as it comes from Kafka. All of the org are one aggregate, the tenant; else each is one."""
    event = EVENT_TYPES[name]
    row = {
        "event_id": new_id(),
        "type": name,
        "tenant_id": tenant,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": tenant if event.topic == "cox.org" else new_id(),
        "seq": seq if event.topic == "cox.org" else 1,
        "occurred_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "causation_id": None,
        "historic": False,
        "traceparent": None,
    }
    headers = headers_of(row, source=b"/services/test", epoch=1, replay=False)
    key = str(row["aggregate_id"]).encode()
    return Received(event.topic, 0, seq, 1_780_000_000_000, key, sample(name), headers, stream=event.topic)


async def take(handlers: HandlerSet, tx: Tx, batch: list[Received]) -> None:
    enter_run(Run(handlers.name, 1, rebuilding=False))
    await handlers.apply_batches(tx, batch)
    for each in batch:
        single = handlers.single(each.type)
        if single is not None:
            await single(tx, each)


def batch_for(handlers: HandlerSet, tenant: UUID) -> list[Received]:
    handled = [each for each in TYPES if handlers.route(each) is Route.HANDLED]
    return [received(each, tenant, seq) for seq, each in enumerate(handled, start=1)]


async def apply(settings: Settings, service: str, handlers: HandlerSet, tenant: UUID) -> None:
    """All samples in one transaction, as the worker does it: reactions under the app's policy."""
    role = "worker" if handlers.kind == "projection" else "app"
    database = Database(make_engine(settings, service, role))  # type: ignore[arg-type]
    try:
        async with database.transaction(Access(tenant)) as tx:
            await take(handlers, tx, batch_for(handlers, tenant))
    finally:
        await database.dispose()


class TestEveryConsumer:
    @pytest.mark.parametrize(("service", "name"), EFFECTS)
    async def test_understands_the_samples_of_what_it_handles(
        self, service: str, name: str, settings: Settings, databases: Databases
    ) -> None:
        await databases.require(service)
        sets, tenant = sets_of(service, settings), new_id()
        for needed in dict.fromkeys((f"{service}.directory", name)):
            await apply(settings, service, sets[needed], tenant)
        table = EFFECTS[service, name]
        if table is not None:
            connection = await asyncpg.connect(databases.url(service))
            query = f"select count(*) from {table} where tenant_id = $1"  # noqa: S608 - a table of the list
            rows = await connection.fetchval(query, tenant)
            await connection.close()
            assert rows > 0

    async def test_none_is_left_out_of_the_list(self, settings: Settings) -> None:
        services = ("gateway", "leads", "activities", "scoring")
        wired = {(service, name) for service in services for name in sets_of(service, settings)}
        assert wired == set(EFFECTS)
