"""Suggesting who could have leads that lie in a pool. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.assigning.assignment.candidates import stand
from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.definitions import active_rules
from services.leads.assigning.assignment.rules import Candidate
from services.leads.assigning.assignment.use_cases import AssignNotAllowed, facts_of
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import UnknownLead, get_leads
from services.leads.pools.curation.rules import Suggestion, demands_of, suggest
from services.leads.pools.pool.definitions import members_of
from services.leads.pools.pool.giving import gives_to_whom_they_like
from services.leads.pools.pool.hands import claims_of, coolings_of, in_hand
from services.leads.pools.pool.looking import enter_pool
from services.leads.pools.pool.rules import Cooling, Pool, kind_for, waits_until
from shared.access.directory import credits_of, reps, tenant_of
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.contracts.base import Credit
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Suggested:
    """A lead with all candidates, best first."""

    lead: Lead
    suggestions: Sequence[Suggestion]


@dataclass(frozen=True, slots=True)
class Standing:
    """The candidates of a pool as they stand; their `open_leads` and `capacity` are of what its caps count.

    `claims`: what each claimed from it today.
    """

    candidates: Sequence[Candidate]
    credit: Mapping[UUID, Credit]
    claims: Mapping[UUID, int]


async def suggest_owners(
    tx: Tx, who: Principal, pool_id: UUID, lead_ids: Sequence[UUID], at: datetime
) -> tuple[list[Suggested], Standing]:
    """Those of the leads that lie in the pool, in the order asked for, and how everybody stands.

    Candidates are the members to whom the caller may give; where there are none at all, every active rep.
    Raises UnknownPool, AssignNotAllowed, and UnknownLead where none of the leads lies there.
    """
    pool = await enter_pool(tx, who, pool_id)
    standing = await _standing(tx, who, pool, at)
    found = await get_leads(tx, who.tenant_id, list(dict.fromkeys(lead_ids)))
    leads = [lead for lead in found if _lies_in(pool, lead)]
    if not leads:
        raise UnknownLead("none of these leads lies there")
    coolings = await coolings_of(tx, who.tenant_id, [lead.id for lead in leads], at)
    rules = await active_rules(tx, who.tenant_id)
    suggested = []
    for lead in leads:
        # Demands are the same whether or not somebody may be contacted now.
        facts = replace(facts_of(lead), do_not_contact=False)
        waiting = _waiting(standing, coolings.get(lead.id, ()))
        all_of_them = suggest(demands_of(rules, facts), facts, standing.candidates, waiting)
        suggested.append(Suggested(lead, all_of_them))
        # A thousand candidates for a hundred leads are a while: others have their turn in between.
        await asyncio.sleep(0)
    return suggested, standing


def _lies_in(pool: Pool, lead: Lead) -> bool:
    """What was lost there stays there."""
    is_there = lead.pooled_at is not None and lead.pool_id == pool.id
    return is_there and kind_for(lead.status) == pool.kind


async def _standing(tx: Tx, who: Principal, pool: Pool, at: datetime) -> Standing:
    users = await _to_whom(tx, who, pool)
    rule = replace(demands_of((), Facts()), user_ids=tuple(users))
    known = (await stand(tx, who.tenant_id, [rule], at, lock=False))[rule.id]
    hands = await in_hand(tx, who.tenant_id, pool, users, lock=False)
    day = at.astimezone(ZoneInfo((await tenant_of(tx)).timezone)).date()
    return Standing(
        [replace(one, open_leads=hands[one.user_id], capacity=_most(pool, one)) for one in known],
        await credits_of(tx, users),
        await claims_of(tx, who.tenant_id, pool, users, day),
    )


async def _to_whom(tx: Tx, who: Principal, pool: Pool) -> list[UUID]:
    """Not to themselves: whoever is a member claims."""
    members = await members_of(tx, who.tenant_id, pool)
    if gives_to_whom_they_like(who, pool):
        found = members or [person.id for person in await reps(tx)]
    elif who.visibility == "own":
        raise AssignNotAllowed
    else:
        credit = await credits_of(tx, members)
        found = [user for user in members if in_sight(who, user, credit.get(user, Credit()))]
    return [user for user in found if user != who.user_id]


def _most(pool: Pool, one: Candidate) -> int | None:
    """The pool's cap; of leads their own capacity too, if it is less."""
    capacity = one.capacity if pool.kind == "leads" else None
    return min((most for most in (pool.caps.of(one.level), capacity) if most is not None), default=None)


def _waiting(standing: Standing, coolings: Sequence[Cooling]) -> dict[UUID, datetime]:
    found = {}
    for one in standing.candidates if coolings else ():
        credit = standing.credit.get(one.user_id, Credit())
        until = waits_until(coolings, one.user_id, credit.team_id)
        if until is not None:
            found[one.user_id] = until
    return found
