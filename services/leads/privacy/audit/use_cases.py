"""Writing down what was done, and telling it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.masking import HIDDEN, may_contact
from services.leads.capture.intake.use_cases import get_lead, get_leads
from services.leads.privacy.audit.rules import CONTACT, NAMING, Asked, Entry, changes_from, latest, withheld
from services.leads.privacy.audit.tables import OF_LEAD, OF_TENANT, OF_USER, SEALED, VALUES, insertion
from services.leads.privacy.contact_reads.use_cases import ContactRead, contact_reads_in_sight
from services.leads.privacy.sealing.use_cases import open_all
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.observability.traces import current_trace_id

AFTER = tuple[datetime, UUID] | None
CREATED = "cox.leads.lead_created.v1"


def write_down(tx: Tx) -> None:
    """With the transaction's commit: each event of a lead that was there before, but for an imported past."""
    told = [one for one in tx.told if one.event.aggregate_type == "lead" and not one.historic]
    if told and tx.tenant_id is not None:
        tx.closing.append(insertion(tx.tenant_id, told, current_trace_id()))


async def trail(tx: Tx, who: Principal, asked: Asked, *, after: AFTER, most: int) -> list[Entry]:
    """What was done with the leads that the caller sees, the latest first. Raises UnknownLead."""
    groups: list[Sequence[Entry]] = []
    if asked.lead_id is not None:
        lead = await get_lead(tx, who.tenant_id, asked.lead_id)
        groups.append(_creation(lead, asked, after))
    if asked.kind != "read":
        groups.append(await _changes(tx, who, asked, after, most))
    if asked.kind != "change":
        place = (asked.lead_id, asked.user_id, asked.from_at, asked.before_at)
        reads = await contact_reads_in_sight(tx, who.tenant_id, *place, after=after, limit=most)
        groups.append([_reading(read) for read in reads])
    return latest(groups, most)


def _creation(lead: Lead, asked: Asked, after: AFTER) -> list[Entry]:
    """Of its creation a lead itself says who and when; nothing further is written down then."""
    by = lead.created_by
    entry = Entry(
        at=lead.created_at,
        id=lead.id,
        kind="change",
        lead_ids=(lead.id,),
        who="user" if by else "service",
        principal_id=by,
        user_id=by,
        route=None,
        address=None,
        trace_id=None,
        seq=1,
        event=CREATED,
    )
    outside = (
        asked.kind == "read"
        or (asked.user_id is not None and asked.user_id != by)
        or (asked.from_at is not None and entry.at < asked.from_at)
        or (asked.before_at is not None and entry.at >= asked.before_at)
        or (after is not None and entry.place >= after)
    )
    return [] if outside else [entry]


async def _changes(tx: Tx, who: Principal, asked: Asked, after: AFTER, most: int) -> list[Entry]:
    statement = OF_LEAD if asked.lead_id else OF_USER if asked.user_id else OF_TENANT
    rows = await tx.connection.fetch(
        statement,
        who.tenant_id,
        asked.lead_id,
        asked.user_id,
        asked.from_at,
        asked.before_at,
        *(after or (None, None)),
        most,
    )
    return await _with_values(tx, who, [_entry(row) for row in rows])


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        at=row["at"],
        id=row["id"],
        kind="change",
        lead_ids=(row["lead_id"],),
        who=row["kind"],
        principal_id=row["principal_id"],
        user_id=row["user_id"],
        route=row["route"],
        address=row["address"],
        trace_id=row["trace_id"],
        seq=row["seq"],
        event=row["event"],
        facts=row["facts"],
        cause_id=row["cause_id"],
    )


async def _with_values(tx: Tx, who: Principal, entries: Sequence[Entry]) -> list[Entry]:
    """Each with the fields that it changed, as far as the caller may be shown them."""
    places = [(entry.lead_ids[0], entry.seq) for entry in entries]
    ids, seqs = [place[0] for place in places], [place[1] for place in places]
    rows = await tx.connection.fetch(VALUES, who.tenant_id, ids, seqs) if places else []
    sealed = [(row["lead_id"], row["sealed"]) for row in rows if row["sealed"] is not None]
    opened = iter(await open_all(tx, who.tenant_id, sealed))
    changes = {}
    for row in rows:
        personal = next(opened) if row["sealed"] is not None else None
        changes[row["lead_id"], row["seq"]] = changes_from(row["changed"], row["plain"], personal)
    leads = {lead.id: lead for lead in await get_leads(tx, who.tenant_id, sorted(set(ids)))}
    told = [
        replace(entry, changes=changes.get(place, ())) for entry, place in zip(entries, places, strict=True)
    ]
    return [_as_seen(who, leads, entry) for entry in told]


def _as_seen(who: Principal, leads: Mapping[UUID, Lead], entry: Entry) -> Entry:
    lead = leads.get(entry.lead_ids[0])
    pooled = lead is None or lead.pooled_at is not None
    return entry if may_contact(who, pooled=pooled) else withheld(entry, HIDDEN)


def _reading(read: ContactRead) -> Entry:
    return Entry(
        at=read.at,
        id=read.id,
        kind="read",
        lead_ids=read.lead_ids,
        who=read.kind,
        principal_id=read.principal_id,
        user_id=read.user_id,
        route=read.route,
        address=read.address,
        trace_id=read.trace_id,
        leads=read.leads,
    )


async def formerly(
    tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], fields: Collection[str] = CONTACT
) -> dict[UUID, list[str]]:
    """By lead, contact data that it had at some time, as far as it was changed; as written."""
    rows = await tx.connection.fetch(SEALED, tenant_id, list(lead_ids))
    opened = await open_all(tx, tenant_id, [(row["lead_id"], row["sealed"]) for row in rows])
    found: dict[UUID, list[str]] = {}
    for row, values in zip(rows, opened, strict=True):
        both = (value for name, each in (values or {}).items() if name in fields for value in each)
        found.setdefault(row["lead_id"], []).extend(value for value in both if isinstance(value, str))
    return {lead_id: list(dict.fromkeys(said)) for lead_id, said in found.items()}


async def persons_of(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> list[tuple[Lead, list[str]]]:
    """The leads, each with all that its person was called or reached by at some time."""
    before = await formerly(tx, tenant_id, lead_ids, NAMING)
    return [(lead, before.get(lead.id, [])) for lead in await get_leads(tx, tenant_id, lead_ids)]
