"""Deciding about leads one after the other, by the same code for a preview and for what is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from services.leads.assigning.assignment.candidates import Ballot, Given, consider, hold_everybody, stand
from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.definitions import active_rules
from services.leads.assigning.assignment.rules import choose, decide
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.assigning.handover.rules import least_loaded
from services.leads.assigning.reassignment.rules import (
    Bar,
    Goal,
    NoRules,
    Outcome,
    Refuses,
    Seen,
    Sharing,
    bar_of,
    could_have,
    pool_of,
    takers,
)
from services.leads.assigning.workload.use_cases import lock_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import lock_leads
from services.leads.pools.pool.definitions import hold_pool
from services.leads.pools.pool.giving import Handout, begin_handout
from services.leads.pools.pool.hands import coolings_of
from services.leads.pools.pool.looking import pools_open_to
from services.leads.pools.pool.rules import Pool
from shared.access.directory import reps_of_unit
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import CoxError


@dataclass(frozen=True, slots=True)
class Order:
    """Who gives leads to whom, and how many everybody has been given by it so far."""

    who: Principal
    goal: Goal
    given: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def tenant_id(self) -> UUID:
        return self.who.tenant_id


class Chooser(Protocol):
    """Says whose each lead will be; each choice counts for those after it."""

    def choose(self, lead: Seen, refuses: Refuses) -> Outcome: ...


class ByRules:
    """The assignment rules choose, as if the lead had just come in. Where the rule that decides could give it
    to whoever has it, it stays there: rules say who may have a lead, not that it has to wander.
    """

    def __init__(self, ballot: Ballot) -> None:
        self.ballot = ballot
        self.turns: list[Given] = []

    def choose(self, lead: Seen, refuses: Refuses) -> Outcome:
        owner = lead.owner_id
        assert isinstance(lead, Lead)  # noqa: S101 - rules look at more than at whose it is
        winner, consulted = decide(self.ballot.rules, facts_of(lead), self.ballot.as_if_new(owner))
        if winner is None:
            return Outcome(lead.id, owner, None, "nobody_eligible")
        last = consulted[-1]
        if owner is not None and could_have(last.verdicts, owner):
            return Outcome(lead.id, owner, None, "same_owner")
        bar = refuses(winner)
        if bar is not None:
            return Outcome(lead.id, owner, None, bar)
        self.ballot.take_turn(last.rule, last.verdicts, winner)
        self.turns.append((last.rule, winner, last.verdicts))
        if owner is not None:
            self.ballot.let_go(owner)
        return Outcome(lead.id, owner, winner, None, consulted)


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides about leads that it has met. `pools`: those that whoever gives may look into, `handouts`: of
    those that leads have lain in so far, for the `users` who may be given some. `shifts`: how many more, or
    fewer, everybody has by its decisions.
    """

    order: Order
    chooser: Chooser
    users: Collection[UUID]
    pools: Mapping[UUID, Pool]
    handouts: dict[UUID, Handout]
    shifts: Counter[UUID] = field(default_factory=Counter)

    async def meet(self, tx: Tx, leads: Sequence[Seen], at: datetime) -> None:
        """The pools that these leads lie in, and who waits for which of them."""
        ids: dict[UUID, list[UUID]] = {}
        for lead in leads:
            pool_id = None if bar_of(lead) else pool_of(lead)
            if pool_id is not None and pool_id in self.pools:
                ids.setdefault(pool_id, []).append(lead.id)
        for pool_id, found in ids.items():
            if pool_id not in self.handouts:
                self.handouts[pool_id] = await self._handout(tx, self.pools[pool_id], at)
            coolings = await coolings_of(tx, self.order.tenant_id, found, at)
            self.handouts[pool_id].coolings.update(coolings)

    async def _handout(self, tx: Tx, pool: Pool, at: datetime) -> Handout:
        # Where it is to be exact, their counters are locked already.
        made = await begin_handout(tx, self.order.who, pool, self.users, at, lock=False)
        for user, leads in self.shifts.items():
            made.took(user, leads)
        return made

    def decide(self, lead: Seen) -> Outcome:
        """What becomes of a lead, unless something bars it whoever was to have it."""
        bar = bar_of(lead)
        if bar is not None:
            return Outcome(lead.id, lead.owner_id, None, bar)
        pool_id = pool_of(lead)
        if pool_id is None:
            return self._counted(self.chooser.choose(lead, lambda _: None))
        handout = self.handouts.get(pool_id)
        if handout is None:
            return Outcome(lead.id, lead.owner_id, None, "assign_not_allowed")
        return self._counted(self.chooser.choose(lead, lambda user_id: _refusal(handout, lead, user_id)))

    def _counted(self, outcome: Outcome) -> Outcome:
        for user, leads in ((outcome.owner_id, 1), (outcome.before, -1)):
            if outcome.owner_id is not None and user is not None:
                self.shifts[user] += leads
                for handout in self.handouts.values():
                    handout.took(user, leads)
        return outcome


