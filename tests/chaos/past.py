"""A company's past, written straight into the journals as pending rows: far more events than users could make
in a run. The copy's own relays publish them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from shared.contracts.catalogue import EVENT_TYPES
from shared.events.envelope import Received
from tests.chaos.company import CURRENCY, TIMEZONE
from tests.chaos.stack import Connection, Stack
from tests.integration.services.scoring.histories import past_of
from tests.integration.services.scoring.world import World
from tests.support.speaking import Tenant

CHUNK_LEADS = 500
"""So many leads' events are mixed with one another; their events stand near each other in the journal."""

_COLUMNS = "tenant_id, event_id, type, aggregate_type, aggregate_id, seq, occurred_at, historic, payload"
_STAGED = f"create temp table staged on commit drop as select {_COLUMNS} from events limit 0"  # noqa: S608
_ORDINAL = "alter table staged add column ord bigint generated always as identity"
_MOVE = f"""with e as (
    insert into events ({_COLUMNS}) select {_COLUMNS} from staged order by ord returning id)
insert into outbox_pending select id from e"""  # noqa: S608 - our own columns

Rows = list[tuple[Any, ...]]


async def company_of_the_past(stack: Stack) -> tuple[Tenant, World]:
    """A tenant with two teams and three reps, and the words in which its past is told."""
    tenant = await stack.new_tenant(timezone=TIMEZONE, currency=CURRENCY)
    world = World(tenant=tenant.id, timezone=TIMEZONE, currency=CURRENCY)
    for name in world.teams:
        world.teams[name] = UUID(await tenant.team(name))
    for name, team in world.team_of.items():
        await tenant.hire(name, team)
        world.reps[name] = UUID(tenant.people[name])
    return tenant, world


def told(world: World, events: int, chance: Random) -> Iterator[list[Received]]:
    """So many events, a few thousand at a time."""
    left = events
    while left > 0:
        chunk = list(islice(past_of(world, CHUNK_LEADS, chance), left))
        left -= len(chunk)
        yield chunk


async def load(stack: Stack, events: Sequence[Received], payloads: Mapping[UUID, str] | None = None) -> None:
    """Record these as history, in their order. `payloads` replaces what some of them say."""
    rows: dict[str, Rows] = {"leads": [], "activities": []}
    for event in events:
        payload = (payloads or {}).get(event.event_id, event.value.decode())
        rows[event.stream.removeprefix("cox.")].append(_row(event, payload))
    for service, mine in rows.items():
        async with stack.database(service) as connection:
            await _store(connection, mine)


def _row(event: Received, payload: str) -> tuple[Any, ...]:
    return (
        event.tenant_id, event.event_id, event.type, EVENT_TYPES[event.type].aggregate_type,
        event.aggregate_id, event.seq, event.occurred_at, True, payload,
    )  # fmt: skip


async def _store(connection: Connection, rows: Rows) -> None:
    if rows:
        async with connection.transaction():
            await connection.execute(_STAGED)
            await connection.execute(_ORDINAL)
            columns = [name.strip() for name in _COLUMNS.split(",")]
            await connection.copy_records_to_table("staged", records=rows, columns=columns)
            await connection.execute(_MOVE)
