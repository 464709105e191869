"""Taking leads in, reading and locking them; the only door to `leads` for the rooms above."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.opening import Opening, opening
from services.leads.capture.intake.preparing import Newcomer, Prepared, creation, prepare
from services.leads.capture.intake.tables import (
    AFTER,
    COUNT_CUSTOMERS,
    CUSTOMERS,
    LOCK_LEAD,
    LOCK_LEADS,
    OWNED_OF_NONE,
    OWNED_OF_POOL,
    SELECT_LEAD,
    SELECT_LEADS,
    STAGES_IN_USE,
    insertion,
    leads,
    put_in_pool,
    put_owners,
    standing_change,
    write_passed,
)
from services.leads.deduplication.duplicates.rules import Claim, DuplicateLead
from services.leads.deduplication.duplicates.use_cases import claimed, screened
from services.leads.privacy.wishes.use_cases import Newly, events_of, record_new
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import Conflict, CoxError, NotFound
from shared.events.journal import NewEvent, RowChange, change_and_record, record_events
from shared.events.positions import Position


class UnknownLead(NotFound):
    code = "unknown_lead"
    title = "No such lead, or none that you may see"


class LeadErased(Conflict):
    code = "lead_erased"
    title = "The person is forgotten: nothing is done with the lead any more"


class LeadMerged(Conflict):
    code = "lead_merged"
    title = "The lead is a part of another one, which stands for it"


async def create_leads(
    tx: Tx, tenant_id: UUID, newcomers: Sequence[Newcomer], at: datetime
) -> list[Lead | CoxError]:
    """Store the good ones; in the place of each bad one stands what is wrong with it: also of those that
    repeat another lead and are kept out for it (DuplicateLead).
    """
    start = await opening(tx, tenant_id, {new.creator_id for new in newcomers if new.creator_id}, at)
    return await store_prepared(tx, start, await prepare(tx, start, newcomers, at))


async def store_prepared(
    tx: Tx,
    start: Opening,
    prepared: Sequence[Prepared | CoxError],
    keys_held: Callable[[], None] | None = None,
) -> list[Lead | CoxError]:
    """See `create_leads`; `start` still holds.

    `keys_held`: called as soon as whoever claims a key of these leads waits for this transaction's end; to
    store all else is most of the work.
    """
    tenant_id = start.tenant.id
    good = [one for one in prepared if isinstance(one, Prepared)]
    claims = [Claim(one.lead.id, one.keys) for one in good]
    kept_out: dict[UUID, DuplicateLead] = {}
    repeats: Mapping[UUID, UUID] = {}
    if good and not start.policy.only_flags:
        found = await screened(tx, tenant_id, claims, start.policy)
        kept_out = {lead_id: DuplicateLead(*repeat) for lead_id, repeat in found.blocked.items()}
        good, claims, repeats = [one for one in good if one.lead.id not in kept_out], [], found.repeats
    elif good and keys_held is not None:
        claims, repeats = [], await claimed(tx, tenant_id, claims)
        keys_held()
    good = [_repeating(start, one, repeats.get(one.lead.id)) for one in good]
    rows = [(one.lead, one.search_text, one.terms) for one in good]
    events = [event for one in good for event in (one.event, *_agreements(one))]
    firsts = await store_new(tx, tenant_id, rows, events, claims)
    if newly := [Newly(one.lead.id, one.said, one.keys) for one in good if one.said]:
        await record_new(tx, tenant_id, newly, good[0].lead.created_at)
    made = {one.lead.id: one.lead for one in good}
    made |= {lead_id: made[lead_id]._replace(duplicate_of=first) for lead_id, first in firsts.items()}
    return [
        one if isinstance(one, CoxError) else kept_out.get(one.lead.id) or made[one.lead.id]
        for one in prepared
    ]


def _repeating(start: Opening, one: Prepared, first: UUID | None) -> Prepared:
    if first is None:
        return one
    lead = one.lead._replace(duplicate_of=first)
    return one._replace(lead=lead, event=creation(start, lead, one.event.traceparent))


def _agreements(one: Prepared) -> Sequence[NewEvent]:
    if one.said is None:
        return ()
    return events_of(one.lead.id, one.said, Credit(), one.lead.dimensions, one.event.traceparent)


async def store_new(
    tx: Tx,
    tenant_id: UUID,
    rows: Sequence[tuple[Lead, str, str]],
    events: Sequence[NewEvent],
    claims: Sequence[Claim] = (),
) -> dict[UUID, UUID]:
    """Store new leads, each with what it is found by, and what happened to them, and claim their keys.

    A lead's `seq` is the number of its events. Answers `{lead: the lead it repeats}` for those that do.
    """
    if not rows:
        return {}
    found = await change_and_record(tx, insertion(tenant_id, rows, claims), events)
    return {row["id"]: row["duplicate_of"] for row in found}


async def get_lead(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Lead:
    """Raises UnknownLead, also where the caller may not see it."""
    row = await tx.connection.fetchrow(SELECT_LEAD, tenant_id, lead_id)
    if row is None:
        raise UnknownLead(f"there is no lead {lead_id} that you may see")
    return Lead.of(row)


async def get_leads(tx: Tx, tenant_id: UUID, ids: Sequence[UUID]) -> list[Lead]:
    """The leads of these ids that are visible, in the order of the ids."""
    rows = await tx.connection.fetch(SELECT_LEADS, tenant_id, list(ids)) if ids else []
    found = {row["id"]: Lead.of(row) for row in rows}
    return [found[lead_id] for lead_id in ids if lead_id in found]


async def lock_lead(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Lead:
    """The lead, locked until the transaction ends. Raises UnknownLead, LeadErased, LeadMerged."""
    row = await tx.connection.fetchrow(LOCK_LEAD, tenant_id, lead_id)
    if row is None:
        raise UnknownLead(f"there is no lead {lead_id} that you may see")
    return living(Lead.of(row))


def known(lead: Lead) -> Lead:
    """The lead, unless its person is forgotten. Raises LeadErased."""
    if lead.erased_at is not None:
        raise LeadErased(f"lead {lead.id} was erased at {lead.erased_at:%Y-%m-%d %H:%M} UTC")
    return lead


def living(lead: Lead) -> Lead:
    """The lead, unless its person is forgotten, or another one stands for it.

    Raises LeadErased, LeadMerged.
    """
    if known(lead).merged_into is not None:
        raise LeadMerged(f"it was merged into the lead {lead.merged_into}: do it there, or undo the merge")
    return lead


async def lock_leads(tx: Tx, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Lead]:
    """Several, locked in the order of their ids. Erased ones among them, and those that
    are parts of others, are in nobody's hands.
    """
    return {row["id"]: Lead.of(row) for row in await tx.connection.fetch(LOCK_LEADS, tenant_id, sorted(ids))}


async def stages_in_use(tx: Tx, tenant_id: UUID, pipeline_id: UUID, stages: Sequence[str]) -> frozenset[str]:
    """Those of these open stages in which leads of a pipeline stand."""
    rows = await tx.connection.fetch(STAGES_IN_USE, tenant_id, pipeline_id, list(stages))
    return frozenset(row["stage"] for row in rows)


async def list_owned_of_pools(
    tx: Tx, tenant_id: UUID, pool_ids: Iterable[UUID | None], after: UUID | None, most: int
) -> list[UUID]:
    """Ids, in order, of open leads in somebody's hands that came from one of these pools; None: from none."""
    found: list[UUID] = []
    for pool_id in pool_ids:
        query = OWNED_OF_NONE if pool_id is None else OWNED_OF_POOL
        rows = await tx.connection.fetch(query, tenant_id, pool_id, after, most)
        found += [row["id"] for row in rows]
    return sorted(found)[:most]


