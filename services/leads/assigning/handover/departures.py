"""Somebody leaves: their open leads go to others in the background. They are back: what lay still returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.use_cases import owned_since
from services.leads.assigning.handover.handing import AT_ONCE, Task, carry_out, give, plan
from services.leads.assigning.handover.rules import (
    Distribution,
    HandedLead,
    Share,
    Standing,
    is_untouched,
    least_loaded,
    together,
)
from services.leads.assigning.handover.tables import BEGIN, GO_ON, HAND, HANDED, LOCK_ONE, OF_USER
from services.leads.assigning.workload.use_cases import lock_loads, open_leads
from services.leads.bulk import json_text
from services.leads.capture.intake.changed import changed_by_people
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import lock_leads
from services.leads.follow_up.progress.use_cases import last_moves
from services.leads.follow_up.touches.use_cases import last_effective
from services.leads.pools.pool.definitions import hold_default_pool
from shared.access.directory import credit_of, people
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.contracts.org import RepLeft, RepReturned
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.timing.timers import schedule

TIMER = "leads.handover"
LEFT = "the owner before has left"
BACK = "the owner before is back, and nobody has touched it"


@dataclass(frozen=True, slots=True)
class HandoverDone:
    """What became of a leaver's open leads so far. `stayed`: nobody might have them, and there was no pool.

    `rule` is None where none was given; `ended_at` while there are more to come; `returned_at` unless the
    leaver came back to them. `open_leads` are the leaver's now.
    """

    departure_id: UUID
    user_id: UUID
    left_at: datetime
    rule: Mapping[str, Any] | None
    shares: tuple[Share, ...]
    given: int
    pooled: int
    stayed: int
    returned: int
    began_at: datetime
    ended_at: datetime | None
    returned_at: datetime | None
    open_leads: int = 0


async def begin_handover(tx: Tx, tenant_id: UUID, left: RepLeft, at: datetime) -> None:
    """Somebody left: their open leads are handed over in the background, if a rule says to whom."""
    rule = left.handover
    told = None if rule is None else json_text(rule.model_dump(mode="json"))
    values = (tenant_id, left.departure_id, left.user_id, left.effective_at, told, at)
    await tx.connection.execute(BEGIN, *values, at if rule is None else None)
    if rule is not None:
        await schedule(tx, TIMER, left.departure_id, at)


async def begin_return(tx: Tx, back: RepReturned, at: datetime) -> None:
    """Who left is back: what is still to be handed over stays theirs, and what nobody touched returns."""
    if back.leads_return:
        await schedule(tx, TIMER, back.departure_id, at, {"back": True})


async def go_on(
    tx: Tx, tenant_id: UUID, departure_id: UUID, payload: Mapping[str, Any], at: datetime
) -> None:
    """The next AT_ONCE leads of a handover, or of a return; then it is due again for those behind."""
    row = await tx.connection.fetchrow(LOCK_ONE, tenant_id, departure_id)
    if row is None:
        # They left before this service looked.
        return
    done = _done(row)
    after = UUID(payload["after"]) if "after" in payload else None
    if "back" in payload:
        done, last = await _return_next(tx, tenant_id, done, after, at)
    else:
        done, last = await _hand_next(tx, tenant_id, done, after, at)
    values = (done.given, done.pooled, done.stayed, done.returned, done.ended_at, done.returned_at)
    shares = json_text([asdict(share) for share in done.shares])
    await tx.connection.execute(GO_ON, tenant_id, departure_id, shares, *values)
    if last is not None:
        await schedule(tx, TIMER, departure_id, at, {**payload, "after": str(last)})


async def _hand_next(
    tx: Tx, tenant_id: UUID, done: HandoverDone, after: UUID | None, at: datetime
) -> tuple[HandoverDone, UUID | None]:
    """What is done then, and behind which lead there may be more."""
    pool, task = await hold_default_pool(tx, tenant_id), _task(tenant_id, done, LEFT)
    planned, leads = await plan(tx, task, pool, at, lock=True, after=after)
    await carry_out(tx, task, pool, planned, leads, at)
    await _keep(tx, tenant_id, done.departure_id, planned, at)
    given = sum(one.owner_id is not None for one in planned.leads)
    left = len(planned.leads) - given
    more = max(leads) if len(leads) == AT_ONCE else None
    shares = together(done.shares, planned.shares) if planned.leads or not done.shares else done.shares
    done = replace(
        done,
        shares=shares,
        given=done.given + given,
        pooled=done.pooled + (left if pool else 0),
        stayed=done.stayed + (0 if pool else left),
        ended_at=None if more else at,
    )
    return done, more


def _task(tenant_id: UUID, done: HandoverDone, reason: str) -> Task:
    told = done.rule or {"user_ids": [], "unit_id": None, "max_open_leads": None}
    unit = UUID(told["unit_id"]) if told["unit_id"] else None
    rule = least_loaded([UUID(user) for user in told["user_ids"]], unit, told["max_open_leads"])
    return Task(tenant_id, done.user_id, rule, None, reason)


async def _keep(tx: Tx, tenant_id: UUID, departure_id: UUID, planned: Distribution, at: datetime) -> None:
    moved = [one for one in planned.leads if one.owner_id or planned.pool_id]
    if moved:
        ids, owners = [one.lead_id for one in moved], [one.owner_id for one in moved]
        pools = [None if one.owner_id else planned.pool_id for one in moved]
        await tx.connection.execute(HAND, tenant_id, departure_id, at, ids, owners, pools)


async def _return_next(
    tx: Tx, tenant_id: UUID, done: HandoverDone, after: UUID | None, at: datetime
) -> tuple[HandoverDone, UUID | None]:
    """As `_hand_next`. Locks in the house's order: loads, leads."""
    rows = await tx.connection.fetch(HANDED, tenant_id, done.departure_id, after, AT_ONCE)
    handed = [HandedLead(**dict(row.items())) for row in rows]
    person = (await people(tx, [done.user_id])).get(done.user_id)
    untouched: list[Lead] = []
    # Who has left once more meanwhile gets nothing.
    if person is not None and person.active:
        await lock_loads(tx, tenant_id, {done.user_id, *(one.owner_id for one in handed if one.owner_id)})
        untouched = await _untouched(tx, tenant_id, handed)
    task = _task(tenant_id, done, BACK)
    await give(tx, untouched, {lead.id: done.user_id for lead in untouched}, task, at)
    more = handed[-1].lead_id if len(handed) == AT_ONCE else None
    returned = done.returned + len(untouched)
    return replace(
        done, returned=returned, ended_at=done.ended_at or at, returned_at=None if more else at
    ), more


