"""Defining a tenant's custom fields, and knowing them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.capture.custom_fields.rules import (
    EMPTY,
    MOST_FIELDS,
    BadCustomField,
    CustomField,
    Schema,
    changed,
    check_field,
    check_options,
)
from services.leads.capture.custom_fields.tables import (
    HOLD,
    INSERT,
    LOCK_FIELD,
    NEXT_VERSION,
    SCHEMA,
    UPDATE,
    VERSION,
    custom_fields,
)
from services.leads.capture.custom_fields.values import Option
from services.leads.follow_up.pipelines.rules import WON
from services.leads.follow_up.pipelines.use_cases import default_pipeline, list_pipelines
from shared.contracts.leads import CustomFieldDefined
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import schedule

TIMER = "leads.custom_fields"
"""Fires for a field whose stored values are to be looked at."""
_REMEMBERED = 1000
_known: OrderedDict[UUID, Schema] = OrderedDict()


class UnknownField(NotFound):
    code = "unknown_custom_field"
    title = "No such custom field"


class FieldKeyTaken(Conflict):
    code = "custom_field_key_taken"
    title = "Another custom field has this key"


async def schema_of(tx: Tx, tenant_id: UUID) -> Schema:
    """The tenant's custom fields as they are now."""
    return await schema_at(tx, tenant_id, await tx.connection.fetchval(VERSION, tenant_id))


async def schema_at(tx: Tx, tenant_id: UUID, version: int | None) -> Schema:
    """The same for whoever has read the version (None: there are no fields) in this transaction already.

    A process remembers the schemas that it used last.
    """
    if version is None:
        return EMPTY
    known = _known.get(tenant_id)
    if known is None or known.version != version:
        known = _known[tenant_id] = await _load(tx, tenant_id)
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    _known.move_to_end(tenant_id)
    return known


async def _load(tx: Tx, tenant_id: UUID) -> Schema:
    """Read anew. A transaction that changes fields asks this, so that nothing undone is remembered."""
    rows = await tx.connection.fetch(SCHEMA, tenant_id)
    if not rows:
        return EMPTY
    fields = {row["key"]: field_of(row) for row in rows if row["id"] is not None}
    return Schema(rows[0]["version"], rows[0]["keeps_unknown"], fields)


async def get_field(tx: Tx, tenant_id: UUID, field_id: UUID) -> CustomField:
    """Raises UnknownField."""
    found = await schema_of(tx, tenant_id)
    return _one(next((one for one in found.fields.values() if one.id == field_id), None), field_id)


async def hold_field(tx: Tx, tenant_id: UUID, field_id: UUID) -> CustomField:
    """A field, locked until the transaction ends. Raises UnknownField."""
    row = await tx.connection.fetchrow(LOCK_FIELD, tenant_id, field_id)
    return _one(None if row is None else field_of(row), field_id)


async def hold_definitions(tx: Tx, tenant_id: UUID) -> None:
    """Nobody else changes the tenant's fields until the transaction ends; it comes before any one of them."""
    await tx.connection.execute(HOLD, tenant_id)


def _one(found: CustomField | None, field_id: UUID) -> CustomField:
    if found is None:
        raise UnknownField(f"there is no custom field {field_id}")
    return found


async def define_field(tx: Tx, tenant_id: UUID, wanted: CustomField, at: datetime) -> CustomField:
    """A new field: new values must fit it from now on, and what is stored already is looked through.

    Raises BadCustomField, FieldKeyTaken.
    """
    await _new_version(tx, tenant_id)
    known = (await _load(tx, tenant_id)).fields
    if len(known) >= MOST_FIELDS:
        detail = f"a tenant has at most {MOST_FIELDS} custom fields"
        raise BadCustomField(detail, errors=[FieldError("/key", "too_many_fields", detail)])
    made = check_field(wanted)
    await _check_stage(tx, tenant_id, made, at)
    columns = _columns(made)
    if await tx.connection.fetchval(INSERT, tenant_id, made.id, *columns, at) is None:
        detail = f"there is a field {made.key!r} already; a retired one is brought back by active: true"
        raise FieldKeyTaken(detail, errors=[FieldError("/key", FieldKeyTaken.code, detail)])
    await record_events(tx, custom_fields, [NewEvent(made.id, _event(made), at)], created=True)
    await schedule(tx, TIMER, made.id, at)
    return made


