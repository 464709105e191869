"""What a tenant wants done with leads that repeat others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg

from services.leads.deduplication.duplicates.rules import FLAGS, Policy, check_policy
from services.leads.deduplication.duplicates.tables import (
    INSERT_POLICY,
    LOCK_POLICY,
    MERGING_TENANTS,
    POLICY,
    POLICY_COLUMNS,
    UPDATE_POLICY,
    duplicate_policies,
)
from shared.contracts.leads import DuplicatePolicyDefined
from shared.database.transactions import Tx
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import schedule
from shared.ids import new_id

COMPARE = "leads.compare_companies"
"""The timer that goes through a tenant's leads once it asks for names to be compared."""


async def policy_of(tx: Tx, tenant_id: UUID) -> Policy:
    """Version 0 while nothing was said."""
    row = await tx.connection.fetchrow(POLICY, tenant_id)
    return FLAGS if row is None else Policy(**dict(row.items()))


def policy_from(row: asyncpg.Record, version: str) -> Policy:
    """From a row that has the columns of `duplicate_policies`, its seq by this name; absent: the default."""
    if row[version] is None:
        return FLAGS
    return Policy(**{name: row[f"policy_{name}"] for name in POLICY_COLUMNS}, version=row[version])


def policy_columns(table: str, version: str) -> str:
    """Those columns of the table by this name, for `policy_from`."""
    named = (f"{table}.{name} as policy_{name}" for name in POLICY_COLUMNS)
    return ", ".join((*named, f"{table}.seq as {version}"))


async def set_policy(tx: Tx, tenant_id: UUID, wanted: Policy, at: datetime) -> Policy:
    """It holds for leads that come from now on. Raises PolicyImpossible."""
    check_policy(wanted)
    found = await tx.connection.fetchval(LOCK_POLICY, tenant_id)
    policy_id = found or new_id()
    said = {name: wanted.of(name) for name in POLICY_COLUMNS}
    statement = UPDATE_POLICY if found else INSERT_POLICY
    await tx.connection.execute(statement, tenant_id, policy_id, *said.values(), at)
    event = NewEvent(policy_id, DuplicatePolicyDefined(**said), at)
    if wanted.company != "off":
        await schedule(tx, COMPARE, tenant_id, at)
    [place] = await record_events(tx, duplicate_policies, [event], created=not found)
    return replace(wanted, version=place.seq)


async def tenants_that_merge(tx: Tx, tenant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tenants that want any leads merged as they come: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(MERGING_TENANTS, tenant_ids)]