async def list_after(tx: Tx, tenant_id: UUID, after: UUID | None, most: int) -> list[UUID]:
    """Ids of any leads, in order."""
    return [row["id"] for row in await tx.connection.fetch(AFTER, tenant_id, after, most)]


async def list_customers(tx: Tx, tenant_id: UUID, after: UUID | None, most: int) -> list[UUID]:
    """Ids, in order, of won leads in somebody's hands."""
    return [row["id"] for row in await tx.connection.fetch(CUSTOMERS, tenant_id, after, most)]


async def count_customers(tx: Tx, tenant_id: UUID, user_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many won leads each of these users has, whoever may see them.

    Exact until the transaction ends where their counters are locked. It sees the whole tenant from here on.
    """
    await tx.as_tenant()
    ids = sorted(set(user_ids))
    rows = await tx.connection.fetch(COUNT_CUSTOMERS, tenant_id, ids)
    return dict.fromkeys(ids, 0) | {row["owner_id"]: row["count"] for row in rows}


async def record_lead_events(tx: Tx, events: Sequence[NewEvent]) -> list[Position]:
    """Record what happened to leads; see `record_events`."""
    return await record_events(tx, leads, events)


async def store_standing(
    tx: Tx, lead: Lead, events: Sequence[NewEvent], beside: Sequence[tuple[str, Sequence[Any]]]
) -> None:
    """Store stage, status, value and times of a locked lead, why, and what goes `beside` it, at once.

    `lead` as it is then: its seq is the last event's. `beside`: see `RowChange.of`.
    """
    change = RowChange.of(standing_change(lead), *beside)
    await change_and_record(tx, change, events, above={lead.id: lead.seq - len(events)})


async def store_passed(tx: Tx, changed: Sequence[Lead], events: Sequence[NewEvent]) -> None:
    """Store standing, value and owner of many locked leads, and record why."""
    if changed:
        await write_passed(tx, changed)
        await record_lead_events(tx, events)


async def store_owners(
    tx: Tx,
    tenant_id: UUID,
    owners: Mapping[UUID, tuple[UUID, UUID | None]],
    events: Sequence[NewEvent],
    at: datetime,
) -> dict[UUID, int]:
    """Give locked leads their `{lead: (owner, owner's team)}`; the new version of each.

    The transaction sees the whole tenant from here on: a lead given away is no longer its giver's to see.
    """
    await tx.as_tenant()
    await put_owners(tx, tenant_id, owners, at)
    return {position.aggregate_id: position.seq for position in await record_lead_events(tx, events)}


async def store_pooled(
    tx: Tx, tenant_id: UUID, ids: Sequence[UUID], pool_id: UUID, events: Sequence[NewEvent], at: datetime
) -> dict[UUID, int]:
    """Take locked leads from their owners and put them into a pool; as `store_owners`."""
    await tx.as_tenant()
    await put_in_pool(tx, tenant_id, ids, pool_id, at)
    return {position.aggregate_id: position.seq for position in await record_lead_events(tx, events)}