async def change_field(
    tx: Tx,
    tenant_id: UUID,
    field_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> CustomField:
    """Change fields, named as in CustomField; see `changed`. What is stored is looked at where that matters.

    Raises UnknownField, BadCustomField, FieldInChange, and what `check_version` raises.
    """
    await _new_version(tx, tenant_id)
    old = await hold_field(tx, tenant_id, field_id)
    check_version(old.version)
    new = changed(old, changes)
    if new == old:
        return old
    new = check_field(new)
    check_options(old.options, new.options)
    if new.required_from != old.required_from:
        await _check_stage(tx, tenant_id, new, at)
    stored = await store_field(tx, tenant_id, new, at)
    if new.state in ("checking", "converting") and new.state != old.state:
        await schedule(tx, TIMER, field_id, at)
    return stored


async def pass_on(tx: Tx, tenant_id: UUID, field: CustomField, at: datetime) -> CustomField:
    """Store what became of a locked field when its values were looked at."""
    await _new_version(tx, tenant_id)
    return await store_field(tx, tenant_id, field, at)


async def store_field(tx: Tx, tenant_id: UUID, new: CustomField, at: datetime) -> CustomField:
    """Store a locked field and record it."""
    await tx.connection.execute(UPDATE, tenant_id, new.id, *_columns(new), at)
    seq = (await record_events(tx, custom_fields, [NewEvent(new.id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def keep_unknown(tx: Tx, tenant_id: UUID, *, keeps_unknown: bool) -> None:
    """Whether values of fields that are not defined are kept, or refused."""
    await _new_version(tx, tenant_id, keeps_unknown=keeps_unknown)


async def _new_version(tx: Tx, tenant_id: UUID, *, keeps_unknown: bool | None = None) -> None:
    await tx.connection.execute(NEXT_VERSION, tenant_id, keeps_unknown)


async def _check_stage(tx: Tx, tenant_id: UUID, one: CustomField, at: datetime) -> None:
    if one.required_from in (None, WON):
        return
    # A tenant has its default pipeline from the start, also before its event has come here.
    await default_pipeline(tx, tenant_id, at)
    stages = {stage.key for pipeline in await list_pipelines(tx, tenant_id) for stage in pipeline.stages}
    if one.required_from not in stages:
        detail = f"no pipeline has an open stage {one.required_from}; or won"
        raise BadCustomField(detail, errors=[FieldError("/required_from", "unknown_stage", detail)])


def _columns(one: CustomField) -> tuple[Any, ...]:
    return (
        one.key,
        json_text(one.labels),
        one.type,
        one.wanted,
        one.state,
        json_text([asdict(option) for option in one.options]),
        None if one.default is None else json_text(one.default),
        one.required_from,
        one.searchable,
        one.position,
        one.active,
    )


def _event(one: CustomField) -> CustomFieldDefined:
    return CustomFieldDefined(
        key=one.key, type=one.shown_type, state=one.state, required_from=one.required_from, active=one.active
    )


def field_of(row: asyncpg.Record) -> CustomField:
    """From a row with the field's columns."""
    options = tuple(Option(each["key"], each["labels"], each["active"]) for each in row["options"])
    same = ("id", "key", "labels", "type", "wanted", "state", "required_from", "searchable", "position")
    return CustomField(
        **{name: row[name] for name in same},
        options=options,
        default=row["default_value"],
        active=row["active"],
        version=row["seq"],
    )
