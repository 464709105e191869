"""Asking for a reassignment, which is done at once or in portions; stopping it, and the register of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.assigning.reassignment.asking import (
    MOST,
    Asked,
    Chosen,
    check_digest,
    check_number,
    checked,
    preview,
    too_many,
)
from services.leads.assigning.reassignment.giving import give
from services.leads.assigning.reassignment.planning import Order
from services.leads.assigning.reassignment.rules import AlreadyEnded, Bar, Goal, Outcome, State, Tally, Why
from services.leads.assigning.reassignment.tables import (
    CHANGE_FILTERS,
    FILTERED_BY_WORDS,
    GO_ON,
    INSERT,
    KEEP,
    KEPT,
    LOCK,
    ONE,
    PAGE,
    STOP,
)
from services.leads.bulk import json_text
from services.leads.capture.intake.naming import without_person
from services.leads.finding.listing.use_cases import find_shown
from services.leads.finding.listing.walking import behind, count_matching
from services.leads.privacy.audit.use_cases import persons_of
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.timing.timers import schedule
from shared.ids import new_id

TIMER = "leads.reassignment"
AT_ONCE = 500
"""So many leads, the oldest first, are given in one transaction; where no more match, in the request."""


class UnknownReassignment(NotFound):
    code = "unknown_reassignment"
    title = "No such reassignment, or none that you may see"


@dataclass(frozen=True, slots=True)
class Reassignment:
    """A reassignment as it stands. `total` leads matched when it was asked for; `given` and `taken` by user,
    `kept` by reason. `after_id`: the last lead that was looked at.
    """

    id: UUID
    user_id: UUID
    asker: Principal
    at: datetime
    filters: dict[str, Any]
    view_id: UUID | None
    view_filters: dict[str, Any] | None
    goal: Goal
    reason: str | None
    total: int
    state: State = "running"
    stopped_why: Why | None = None
    stopped_by: UUID | None = None
    after_id: UUID | None = None
    given: Mapping[UUID, int] = field(default_factory=dict)
    taken: Mapping[UUID, int] = field(default_factory=dict)
    kept: Mapping[Bar, int] = field(default_factory=dict)
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A lead that stayed where it was, and why."""

    lead_id: UUID
    reason: Bar


def person_of(who: Principal) -> UUID:
    """To whom it counts: the person, of an API key its owner; a service counts for itself."""
    return who.user_id or who.id


async def reassign(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Reassignment:
    """Give the leads that match: at once where they are few, else in the background.

    Raises what `checked` raises, and TooManyLeads, NoRules, SituationChanged.
    """
    chosen = await checked(tx, who, asked, at)
    order = Order(who, asked.goal)
    few = await find_shown(tx, who, behind(chosen.question, None, AT_ONCE + 1))
    if len(few) <= AT_ONCE:
        check_number(asked.expected, len(few))
        begun = await _begin(tx, who, asked, chosen, len(few), at)
        outcomes = await give(tx, order, few, begun.id, begun.reason, at, previewed=asked.digest)
        return await store_progress(tx, begun, outcomes, at, ended=True)
    if asked.digest is not None:
        planned = (await preview(tx, order, chosen.question, at)).tally
        check_digest(asked.digest, planned)
        total, is_all = planned.leads, True
    else:
        total, is_all = await count_matching(tx, who, chosen.question, MOST)
    if not is_all:
        raise too_many()
    check_number(asked.expected, total)
    begun = await _begin(tx, who, asked, chosen, total, at)
    await schedule(tx, TIMER, begun.id, at)
    return begun


async def _begin(
    tx: Tx, who: Principal, asked: Asked, chosen: Chosen, total: int, at: datetime
) -> Reassignment:
    begun = Reassignment(
        new_id(), person_of(who), who, at, chosen.filters, asked.view_id, chosen.view_filters, asked.goal,
        asked.reason, total,
    )  # fmt: skip
    view = None if begun.view_filters is None else json_text(begun.view_filters)
    told = (json_text(_asker(who)), at, json_text(begun.filters), begun.view_id, view)
    goal = json_text(asdict(begun.goal))
    values = (begun.user_id, *told, goal, begun.reason, total)
    await tx.connection.execute(INSERT, who.tenant_id, begun.id, *values)
    return begun


def _asker(who: Principal) -> dict[str, Any]:
    ids = ("tenant_id", "id", "user_id", "unit_id")
    told = {name: None if (id_ := getattr(who, name)) is None else str(id_) for name in ids}
    return asdict(who) | told | {"roles": sorted(who.roles), "scopes": sorted(who.scopes)}


async def store_progress(
    tx: Tx, one: Reassignment, outcomes: Sequence[Outcome], at: datetime, *, ended: bool
) -> Reassignment:
    """As it is after these further leads."""
    tally = Tally()
    tally.add(outcomes)
    after = replace(
        one,
        state="done" if ended else "running",
        after_id=outcomes[-1].lead_id if outcomes else one.after_id,
        given=Counter(one.given) + tally.given,
        taken=Counter(one.taken) + tally.taken,
        kept=Counter(one.kept) + tally.kept,
        ended_at=at if ended else None,
    )
    counts = (json_text(_by_name(each)) for each in (after.given, after.taken, after.kept))
    values = (after.after_id, *counts, after.state, after.ended_at)
    await tx.connection.execute(GO_ON, one.asker.tenant_id, one.id, *values)
    barred = [(each.lead_id, each.bar) for each in outcomes if each.bar is not None]
    if barred:
        ids, reasons = zip(*barred, strict=True)
        await tx.connection.execute(KEEP, one.asker.tenant_id, one.id, ids, reasons)
    return after


def _by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}


