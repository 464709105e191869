"""How much may leave without approval, and who approves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.leads.finding.exports.rules import Terms, check_terms
from services.leads.finding.exports.tables import (
    APPROVERS,
    INSERT_TERMS,
    LOCK_TERMS,
    TERMS,
    UPDATE_TERMS,
    export_terms,
)
from shared.access.roles import ROLES
from shared.contracts.privacy import ExportTermsDefined
from shared.database.transactions import Tx
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id

_APPROVING = [name for name, role in ROLES.items() if role.scopes & {"config:write", "admin"}]


async def terms_of(tx: Tx, tenant_id: UUID) -> Terms:
    """Version 0 while nobody has said otherwise."""
    row = await tx.connection.fetchrow(TERMS, tenant_id)
    return Terms() if row is None else Terms(*row)


async def set_terms(tx: Tx, tenant_id: UUID, wanted: Terms, at: datetime) -> Terms:
    """They hold for what is asked for from now on. Raises Invalid."""
    check_terms(wanted)
    row = await tx.connection.fetchrow(LOCK_TERMS, tenant_id)
    terms_id = row["id"] if row else new_id()
    hours = (wanted.warn_hours, wanted.wait_hours, wanted.ready_hours)
    values = (wanted.free_rows, wanted.daily_rows, *hours)
    await tx.connection.execute(UPDATE_TERMS if row else INSERT_TERMS, tenant_id, terms_id, *values)
    event = ExportTermsDefined(free_rows=wanted.free_rows, daily_rows=wanted.daily_rows)
    [place] = await record_events(tx, export_terms, [NewEvent(terms_id, event, at)], created=row is None)
    return replace(wanted, version=place.seq)


async def approvers_of(tx: Tx, tenant_id: UUID) -> list[UUID]:
    """Active people who see the whole tenant and may configure it, by id."""
    return [row["id"] for row in await tx.connection.fetch(APPROVERS, tenant_id, _APPROVING)]
