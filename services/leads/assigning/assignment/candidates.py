"""Who stands for election: the candidates of the rules that apply, with what is known of them now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.conditions import Facts, failed_condition
from services.leads.assigning.assignment.rules import Candidate, Rule, Verdict, makes_up, owed
from services.leads.assigning.assignment.tables import (
    ENSURE_ROTATIONS,
    LOCK_ROTATIONS,
    READ_ROTATIONS,
    SELECT_TURNS,
    SET_ROTATIONS,
    SET_TURNS,
)
from services.leads.assigning.standings.rules import Reached
from services.leads.assigning.standings.use_cases import reached_by
from services.leads.assigning.workload.use_cases import lock_loads, open_leads
from shared.access.directory import credits_of, people, reps_of_unit
from shared.access.working import absences_of, calendars_of_users, profiles_of
from shared.database.transactions import Tx
from shared.worktime.moments import is_working

Given = tuple[Rule, UUID, Sequence[Verdict]]
"""A lead was given: by which rule, to whom, on what it found."""

_A_MOMENT = timedelta(microseconds=1)


@dataclass(slots=True)
class Ballot:
    """The state that decisions are made on; `take_turn` moves it on, `store_turns` keeps what was taken."""

    tenant_id: UUID
    rules: Sequence[Rule]
    by_rule: dict[UUID, dict[UUID, Candidate]]
    rotation: dict[UUID, int]
    _taken: dict[tuple[UUID, UUID], int] = field(default_factory=dict)

    def candidates(self) -> Mapping[UUID, Sequence[Candidate]]:
        """Candidates by rule, as they stand now."""
        return {rule_id: list(listed.values()) for rule_id, listed in self.by_rule.items()}

    def as_if_new(self, owner_id: UUID | None) -> Mapping[UUID, Sequence[Candidate]]:
        """The same for a lead that is in somebody's hands, as if it were not."""
        return {
            rule_id: [_without_one(one) if one.user_id == owner_id else one for one in listed.values()]
            for rule_id, listed in self.by_rule.items()
        }

    def let_go(self, user_id: UUID) -> None:
        """A lead of theirs is another's now."""
        for listed in self.by_rule.values():
            if user_id in listed:
                listed[user_id] = _without_one(listed[user_id])

    def take_turn(self, rule: Rule, verdicts: Sequence[Verdict], user_id: UUID) -> None:
        """The user gets a lead by the rule that found this of its candidates."""
        mine = self.by_rule[rule.id]
        for user, change in owed(verdicts).items():
            mine[user] = replace(mine[user], credit=mine[user].credit + change)
        one = mine[user_id]
        if makes_up(rule, one):
            mine[user_id] = replace(one, owed_turns=one.owed_turns - 1)
        else:
            turn = self.rotation[rule.id] = self.rotation.get(rule.id, 0) + 1
            self._taken[rule.id, user_id] = turn
            mine[user_id] = replace(one, last_turn=turn)
        for listed in self.by_rule.values():
            if user_id in listed:
                listed[user_id] = replace(listed[user_id], open_leads=listed[user_id].open_leads + 1)

    async def store_turns(self, tx: Tx, given: Sequence[Given]) -> None:
        """Keep the turns of the leads that were really given."""
        if not given:
            return
        shifts, made_up = _shifts(given), _made_up(given)
        taken = {(rule.id, user) for rule, user, _ in given}
        rules = sorted({rule for rule, _ in taken})
        await tx.connection.execute(
            SET_ROTATIONS, self.tenant_id, rules, [self.rotation[rule] for rule in rules]
        )
        kept = sorted(shifts)
        turns = [self._taken.get(pair) if pair in taken else None for pair in kept]
        by_rule, by_user = [rule for rule, _ in kept], [user for _, user in kept]
        owed_more, owed_turns = [shifts[pair] for pair in kept], [-made_up[pair] for pair in kept]
        await tx.connection.execute(SET_TURNS, self.tenant_id, by_rule, by_user, turns, owed_more, owed_turns)


def _without_one(one: Candidate) -> Candidate:
    return replace(one, open_leads=one.open_leads - 1)


def _made_up(given: Sequence[Given]) -> Counter[tuple[UUID, UUID]]:
    """How many turns that had come back were had, `(rule, user)`."""
    return Counter(
        (rule.id, user)
        for rule, user, verdicts in given
        for one in verdicts
        if one.user_id == user and makes_up(rule, one.candidate)
    )


def _shifts(given: Sequence[Given]) -> dict[tuple[UUID, UUID], int]:
    """How much more each candidate is owed by each rule, `(rule, user)`; of those chosen at least nothing."""
    found: dict[tuple[UUID, UUID], int] = {}
    for rule, user, verdicts in given:
        found.setdefault((rule.id, user), 0)
        for each, change in owed(verdicts).items():
            found[rule.id, each] = found.get((rule.id, each), 0) + change
    return found


