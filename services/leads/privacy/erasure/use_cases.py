"""Finding all leads of a person, and forgetting them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import asyncpg

from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.bulk import json_text
from services.leads.capture.intake.changes import ChangedMeanwhile, keys
from services.leads.capture.intake.emptying import empty_leads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads, lock_leads, record_lead_events
from services.leads.deduplication.duplicates.rules import Key
from services.leads.deduplication.duplicates.use_cases import lock_keys, release_key
from services.leads.deduplication.parts.use_cases import parts_of, roots_of
from services.leads.finding.search.rules import exact_term
from services.leads.finding.search.use_cases import leads_with_terms, next_lead_with
from services.leads.privacy.audit.use_cases import formerly
from services.leads.privacy.erasure import rooms
from services.leads.privacy.erasure.rules import (
    MOST_AT_ONCE,
    Erasure,
    NotTheSamePerson,
    Shared,
    TooManyLeads,
    check_reason,
    keep_until,
    personal_keys,
    to_keep,
)
from services.leads.privacy.erasure.tables import INSERT, LET_GO, SELECT
from shared.access.directory import credits_of
from shared.contracts.base import Credit
from shared.contracts.leads import PersonErased
from shared.database.transactions import Tx
from shared.errors import FieldError, NotFound
from shared.events.journal import NewEvent
from shared.events.timing.timers import schedule

TIMER = "leads.kept_until"
MERGED = "merged"


class NotErased(NotFound):
    code = "not_erased"
    title = "The person is not forgotten"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or was done before: the lead's own record first."""

    erasures: Sequence[Erasure]


async def leads_of_person(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Shared]:
    """The lead, and all others that share a phone, e-mail address or WeCom id with it or with one that does,
    or were merged with one.

    The caller sees the whole tenant. Raises UnknownLead, TooManyLeads.
    """
    first = await get_lead(tx, tenant_id, lead_id)
    found = {first.id: Shared(first, ())}
    known: set[Key] = set()
    fresh = [first]
    while fresh:
        known |= {key for lead in fresh for key in personal_keys(keys(lead))}
        others = await _sharing(tx, tenant_id, known)
        one = await _merged(tx, tenant_id, [lead.id for lead in fresh])
        fresh = [
            lead for lead in {each.id: each for each in (*others, *one)}.values() if lead.id not in found
        ]
        found |= {lead.id: Shared(lead, _shares(lead, known)) for lead in fresh}
        if len(found) > MOST_AT_ONCE:
            raise TooManyLeads(f"more than {MOST_AT_ONCE} leads: a switchboard's number, perhaps")
    return list(found.values())


async def preview(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Shared]:
    """The same, each with what it was known by before. Raises as `leads_of_person`."""
    found = await leads_of_person(tx, tenant_id, lead_id)
    before = await formerly(tx, tenant_id, [each.lead.id for each in found])
    return [replace(each, formerly=tuple(before.get(each.lead.id, ()))) for each in found]


def _shares(lead: Lead, known: Collection[Key]) -> tuple[str, ...]:
    return tuple(sorted({key.kind for key in personal_keys(keys(lead)) if key in known})) or (MERGED,)


async def _merged(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID]) -> list[Lead]:
    """What is one with these leads."""
    roots = set((await roots_of(tx, tenant_id, lead_ids)).values())
    parts = await parts_of(tx, tenant_id, roots)
    return await get_leads(tx, tenant_id, [*roots, *(part for each in parts.values() for part in each)])


async def _sharing(tx: Tx, tenant_id: UUID, wanted: Collection[Key]) -> list[Lead]:
    terms = [exact_term(tenant_id, key.kind, key.value) for key in sorted(wanted)]
    found = await get_leads(tx, tenant_id, await leads_with_terms(tx, terms, MOST_AT_ONCE + 1))
    # A term is a number that two values may share.
    return [lead for lead in found if not personal_keys(keys(lead)).isdisjoint(wanted)]


async def erase_person(
    tx: Tx,
    tenant_id: UUID,
    lead_id: UUID,
    only: Collection[UUID] | None,
    reason: str,
    by: UUID | None,
    at: datetime,
) -> Done:
    """Forget the person behind a lead: all of their leads, or the lead and `only` these of them.

    Again, it answers as before. Raises UnknownLead, TooManyLeads, NotTheSamePerson, NamesThePerson,
    ChangedMeanwhile.
    """
    first = await get_lead(tx, tenant_id, lead_id)
    if first.erased_at is not None:
        return Done(await erasures_of(tx, tenant_id, [lead_id]))
    wanted = {lead_id, *(only or ())}
    if wanted != {lead_id} or only is None:
        theirs = {shared.lead.id for shared in await leads_of_person(tx, tenant_id, lead_id)}
        wanted = theirs if only is None else wanted
        _check_same(wanted - theirs)
    check_reason(reason, await get_leads(tx, tenant_id, sorted(wanted)))
    await erase_leads(tx, tenant_id, wanted, reason, by, at)
    return Done(await erasures_of(tx, tenant_id, [lead_id, *sorted(wanted - {lead_id})]))


