"""Asking for an export, deciding about it, and the register of what left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.leads.bulk import json_text
from services.leads.capture.intake.naming import without_person
from services.leads.finding.exports.columns import CONTACTS, check_columns
from services.leads.finding.exports.rules import (
    COUNTED_MOST,
    XLSX_ROWS,
    Asked,
    Download,
    Export,
    State,
    TooManyRows,
    check_decision,
    first_state,
)
from services.leads.finding.exports.tables import (
    CHANGE_FILTERS,
    DECIDE,
    DOWNLOADS,
    EXPIRE,
    FILTERED_BY_WORDS,
    INSERT,
    LOCK,
    PAGE,
    SELECT,
    TAKE,
    TAKEN,
    WARNED,
    exports,
)
from services.leads.finding.exports.terms import approvers_of, terms_of
from services.leads.finding.listing.walking import count_matching, question_of
from services.leads.finding.views.use_cases import view_to_ask
from services.leads.privacy.audit.use_cases import persons_of
from shared.access.directory import credit_of, tenant_of
from shared.access.principal import Principal
from shared.contracts.privacy import ExportDecided, ExportRequested, ExportWarned
from shared.database.transactions import Tx
from shared.errors import FieldError, NotFound
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import schedule
from shared.ids import new_id

TIMER = "leads.export"


class UnknownExport(NotFound):
    code = "unknown_export"
    title = "No such export, or none that you may see"


@dataclass(frozen=True, slots=True)
class Registered:
    """An export with what was downloaded of it, oldest first."""

    export: Export
    downloads: Sequence[Download] = ()


def person_of(who: Principal) -> UUID:
    """To whom it counts: the person, of an API key its owner; a service counts for itself."""
    return who.user_id or who.id


def decides(who: Principal) -> bool:
    """Whether somebody sees, and decides about, other people's exports."""
    return who.may("config:write") and who.visibility == "tenant"


async def ask_export(tx: Tx, who: Principal, asked: Asked, now: datetime) -> Registered:
    """It is ready at once, or waits where it carries more contact data than anybody may take unasked.

    Raises UnknownColumn, TooManyRows, UnknownView, ViewOutdated, and what is wrong with its filters.
    """
    check_columns(asked.columns)
    view = None if asked.view_id is None else await view_to_ask(tx, who, asked.view_id)
    of_view = None if view is None else view.filters.model_dump(mode="json", exclude_defaults=True)
    question = question_of(asked.filters, of_view, now)
    contacts = who.may("contact:read") and not CONTACTS.isdisjoint(asked.columns)
    rows = counted = None
    if contacts or asked.format == "xlsx":
        most = COUNTED_MOST if contacts else XLSX_ROWS
        rows, counted = await count_matching(tx, who, question, most)
    if asked.format == "xlsx" and (rows is None or rows >= XLSX_ROWS):
        detail = f"a sheet holds {XLSX_ROWS - 1} leads"
        raise TooManyRows(detail, errors=[FieldError("/format", TooManyRows.code, detail)])
    waits, allowed = False, None
    if contacts and rows is not None:
        waits, allowed = await _measured(tx, who, rows, now, exact=bool(counted))
    terms = await terms_of(tx, who.tenant_id)
    state, warn_at, expires_at = first_state(terms, now, waits=waits)
    export = Export(
        id=new_id(), version=1, user_id=person_of(who), principal_id=who.id, at=now, filters=asked.filters,
        columns=asked.columns, format=asked.format, reason=asked.reason, contacts=contacts, rows=rows,
        counted=bool(counted), allowed=allowed, state=state, warn_at=warn_at, expires_at=expires_at,
        view_id=asked.view_id, view_filters=of_view,
    )  # fmt: skip
    await _insert(tx, who.tenant_id, export)
    return Registered(export)


async def _measured(
    tx: Tx, who: Principal, rows: int, now: datetime, *, exact: bool
) -> tuple[bool, int | None]:
    """Whether so many rows need approval, and how many may leave without; what may is counted for today."""
    terms = await terms_of(tx, who.tenant_id)
    day = now.astimezone(ZoneInfo((await tenant_of(tx)).timezone)).date()
    # The row is locked from here on: two exports asked for at once count one after the other.
    taken: int = await tx.connection.fetchval(TAKEN, who.tenant_id, person_of(who), day)
    if terms.needs_approval(rows, exact=exact, taken_today=taken):
        return True, terms.allowed(rows, exact=exact, approved=True)
    await tx.connection.execute(TAKE, who.tenant_id, person_of(who), rows)
    return False, terms.allowed(rows, exact=exact, approved=False)


async def _insert(tx: Tx, tenant_id: UUID, export: Export) -> None:
    told = (export.user_id, export.principal_id, export.at, json_text(export.filters), list(export.columns))
    counts = (export.contacts, export.rows, export.counted, export.allowed)
    dates = (export.state, export.warn_at, export.expires_at)
    view = (export.view_id, None if export.view_filters is None else json_text(export.view_filters))
    await tx.connection.execute(
        INSERT, tenant_id, export.id, *told, export.format, export.reason, *counts, *dates, *view
    )
    event = ExportRequested(
        credit=await credit_of(tx, export.user_id),
        contacts=export.contacts,
        rows=export.rows,
        state=export.state,
        told=await _told(tx, tenant_id, export),
    )
    await record_events(tx, exports, [NewEvent(export.id, event, export.at)], created=True)
    await schedule(tx, TIMER, export.id, export.next_date)