async def consider(
    tx: Tx,
    tenant_id: UUID,
    rules: Sequence[Rule],
    facts: Sequence[Facts],
    at: datetime,
    *,
    lock: bool,
    but: frozenset[UUID] = frozenset(),
) -> Ballot:
    """The ballot for some leads, none of them for whom `but` names.

    `lock` holds turns, and loads where they decide, until the transaction ends.
    """
    applying = [
        rule for rule in rules if any(failed_condition(rule.conditions, one) is None for one in facts)
    ]
    rotation = await _rotations(tx, tenant_id, applying, lock=lock)
    standing = await stand(tx, tenant_id, applying, at, lock=lock, but=but)
    turns = await _turns(tx, tenant_id, applying)
    by_rule = {}
    for rule_id, listed in standing.items():
        by_rule[rule_id] = {
            one.user_id: _with_turns(one, turns.get((rule_id, one.user_id))) for one in listed
        }
    return Ballot(tenant_id, rules, by_rule, rotation)


async def stand(
    tx: Tx,
    tenant_id: UUID,
    rules: Sequence[Rule],
    at: datetime,
    *,
    lock: bool,
    but: frozenset[UUID] = frozenset(),
) -> dict[UUID, list[Candidate]]:
    """The candidates of each rule at a moment, with their loads, without turns; see `consider`."""
    named = await _named(tx, rules)
    users = sorted({user for listed in named.values() for user in listed})
    timed = {user for rule in rules if rule.working_hours_only for user in named[rule.id]}
    known = await _known(tx, users, at, timed)
    by_load = any(rule.strategy == "least_loaded" or rule.max_open_leads is not None for rule in rules)
    counts = by_load or any(one.capacity is not None for one in known.values())
    loads = await (lock_loads if lock and counts else open_leads)(tx, tenant_id, {*users, *but})
    reached = await _reached(tx, tenant_id, rules, named, at)
    return {
        rule_id: [
            replace(
                known[user],
                open_leads=loads[user],
                had_it=user in but,
                reached=reached.get((rule_id, user)),
            )
            for user in listed
        ]
        for rule_id, listed in named.items()
    }


async def _reached(
    tx: Tx, tenant_id: UUID, rules: Sequence[Rule], named: Mapping[UUID, Collection[UUID]], at: datetime
) -> dict[tuple[UUID, UUID], Reached]:
    """By rule and user, where weights follow a metric."""
    found = {}
    for rule in rules:
        if rule.strategy == "weighted" and rule.weights.kpi is not None:
            by_user = await reached_by(tx, tenant_id, named[rule.id], rule.weights.kpi, at)
            found.update({(rule.id, user): reached for user, reached in by_user.items()})
    return found


async def _known(
    tx: Tx, users: Collection[UUID], at: datetime, timed: Collection[UUID]
) -> dict[UUID, Candidate]:
    """What the directory says of each at a moment; whether they work just then only of those `timed`."""
    if not users:
        return {}
    persons, credit = await people(tx, users), await credits_of(tx, users)
    profiles = await profiles_of(tx, users)
    absences = await absences_of(tx, users, at, at + _A_MOMENT)
    calendars = await calendars_of_users(tx, timed) if timed else {}
    off = {
        user: at.astimezone(calendar.zone)
        for user, calendar in calendars.items()
        if not is_working(calendar, at)
    }
    return {
        user: Candidate(
            user,
            region=credit[user].team_region if user in credit else None,
            territories=profiles[user].territories,
            level=profiles[user].level,
            skills=profiles[user].skills,
            languages=profiles[user].languages,
            capacity=profiles[user].capacity,
            absent_until=max((to_at for _, to_at in absences.get(user, ())), default=None),
            off_at=off.get(user),
            known=user in persons,
            active=user in persons and persons[user].active,
            is_rep=user in persons and persons[user].is_rep,
        )
        for user in users
    }


async def _rotations(tx: Tx, tenant_id: UUID, rules: Sequence[Rule], *, lock: bool) -> dict[UUID, int]:
    ids = sorted(rule.id for rule in rules)
    if not ids:
        return {}
    if lock:
        await tx.connection.execute(ENSURE_ROTATIONS, tenant_id, ids)
    rows = await tx.connection.fetch(LOCK_ROTATIONS if lock else READ_ROTATIONS, tenant_id, ids)
    return {row["rule_id"]: row["turn"] for row in rows}


def _with_turns(one: Candidate, row: asyncpg.Record | None) -> Candidate:
    if row is None:
        return one
    return replace(one, last_turn=row["last_turn"], credit=row["credit"], owed_turns=row["owed_turns"])


async def _turns(tx: Tx, tenant_id: UUID, rules: Sequence[Rule]) -> dict[tuple[UUID, UUID], asyncpg.Record]:
    """By rule and user: the turn that was theirs last and what they are owed."""
    rows = await tx.connection.fetch(SELECT_TURNS, tenant_id, [rule.id for rule in rules])
    return {(row["rule_id"], row["user_id"]): row for row in rows}


async def _named(tx: Tx, rules: Sequence[Rule]) -> dict[UUID, list[UUID]]:
    """The users whom each rule names: its list, or the active reps of its unit and below, by code."""
    named = {}
    for rule in rules:
        if rule.unit_id is None:
            named[rule.id] = list(dict.fromkeys(rule.user_ids))
        else:
            named[rule.id] = [person.id for person in await reps_of_unit(tx, rule.unit_id)]
    return named


async def hold_everybody(tx: Tx, tenant_id: UUID, rules: Sequence[Rule]) -> set[UUID]:
    """Hold the turns of rules until the transaction ends; the users whom they name.

    For who does more with leads than to assign them: turns come before loads, and loads before leads.
    """
    await _rotations(tx, tenant_id, rules, lock=True)
    return {user for listed in (await _named(tx, rules)).values() for user in listed}