def _check_same(strangers: Collection[UUID]) -> None:
    if strangers:
        detail = f"not of this person: {', '.join(map(str, sorted(strangers)[:10]))}"
        raise NotTheSamePerson(detail, errors=[FieldError("/lead_ids", NotTheSamePerson.code, detail)])


async def erase_leads(
    tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID], reason: str, by: UUID | None, at: datetime
) -> list[UUID]:
    """Empty these leads; those that were before are left as they are. Which ones it were, in order.

    Locks in the house's order: loads, keys, leads. The transaction sees the whole tenant from here on. `by`
    is the user, None where a term of the tenant's ended. Raises ChangedMeanwhile.
    """
    await tx.as_tenant()
    seen = {lead.id: lead for lead in await get_leads(tx, tenant_id, sorted(lead_ids))}
    await lock_loads(tx, tenant_id, _in_hand(seen.values()))
    held = await lock_keys(tx, tenant_id, (key for lead in seen.values() for key in keys(lead)))
    locked = await lock_leads(tx, tenant_id, list(seen))
    if any(_stand(lead) != _stand(seen[lead.id]) for lead in locked.values()):
        raise ChangedMeanwhile
    leads = [lead for _, lead in sorted(locked.items()) if lead.erased_at is None]
    if not leads:
        return []
    ids = [lead.id for lead in leads]
    await rooms.forget(tx, tenant_id, ids)
    await empty_leads(tx, tenant_id, ids, at)
    await _pass_on(tx, tenant_id, held, frozenset(ids))
    await _record(tx, leads, at)
    await shift_loads(tx, tenant_id, {user: -count for user, count in _in_hand(leads).items()})
    await _keep(tx, tenant_id, leads, reason, by, at)
    return ids


def _stand(lead: Lead) -> tuple[object, ...]:
    """What is locked beside the lead follows from this."""
    return keys(lead), lead.owner_id, lead.status


def _in_hand(leads: Iterable[Lead]) -> Counter[UUID]:
    """How many open leads each owner has among them."""
    return Counter(lead.owner_id for lead in leads if lead.owner_id is not None and lead.status == "open")


async def _pass_on(tx: Tx, tenant_id: UUID, held: Mapping[Key, UUID], gone: frozenset[UUID]) -> None:
    """Their keys go to leads that still have them, and are forgotten where none has."""
    for key, holder in sorted(held.items()):
        if holder in gone:
            heir = await next_lead_with(tx, tenant_id, key.kind, key.value, holder)
            await release_key(tx, tenant_id, holder, key, heir)


async def _record(tx: Tx, leads: Sequence[Lead], at: datetime) -> None:
    credit = await credits_of(tx, {lead.owner_id for lead in leads if lead.owner_id})
    events = [
        PersonErased(
            credit=credit.get(lead.owner_id, Credit()) if lead.owner_id else Credit(),
            dimensions=lead.dimensions,
            left_owner=lead.status == "open",
            kept_until=keep_until(lead) if to_keep(lead) else None,
        )
        for lead in leads
    ]
    await record_lead_events(
        tx, [NewEvent(lead.id, event, at) for lead, event in zip(leads, events, strict=True)]
    )


async def _keep(
    tx: Tx, tenant_id: UUID, leads: Sequence[Lead], reason: str, by: UUID | None, at: datetime
) -> None:
    kept = [to_keep(lead) for lead in leads]
    until = [keep_until(lead) if one else None for lead, one in zip(leads, kept, strict=True)]
    told = [json_text(one) if one else None for one in kept]
    await tx.connection.execute(INSERT, tenant_id, at, by, reason, [lead.id for lead in leads], told, until)
    for lead, last in zip(leads, until, strict=True):
        if last is not None:
            ends = datetime.combine(last + timedelta(days=1), time(), UTC)
            await schedule(tx, TIMER, lead.id, max(ends, at))


async def let_go(tx: Tx, tenant_id: UUID, lead_id: UUID) -> None:
    """What was kept must be kept no longer."""
    await tx.connection.execute(LET_GO, tenant_id, lead_id)


async def erasures_of(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> list[Erasure]:
    """The records of these leads, as far as they are erased, in the order of the ids."""
    rows = await tx.connection.fetch(SELECT, tenant_id, list(lead_ids))
    found = {row["lead_id"]: _erasure(row) for row in rows}
    return [found[lead_id] for lead_id in lead_ids if lead_id in found]


async def erasure_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Erasure:
    """Raises UnknownLead, NotErased."""
    await get_lead(tx, tenant_id, lead_id)
    found = await erasures_of(tx, tenant_id, [lead_id])
    if not found:
        raise NotErased
    return found[0]


def _erasure(row: asyncpg.Record) -> Erasure:
    return Erasure(**dict(row.items()))
