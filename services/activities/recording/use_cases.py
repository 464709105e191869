"""Recording activities: of the present one by one, of the past by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from services.activities.leads_known.rules import KnownLead
from services.activities.leads_known.use_cases import find_leads, leads_above, whole_of
from services.activities.recording import tables
from services.activities.recording.rules import (
    ClientIdReused,
    Done,
    UnknownLead,
    UnknownRep,
    check_time,
    credited_person,
    digest_of_done,
    is_effective,
)
from services.activities.recording.tables import (
    Activity,
    Claim,
    activities,
    claim_keys,
    empty_notes,
    insert_activities,
    load_activity,
    load_own,
)
from shared.access.directory import credit_of, tenant_of
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions
from shared.database.transactions import Tx
from shared.errors import FieldError
from shared.events.journal import NewEvent, record_events
from shared.events.positions import Position
from shared.ids import new_id
from shared.web import idempotency

# The room's door: what others need of its tables they take from here.
__all__ = [
    "Activity", "Asked", "Claim", "Entry", "claim_keys", "forget", "list_activities", "load_activity",
    "record_activity", "store",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Which activities: of a lead and its parts, by a rep, of a kind, from and up to a day of the tenant,
    both included.
    """

    lead_id: UUID | None = None
    rep_id: UUID | None = None
    kind: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The activity, and whether it is new (else it was recorded before under the same `client_id`)."""

    activity: Activity
    is_new: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An activity to store, with who gets its credit; `part_of`: see ActivityRecorded."""

    activity: Activity
    credit: Credit
    part_of: tuple[UUID, ...] = ()


async def list_activities(
    tx: Tx, asked: Asked, after: tuple[datetime, UUID] | None, limit: int
) -> list[Activity]:
    """Those that the caller may see, newest first; `after` is the time and id of the one before."""
    a = activities.c
    equal = ((a.rep_id, asked.rep_id), (a.kind, asked.kind))
    where: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if asked.lead_id is not None:
        where.append(a.lead_id.in_(await whole_of(tx, asked.lead_id)))
    where += await _days(tx, asked.first, asked.last)
    return await tables.list_activities(tx, where, after, limit)