def _refusal(handout: Handout, lead: Seen, user_id: UUID) -> Bar | None:
    if user_id not in handout.takers:
        # They came to the unit, or to the rule, only just now.
        return "nobody_eligible"
    try:
        handout.check(lead.id, user_id, do_not_contact=lead.do_not_contact)
    except CoxError as refusal:
        return cast("Bar", refusal.problem_code)
    return None


async def preview_planner(tx: Tx, order: Order, leads: Sequence[Lead], at: datetime) -> Planner:
    """With everybody as they stand, without waiting for anybody. `leads`: those that rules will look at.

    Raises NoRules.
    """
    chooser, users = await _chooser(tx, order, [facts_of(lead) for lead in leads], at, lock=False)
    pools = {pool.id: pool for pool in await pools_open_to(tx, order.who) if pool.kind == "leads"}
    return Planner(order, chooser, users, pools, {})


async def locking_planner(
    tx: Tx, order: Order, seen: Sequence[Lead], at: datetime
) -> tuple[Planner, Mapping[UUID, Lead]]:
    """For leads as they were seen, and those that may change hands once more, locked with all that decides.

    Locks in the house's order: turns, pools, loads, leads. From here on the transaction sees the whole
    tenant. Raises NoRules.
    """
    tenant_id = order.tenant_id
    movable = [lead for lead in seen if bar_of(lead) is None]
    users = await _hold_turns(tx, order)
    open_to = {pool.id for pool in await pools_open_to(tx, order.who)}
    lain_in = {pool_id for lead in movable if (pool_id := pool_of(lead)) is not None}
    pools = {pool_id: await hold_pool(tx, tenant_id, pool_id) for pool_id in sorted(lain_in & open_to)}
    await tx.as_tenant()
    await lock_loads(tx, tenant_id, users | {lead.owner_id for lead in movable if lead.owner_id})
    leads = await lock_leads(tx, tenant_id, [lead.id for lead in movable])
    chooser, _ = await _chooser(tx, order, [facts_of(lead) for lead in leads.values()], at, lock=True)
    planner = Planner(order, chooser, users, pools, {})
    await planner.meet(tx, list(leads.values()), at)
    return planner, leads


async def _hold_turns(tx: Tx, order: Order) -> set[UUID]:
    """Everybody who may be given something; where rules choose, their turns are held."""
    goal = order.goal
    if goal.way == "rules":
        return await hold_everybody(tx, order.tenant_id, await active_rules(tx, order.tenant_id))
    return await named_by(tx, goal)


async def named_by(tx: Tx, goal: Goal) -> set[UUID]:
    """The users of a goal that names some."""
    if goal.unit_id is not None:
        return {person.id for person in await reps_of_unit(tx, goal.unit_id)}
    return set(goal.user_ids)


async def _chooser(
    tx: Tx, order: Order, facts: Sequence[Facts], at: datetime, *, lock: bool
) -> tuple[Chooser, set[UUID]]:
    """Who says whose each lead will be, and everybody it may say. `lock`: see `consider`."""
    goal, tenant_id = order.goal, order.tenant_id
    if goal.way == "rules":
        rules = await active_rules(tx, tenant_id)
        if not rules:
            raise NoRules
        ballot = await consider(tx, tenant_id, rules, facts, at, lock=lock)
        return ByRules(ballot), {user for listed in ballot.by_rule.values() for user in listed}
    rule = least_loaded(goal.user_ids, goal.unit_id, goal.max_open_leads)
    found = (await stand(tx, tenant_id, [rule], at, lock=False))[rule.id]
    shared = Sharing(goal.way, takers(goal, choose(rule, Facts(), found), order.given))
    return shared, set(shared.takers)