async def _untouched(tx: Tx, tenant_id: UUID, handed: Sequence[HandedLead]) -> list[Lead]:
    """Those of them that lie as they were handed over, locked."""
    locked = await lock_leads(tx, tenant_id, [one.lead_id for one in handed])
    since = {one.lead_id: one.at for one in handed}
    touched = {
        *await last_effective(tx, tenant_id, since),
        *await last_moves(tx, tenant_id, since),
        *await changed_by_people(tx, tenant_id, since),
    }
    owned = await owned_since(tx, tenant_id, list(since))
    return [
        lead
        for one in handed
        if (lead := locked[one.lead_id]).status == "open"
        and is_untouched(one, _standing(lead, owned.get(lead.id), touched=lead.id in touched))
    ]


def _standing(lead: Lead, owned_since: datetime | None, *, touched: bool) -> Standing:
    return Standing(lead.owner_id, owned_since, lead.pool_id, lead.pooled_at, touched)


async def handovers_of(tx: Tx, who: Principal, user_id: UUID) -> list[HandoverDone]:
    """What became of the leads of somebody who left, the last departure first. Raises NotFound, also where
    the caller does not see whose leads those were.
    """
    known = await people(tx, [user_id])
    if not known or not in_sight(who, user_id, await credit_of(tx, user_id)):
        raise NotFound("There is no such user")
    now = (await open_leads(tx, who.tenant_id, [user_id]))[user_id]
    rows = await tx.connection.fetch(OF_USER, who.tenant_id, user_id)
    return [replace(_done(row), open_leads=now) for row in rows]


def _done(row: asyncpg.Record) -> HandoverDone:
    values = dict(row.items())
    shares = tuple(Share(**{**one, "user_id": UUID(one["user_id"])}) for one in values["shares"])
    return HandoverDone(**{**values, "shares": shares})
