"""Looking through stored leads for the sake of a custom field, a portion at a time.

New values are held to the field's new definition from the moment it is stored. The look begins only once
every transaction is over that may still have gone by the older one: what it has passed stays right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.leads.capture.custom_fields.rules import CustomField
from services.leads.capture.custom_fields.use_cases import (
    TIMER,
    get_field,
    hold_definitions,
    hold_field,
    pass_on,
    schema_of,
)
from services.leads.capture.custom_fields.values import Misfit, converted
from services.leads.capture.intake.changes import rewrite_custom, store_found
from services.leads.capture.intake.portions import values_behind
from services.leads.capture.intake.use_cases import lock_leads
from services.leads.capture.refitting.tables import (
    ADD_MISFITS,
    BEGIN,
    CHECK,
    COUNT,
    FORGET,
    FORGET_MISFITS,
    MISFITS,
    READERS,
)
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.events.timing.timers import schedule

AT_ONCE = 5000
"""So many leads are looked at in one transaction; fewer are written."""
WRITTEN_AT_ONCE = 500
MOST_MISFITS = 1000
"""So many are listed; all are counted."""
_AGAIN = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Check:
    """How far the look is: leads seen, those with a value, and how many of these do not fit."""

    leads: int
    with_values: int
    misfits: int
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """A stored value that does not fit, as it is now."""

    lead_id: UUID
    code: str
    detail: str
    value: Any


async def go_on(tx: Tx, tenant_id: UUID, field_id: UUID, payload: Mapping[str, Any], at: datetime) -> None:
    """The next portion; then it is due again for what is behind."""
    await hold_definitions(tx, tenant_id)
    field = await hold_field(tx, tenant_id, field_id)
    if field.state not in ("checking", "converting"):
        return
    waits = payload.get("waits")
    if waits is None:
        if field.state == "checking":
            await _begin(tx, tenant_id, field_id, at)
        await schedule(tx, TIMER, field_id, at, {"waits": await _readers(tx)})
    elif waits and (left := sorted(set(waits) & set(await _readers(tx)))):
        await schedule(tx, TIMER, field_id, at + _AGAIN, {"waits": left})
    else:
        after = UUID(payload["after"]) if "after" in payload else None
        look = _look if field.state == "checking" else _write
        await look(tx, tenant_id, field, after, at)


async def _readers(tx: Tx) -> list[str]:
    found: list[str] = await tx.connection.fetchval(READERS)
    return found


async def _begin(tx: Tx, tenant_id: UUID, field_id: UUID, at: datetime) -> None:
    await tx.connection.execute(BEGIN, tenant_id, field_id, at)
    await tx.connection.execute(FORGET_MISFITS, tenant_id, field_id)


async def _look(tx: Tx, tenant_id: UUID, field: CustomField, after: UUID | None, at: datetime) -> None:
    """Count and list what does not fit; at the end decide."""
    portion = await values_behind(tx, tenant_id, field.key, after, AT_ONCE)
    misfits = [(lead_id, bad) for lead_id, value in portion.values if (bad := _misfit(field, value))]
    ended = None if portion.goes_on else at
    counted = portion.seen, len(portion.values), len(misfits)
    [row] = await tx.connection.fetch(COUNT, tenant_id, field.id, *counted, ended)
    check = Check(**dict(row.items()))
    listed = misfits[: max(0, MOST_MISFITS - (check.misfits - len(misfits)))]
    await _list(tx, tenant_id, field.id, listed)
    if ended is None:
        await schedule(tx, TIMER, field.id, at, {"waits": [], "after": str(portion.last)})
    elif check.misfits:
        await pass_on(tx, tenant_id, replace(field, state="refused"), at)
    elif check.with_values == 0:
        await pass_on(tx, tenant_id, replace(field, type=field.wanted, wanted=None, state="ready"), at)
    else:
        await pass_on(tx, tenant_id, replace(field, type=field.wanted, wanted=None, state="converting"), at)
        await schedule(tx, TIMER, field.id, at)


def _misfit(field: CustomField, value: Any) -> Misfit | None:
    if value is None:
        return None
    try:
        converted(field.wanted or field.shown_type, field.options, value)
    except Misfit as misfit:
        return misfit
    return None


async def _list(tx: Tx, tenant_id: UUID, field_id: UUID, misfits: Sequence[tuple[UUID, Misfit]]) -> None:
    if misfits:
        ids, bad = zip(*misfits, strict=True)
        codes, details = [one.code for one in bad], [one.detail for one in bad]
        await tx.connection.execute(ADD_MISFITS, tenant_id, field_id, ids, codes, details)


async def _write(tx: Tx, tenant_id: UUID, field: CustomField, after: UUID | None, at: datetime) -> None:
    """Values as the type has them, and what leads are found by; at the end the field is ready."""
    portion = await values_behind(tx, tenant_id, field.key, after, AT_ONCE, most_values=WRITTEN_AT_ONCE)
    schema, tenant = await schema_of(tx, tenant_id), await tenant_of(tx)
    leads = await lock_leads(tx, tenant_id, [lead_id for lead_id, _ in portion.values])
    same = []
    for lead in leads.values():
        value = lead.custom.get(field.key)
        kept = None if value is None else converted(field.shown_type, field.options, value)
        if type(kept) is type(value) and kept == value:
            same.append(lead)
        else:
            await rewrite_custom(tx, schema, tenant.currency, lead, {**lead.custom, field.key: kept}, at)
    await store_found(tx, schema, tenant_id, same)
    if portion.goes_on:
        await schedule(tx, TIMER, field.id, at, {"waits": [], "after": str(portion.last)})
    else:
        await pass_on(tx, tenant_id, replace(field, state="ready"), at)


async def check_of(tx: Tx, tenant_id: UUID, field_id: UUID) -> tuple[CustomField, Check | None]:
    """A field, and how the last look through its values went. Raises UnknownField."""
    field = await get_field(tx, tenant_id, field_id)
    row = await tx.connection.fetchrow(CHECK, tenant_id, field_id)
    return field, None if row is None else Check(**dict(row.items()))


async def misfits_of(tx: Tx, tenant_id: UUID, field_id: UUID, after: UUID | None, most: int) -> list[Found]:
    """What the last look found that does not fit, of leads that the caller sees. Raises UnknownField."""
    field = await get_field(tx, tenant_id, field_id)
    rows = await tx.connection.fetch(MISFITS, tenant_id, field_id, field.key, after, most)
    return [Found(*row) for row in rows]


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What did not fit of these leads."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