async def show_reassignment(tx: Tx, who: Principal, reassignment_id: UUID) -> Reassignment:
    """One's own, or anybody's for who sees the whole tenant. Raises UnknownReassignment."""
    return await _found(tx, who, ONE, reassignment_id)


async def list_reassignments(
    tx: Tx, who: Principal, state: State | None, after: UUID | None, most: int
) -> list[Reassignment]:
    """A page of those, the latest first."""
    person = None if who.visibility == "tenant" else person_of(who)
    rows = await tx.connection.fetch(PAGE, who.tenant_id, person, state, after, most)
    return [reassignment_of(row) for row in rows]


async def kept_of(
    tx: Tx, who: Principal, reassignment_id: UUID, reason: Bar | None, after: UUID | None, most: int
) -> list[Kept]:
    """A page of the leads that stayed where they were, as far as the caller sees them by now.

    Raises UnknownReassignment.
    """
    await show_reassignment(tx, who, reassignment_id)
    rows = await tx.connection.fetch(KEPT, who.tenant_id, reassignment_id, reason, after, most)
    return [Kept(*row) for row in rows]


async def stop_reassignment(tx: Tx, who: Principal, reassignment_id: UUID, at: datetime) -> Reassignment:
    """What is given stays given; nothing further is. Raises UnknownReassignment, AlreadyEnded."""
    one = await _found(tx, who, LOCK, reassignment_id)
    if one.state != "running":
        raise AlreadyEnded(f"it is {one.state}")
    await end_early(tx, one, "by_hand", at, by_id=person_of(who))
    return await show_reassignment(tx, who, reassignment_id)


async def end_early(tx: Tx, one: Reassignment, why: Why, at: datetime, *, by_id: UUID | None = None) -> None:
    """Of a locked one."""
    await tx.connection.execute(STOP, one.asker.tenant_id, one.id, why, by_id, at)


async def _found(tx: Tx, who: Principal, query: str, reassignment_id: UUID) -> Reassignment:
    row = await tx.connection.fetchrow(query, who.tenant_id, reassignment_id)
    if row is None or (who.visibility != "tenant" and row["user_id"] != person_of(who)):
        raise UnknownReassignment(f"there is no reassignment {reassignment_id} that you may see")
    return reassignment_of(row)


def reassignment_of(row: asyncpg.Record) -> Reassignment:
    """From the driver's row."""
    values = dict(row.items())
    asker, goal = values["asker"], values["goal"]
    ids = {name: UUID(asker[name]) if asker[name] else None for name in ("id", "user_id", "unit_id")}
    sets = {name: frozenset(asker[name]) for name in ("roles", "scopes")}
    values["asker"] = Principal(**{**asker, **ids, **sets, "tenant_id": UUID(asker["tenant_id"])})
    unit = UUID(goal["unit_id"]) if goal["unit_id"] else None
    users = tuple(UUID(user) for user in goal["user_ids"])
    values["goal"] = Goal(**{**goal, "user_ids": users, "unit_id": unit})
    for name in ("given", "taken"):
        values[name] = Counter({UUID(user): count for user, count in values[name].items()})
    values["kept"] = Counter(values["kept"])
    return Reassignment(**values)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Erase the words that reassignments were filtered by where they name one of these leads' people."""
    persons = await persons_of(tx, tenant_id, lead_ids)
    for row in await tx.connection.fetch(FILTERED_BY_WORDS, tenant_id):
        told = (row["filters"], row["view_filters"])
        kept = without_person(list(told), persons)
        if tuple(kept) != told:
            filters, of_view = (None if each is None else json_text(each) for each in kept)
            await tx.connection.execute(CHANGE_FILTERS, tenant_id, row["id"], filters, of_view)