async def _told(tx: Tx, tenant_id: UUID, export: Export) -> tuple[UUID, ...]:
    if export.state != "waiting_approval":
        return ()
    approvers = await approvers_of(tx, tenant_id)
    return tuple(user for user in approvers if user != export.user_id) or tuple(approvers)


async def export_of(tx: Tx, who: Principal, export_id: UUID) -> Export:
    """One's own, or anybody's for who decides. Raises UnknownExport."""
    export = await _found(tx, SELECT, who.tenant_id, export_id)
    if not decides(who) and export.user_id != person_of(who):
        raise UnknownExport(f"there is no export {export_id} that you may see")
    return export


async def _found(tx: Tx, query: str, tenant_id: UUID, export_id: UUID) -> Export:
    row = await tx.connection.fetchrow(query, tenant_id, export_id)
    if row is None:
        raise UnknownExport(f"there is no export {export_id} that you may see")
    return _export(row)


async def show_export(tx: Tx, who: Principal, export_id: UUID) -> Registered:
    """Raises UnknownExport."""
    [found] = await _with_downloads(tx, who.tenant_id, [await export_of(tx, who, export_id)])
    return found


async def list_exports(
    tx: Tx, who: Principal, state: State | None, after: UUID | None, limit: int
) -> list[Registered]:
    """A page of them, the latest first: one's own, or everybody's for who decides."""
    person = None if decides(who) else person_of(who)
    rows = await tx.connection.fetch(PAGE, who.tenant_id, person, state, after, limit)
    return await _with_downloads(tx, who.tenant_id, [_export(row) for row in rows])


async def _with_downloads(tx: Tx, tenant_id: UUID, found: Sequence[Export]) -> list[Registered]:
    rows = await tx.connection.fetch(DOWNLOADS, tenant_id, [one.id for one in found])
    downloads = [Download(**dict(row.items())) for row in rows]
    return [Registered(one, [each for each in downloads if each.export_id == one.id]) for one in found]


async def decide(
    tx: Tx,
    who: Principal,
    export_id: UUID,
    note: str | None,
    now: datetime,
    *,
    approve: bool,
    check_version: Callable[[int], None],
) -> Registered:
    """Raises UnknownExport, AlreadyDecided, DecisionNotAllowed, and what `check_version` raises."""
    export = await _found(tx, LOCK, who.tenant_id, export_id)
    if not decides(who):
        raise UnknownExport(f"there is no export {export_id} that you may decide about")
    check_version(export.version)
    check_decision(export, who.user_id, await approvers_of(tx, who.tenant_id), now)
    state: State = "ready" if approve else "refused"
    hours = (await terms_of(tx, who.tenant_id)).ready_hours
    until = now + timedelta(hours=hours) if approve else export.expires_at
    decided = replace(
        export, state=state, warn_at=None, expires_at=until, decided_at=now, decided_by=who.user_id,
        decision_note=note,
    )  # fmt: skip
    values = (state, now, who.user_id, note, export.allowed, until)
    await tx.connection.execute(DECIDE, who.tenant_id, export_id, *values)
    decided = await _recorded_decision(tx, decided, now)
    await schedule(tx, TIMER, export_id, until)
    [found] = await _with_downloads(tx, who.tenant_id, [decided])
    return found


async def _recorded_decision(tx: Tx, export: Export, now: datetime) -> Export:
    event = ExportDecided(
        credit=await credit_of(tx, export.user_id), state=export.state, decided_by=export.decided_by
    )
    [place] = await record_events(tx, exports, [NewEvent(export.id, event, now)])
    return replace(export, version=place.seq)


async def come_due(tx: Tx, tenant_id: UUID, export_id: UUID, now: datetime) -> None:
    """A date of a locked export has come: approvers are warned, or it expires."""
    export = await _found(tx, SELECT, tenant_id, export_id)
    if export.state not in ("waiting_approval", "ready"):
        return
    if export.expires_at <= now:
        await tx.connection.execute(EXPIRE, tenant_id, export_id)
        await _recorded_decision(tx, replace(export, state="expired"), now)
        return
    if export.warn_at is not None:
        await tx.connection.execute(WARNED, tenant_id, export_id)
        event = ExportWarned(
            credit=await credit_of(tx, export.user_id),
            expires_at=export.expires_at,
            told=await _told(tx, tenant_id, export),
        )
        await record_events(tx, exports, [NewEvent(export_id, event, now)])
    await schedule(tx, TIMER, export_id, export.expires_at)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase the words that exports were filtered by where they name one of these leads' people, who are still
    known by their leads.
    """
    persons = await persons_of(tx, tenant_id, lead_ids)
    for row in await tx.connection.fetch(FILTERED_BY_WORDS, tenant_id):
        told = (row["filters"], row["view_filters"])
        kept = without_person(list(told), persons)
        if tuple(kept) != told:
            filters, of_view = (None if each is None else json_text(each) for each in kept)
            await tx.connection.execute(CHANGE_FILTERS, tenant_id, row["id"], filters, of_view)


def _export(row: asyncpg.Record) -> Export:
    values = dict(row.items())
    values["columns"] = tuple(values["columns"])
    return Export(**values)