async def _days(tx: Tx, first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    if first is None and last is None:
        return []
    zone = ZoneInfo((await tenant_of(tx)).timezone)
    found: list[ColumnElement[bool]] = []
    if first is not None:
        found.append(activities.c.started_at >= datetime.combine(first, time(), zone))
    if last is not None:
        found.append(activities.c.started_at < datetime.combine(last + timedelta(days=1), time(), zone))
    return found


async def record_activity(
    tx: Tx, principal: Principal, done: Done, now: datetime, *, said_when: bool = True
) -> Recorded:
    """Record what was done. The same `client_id` with the same content gives the same activity again.

    Raises UnknownLead, UnknownRep, NotYourRep, InTheFuture, ClientIdReused.
    """
    check_time(done.started_at, now)
    activity_id = new_id()
    if done.client_id is not None:
        digest = digest_of_done(done, said_when=said_when)
        scope = f"client:{principal.id}"
        claim = (await claim_keys(tx, scope, [(done.client_id, activity_id, digest)]))[done.client_id]
        if claim.activity_id != activity_id:
            return await _recorded_before(tx, claim.activity_id, same=claim.digest == digest)
    lead, above = await _lead(tx, done.lead_id, locked=done.note is not None)
    credit = await _credit(tx, principal, done, lead)
    activity = _activity(activity_id, done, lead, credit, principal.user_id, now)
    await store(tx, [Entry(activity, credit, above)], historic=False)
    return Recorded(activity, is_new=True)


async def _recorded_before(tx: Tx, activity_id: UUID, *, same: bool) -> Recorded:
    if not same:
        detail = "the client_id was used for another activity; give this one its own"
        raise ClientIdReused(detail, errors=[FieldError("/client_id", "client_id_reused", detail)])
    activity = await load_own(tx, activity_id)
    assert activity is not None  # noqa: S101 - a key and its activity are stored together
    # Who sends again never heard of its position, and waits for the same event.
    tx.recorded.append(Position(ActivityRecorded.topic, activity.id, activity.seq))
    return Recorded(activity, is_new=False)


async def _lead(tx: Tx, lead_id: UUID | None, *, locked: bool) -> tuple[KnownLead | None, tuple[UUID, ...]]:
    """The lead, in the hands of whoever has what it is a part of; and the leads that it is a part of.

    `locked`: whoever forgets its person waits until what was written is stored, and then empties it.
    """
    if lead_id is None:
        return None, ()
    lead = (await find_leads(tx, [lead_id], locked=locked)).get(lead_id)
    if lead is None:
        detail = "no lead has this id, or it is not yours to see"
        raise UnknownLead(detail, errors=[FieldError("/lead_id", "unknown_lead", detail)])
    if lead.merged_into is None:
        return lead, ()
    above = await leads_above(tx, lead_id)
    return replace(lead, owner_id=above[-1][1]), tuple(each for each, _ in above)


async def _credit(tx: Tx, principal: Principal, done: Done, lead: KnownLead | None) -> Credit:
    """Of who did it; where nobody did, as for a partner's key, the team of the lead's owner."""
    rep_id, at = done.rep_id, done.started_at
    acts_for_others = principal.visibility != "own"
    person = credited_person(rep_id, principal.user_id, acts_for_others=acts_for_others)
    if person is None:
        return await _of_owners_team(tx, lead, at)
    credit = await credit_of(tx, person, at=at)
    if rep_id is not None and (credit.rep_id is None or not in_sight(principal, credit.rep_id, credit)):
        detail = "rep_id names no rep whom you lead"
        raise UnknownRep(detail, errors=[FieldError("/rep_id", "unknown_rep", detail)])
    return credit


async def _of_owners_team(tx: Tx, lead: KnownLead | None, at: datetime) -> Credit:
    if lead is None or lead.owner_id is None:
        return Credit()
    owner = await credit_of(tx, lead.owner_id, at=at)
    return owner.model_copy(update={"rep_id": None})


def _activity(
    activity_id: UUID,
    done: Done,
    lead: KnownLead | None,
    credit: Credit,
    recorded_by: UUID | None,
    now: datetime,
) -> Activity:
    return Activity(
        id=activity_id,
        seq=1,
        kind=done.kind,
        lead_id=done.lead_id,
        rep_id=credit.rep_id,
        team_id=credit.team_id,
        owner_id=lead.owner_id if lead else None,
        recorded_by=recorded_by,
        started_at=done.started_at,
        duration_s=done.duration_s,
        outcome=done.outcome,
        effective=is_effective(done.kind, done.outcome, done.duration_s),
        # That it was done is the rep's; what was said of somebody who is forgotten is nobody's.
        note=None if lead is not None and lead.erased else done.note,
        region=lead.region if lead else None,
        product=lead.product if lead else None,
        channel=lead.channel if lead else None,
        historic=False,
        recorded_at=now,
    )


async def store(tx: Tx, entries: Sequence[Entry], *, historic: bool) -> None:
    """Insert new activities and record that they were done: two statements whatever their number."""
    await insert_activities(tx, [entry.activity for entry in entries])
    events = [
        NewEvent(entry.activity.id, _event(entry), entry.activity.started_at, historic=historic)
        for entry in entries
    ]
    await record_events(tx, activities, events, created=True)


def _event(entry: Entry) -> ActivityRecorded:
    activity = entry.activity
    return ActivityRecorded(
        kind=activity.kind,
        lead_id=activity.lead_id,
        owner_id=activity.owner_id,
        credit=entry.credit,
        dimensions=Dimensions(region=activity.region, product=activity.product, channel=activity.channel),
        outcome=activity.outcome,
        duration_s=activity.duration_s,
        effective=activity.effective,
        part_of=entry.part_of,
    )


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Empty what was written about these leads, and answers that told it. The worker's role."""
    await empty_notes(tx, tenant_id, lead_ids)
    await idempotency.forget(tx, tenant_id, lead_ids)
