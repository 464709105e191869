"""The clock of an assignment: since when, by which terms, what has happened of them, and the response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.follow_up.first_response.definitions import terms_of
from services.leads.follow_up.first_response.rules import Dated, Hours, How, Step, Terms, plan
from services.leads.follow_up.first_response.tables import CLOCKS_OF, INSERT_CLOCKS, UNHANDLED, UPDATE_CLOCK
from shared.access.working import absences_of, calendars_of_users
from shared.database.transactions import Tx
from shared.worktime.moments import HORIZON


@dataclass(frozen=True, slots=True)
class Happened:
    """A step that came. `user_ids`: who was told, or who got the lead."""

    step: Step
    at: datetime
    user_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """`waiting_since`: when the clock of the first owner started whom the lead was taken from unanswered.

    `business_s` in seconds, like `handled_at` and `how` of the first response.
    """

    lead_id: UUID
    started_at: datetime
    owner_id: UUID
    rule_id: UUID
    rule_version: int
    terms: Terms
    waiting_since: datetime
    happened: tuple[Happened, ...] = ()
    handled_at: datetime | None = None
    how: How | None = None
    business_s: int | None = None

    @property
    def elapsed_s(self) -> int | None:
        """By the wall clock."""
        passed = self.handled_at - self.started_at if self.handled_at else None
        return None if passed is None else passed // timedelta(seconds=1)

    def done(self, step: Step) -> Happened | None:
        return next((one for one in self.happened if one.step == step), None)

    def passed_to(self, user_id: UUID) -> bool:
        """Whether the lead was taken from this owner for somebody else."""
        return any(one.step.what == "reassign" and user_id in one.user_ids for one in self.happened)

    def with_these(self, happened: Iterable[Happened]) -> Clock:
        return replace(self, happened=(*self.happened, *happened))


def had_the_lead(clocks: Sequence[Clock]) -> frozenset[UUID]:
    """Whoever has a lead, and those before them from whom it was taken one after the other; oldest first."""
    owners = [clocks[-1].owner_id]
    for clock in reversed(clocks[:-1]):
        if not clock.passed_to(owners[-1]):
            break
        owners.append(clock.owner_id)
    return frozenset(owners)


async def clocks_of(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, list[Clock]]:
    """Every clock of these leads, oldest first; leads that never had one are left out."""
    found: dict[UUID, list[Clock]] = {}
    for row in await tx.connection.fetch(CLOCKS_OF, tenant_id, list(lead_ids)):
        found.setdefault(row["lead_id"], []).append(_clock(row))
    return found


async def store_clocks(tx: Tx, tenant_id: UUID, clocks: Sequence[Clock]) -> None:
    """New ones; those that are there already stay as they are."""
    names = Clock.__slots__
    rows = [
        {name: getattr(clock, name) for name in names}
        | {"tenant_id": tenant_id, "terms": asdict(clock.terms), "happened": _told(clock)}
        for clock in clocks
    ]
    await INSERT_CLOCKS.execute(tx, rows)


async def store_clock(tx: Tx, tenant_id: UUID, clock: Clock) -> None:
    """What has happened since."""
    await tx.connection.execute(
        UPDATE_CLOCK,
        tenant_id,
        clock.lead_id,
        clock.started_at,
        json_text(_told(clock)),
        clock.handled_at,
        clock.how,
        clock.business_s,
    )


async def unhandled(tx: Tx, leads: Sequence[tuple[UUID, UUID]]) -> dict[UUID, list[UUID]]:
    """Those of `(tenant, lead)` that have a clock without a response, by tenant."""
    found: dict[UUID, list[UUID]] = {}
    if leads:
        tenants, ids = zip(*leads, strict=True)
        for row in await tx.connection.fetch(UNHANDLED, tenants, ids):
            found.setdefault(row["tenant_id"], []).append(row["lead_id"])
    return found


def _told(clock: Clock) -> list[Mapping[str, Any]]:
    return [
        {"step": asdict(one.step), "at": one.at, "user_ids": [str(user) for user in one.user_ids]}
        for one in clock.happened
    ]


def _clock(row: asyncpg.Record) -> Clock:
    values = dict(row.items())
    happened = tuple(_happened(each) for each in values["happened"])
    return Clock(**values | {"terms": terms_of(values["terms"]), "happened": happened})


def _happened(told: Mapping[str, Any]) -> Happened:
    users = tuple(UUID(user) for user in told["user_ids"])
    return Happened(Step(**told["step"]), datetime.fromisoformat(told["at"]), users)


def planned(clock: Clock, hours: Hours) -> list[Dated]:
    """When each step of a clock comes, by what is known now."""
    return plan(clock.terms, clock.started_at, clock.waiting_since, hours)


def next_date(clock: Clock, dated: Iterable[Dated], after: datetime | None = None) -> datetime | None:
    """Of what has not happened yet, beyond a moment."""
    coming = (each.at for each in dated if each.at is not None and clock.done(each.step) is None)
    return min((at for at in coming if after is None or at > after), default=None)


async def hours_of(tx: Tx, clocks: Sequence[Clock]) -> dict[UUID, Hours]:
    """By what the owners of clocks work, by user."""
    if not clocks:
        return {}
    owners = {clock.owner_id for clock in clocks}
    first = min(clock.waiting_since for clock in clocks)
    away = await absences_of(tx, owners, first, HORIZON)
    calendars = await calendars_of_users(tx, owners)
    return {user: Hours(calendar, away.get(user, ())) for user, calendar in calendars.items()}
