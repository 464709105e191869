"""What somebody asks for: which leads, to whom; checked, counted and previewed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.definitions import active_rules
from services.leads.assigning.assignment.use_cases import AssignNotAllowed, unfit_owner
from services.leads.assigning.handover.rules import SituationChanged
from services.leads.assigning.reassignment.planning import Order, Planner, preview_planner
from services.leads.assigning.reassignment.rules import (
    Goal,
    NoRules,
    Outcome,
    Seen,
    Sharing,
    Taker,
    Tally,
    TooManyLeads,
    WhichLeads,
    WhichTakers,
    bar_of,
)
from services.leads.assigning.workload.use_cases import open_leads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.portions import whereabouts
from services.leads.capture.intake.use_cases import get_leads
from services.leads.finding.listing.use_cases import Wish, find_shown
from services.leads.finding.listing.walking import behind, question_of
from services.leads.finding.views.use_cases import view_to_ask
from shared.access.directory import people, subtree
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import FieldError

MOST = 500_000
"""So many leads go in one reassignment."""
LOOKED_AT_ONCE = 5000
"""Of so many leads, the oldest, a preview asks the rules: they look at all candidates for each."""
_DECIDED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """By filters and those of a view, to whom, why; what was previewed: its digest, how many matched."""

    filters: dict[str, Any] | None
    view_id: UUID | None
    goal: Goal
    reason: str | None
    digest: str | None
    expected: int | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which leads, as it was asked. `view_filters`: those of the view, as they were then."""

    filters: dict[str, Any]
    view_filters: dict[str, Any] | None
    question: Wish


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the leads that match; `loads`: what everybody whom it concerns has in hand, and
    `takers` those who were to have some, where they are named.
    """

    tally: Tally
    loads: Mapping[UUID, int]
    takers: Mapping[UUID, Taker]


async def checked(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Chosen:
    """Raises AssignNotAllowed, WhichLeads, WhichTakers, UnfitOwner, NoRules, UnknownView, ViewOutdated."""
    if who.visibility == "own":
        raise AssignNotAllowed
    if asked.filters is None and asked.view_id is None:
        detail = "give filters, {} for all leads that you see, or a view"
        raise WhichLeads(detail, errors=[FieldError("/filters", WhichLeads.code, detail)])
    await _check_goal(tx, who.tenant_id, asked.goal)
    view = None if asked.view_id is None else await view_to_ask(tx, who, asked.view_id)
    of_view = None if view is None else view.filters.model_dump(mode="json", exclude_defaults=True)
    filters = asked.filters or {}
    return Chosen(filters, of_view, question_of(filters, of_view, at))


async def _check_goal(tx: Tx, tenant_id: UUID, goal: Goal) -> None:
    if goal.way == "rules" and not await active_rules(tx, tenant_id):
        raise NoRules
    if goal.unit_id is not None and not await subtree(tx, goal.unit_id):
        detail = f"there is no unit {goal.unit_id}"
        raise WhichTakers(detail, errors=[FieldError("/to/unit_id", "unknown_unit", detail)])
    known = await people(tx, goal.user_ids)
    if goal.way == "one":
        [user] = goal.user_ids
        if user not in known or not known[user].active:
            refusal = unfit_owner(user)
            refusal.errors = tuple(replace(error, pointer="/to/user_id") for error in refusal.errors)
            raise refusal
    errors = [
        FieldError(f"/to/user_ids/{at}", "unknown_user", f"there is no user {user}")
        for at, user in enumerate(goal.user_ids)
        if user not in known
    ]
    if errors:
        raise WhichTakers(errors[0].detail, errors=errors)


def check_number(expected: int | None, matching: int) -> None:
    """Raises SituationChanged where another number was expected."""
    if expected is not None and expected != matching:
        raise SituationChanged(f"{matching} leads match by now")


def check_digest(previewed: str | None, tally: Tally) -> None:
    """Raises SituationChanged where something else was previewed."""
    if previewed is not None and previewed != tally.digest:
        raise SituationChanged("leads, their owners or those who are to have them are not as they were then")


async def preview(tx: Tx, order: Order, question: Wish, at: datetime) -> Preview:
    """What would be done now; changes nothing and waits for nobody. Raises NoRules, TooManyLeads."""
    tally, last, planner = Tally(), None, None
    by_rules = order.goal.way == "rules"
    while True:
        ids = await find_shown(tx, order.who, behind(question, last, LOOKED_AT_ONCE))
        leads: Sequence[Seen] = await whereabouts(tx, order.tenant_id, ids)
        if planner is None:
            whole: list[Lead] = await get_leads(tx, order.tenant_id, ids) if by_rules else []
            planner = await preview_planner(tx, order, whole, at)
            leads = whole or leads
        await planner.meet(tx, leads, at)
        await _add(tally, planner, leads, undecided=by_rules and last is not None)
        if tally.leads > MOST:
            raise too_many()
        if len(ids) < LOOKED_AT_ONCE:
            return await _with_loads(tx, order, tally, planner)
        last = ids[-1]


async def _add(tally: Tally, planner: Planner, leads: Sequence[Seen], *, undecided: bool) -> None:
    for start in range(0, len(leads), _DECIDED_AT_ONCE):
        portion = leads[start : start + _DECIDED_AT_ONCE]
        tally.add([_undecided(lead) if undecided else planner.decide(lead) for lead in portion])
        # A hundred thousand decisions are a while: others have their turn in between.
        await asyncio.sleep(0)


def _undecided(lead: Seen) -> Outcome:
    return Outcome(lead.id, lead.owner_id, None, bar_of(lead))


async def _with_loads(tx: Tx, order: Order, tally: Tally, planner: Planner) -> Preview:
    chooser = planner.chooser
    found = chooser.takers if isinstance(chooser, Sharing) else {}
    concerned = {*found, *tally.given, *(user for user in tally.matching if user)}
    return Preview(tally, await open_leads(tx, order.tenant_id, concerned), found)


def too_many() -> TooManyLeads:
    """More match than go at once."""
    detail = f"more than {MOST} leads match"
    return TooManyLeads(detail, errors=[FieldError("/filters", TooManyLeads.code, detail)])
