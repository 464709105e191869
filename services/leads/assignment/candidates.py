"""Who stands for election: the candidates of the rules that apply, with their turns and loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.leads.assignment.rules import Candidate, Facts, Rule, failed_condition
from services.leads.assignment.tables import (
    ENSURE_ROTATIONS,
    LOCK_ROTATIONS,
    SELECT_TURNS,
    SET_ROTATIONS,
    SET_TURNS,
)
from services.leads.workload.use_cases import lock_loads, open_leads
from shared.access.directory import credits_of, people, reps_of_unit
from shared.database.transactions import Tx


@dataclass(slots=True)
class Ballot:
    """The state that decisions are made on; `take_turn` moves it on, `store_turns` keeps what was taken."""

    tenant_id: UUID
    rules: Sequence[Rule]
    by_rule: dict[UUID, list[Candidate]]
    rotation: dict[UUID, int]
    loads: dict[UUID, int]
    taken: dict[tuple[UUID, UUID], int] = field(default_factory=dict)

    def candidates(self) -> dict[UUID, list[Candidate]]:
        """Candidates by rule, as they stand now."""
        return {
            rule_id: [
                replace(
                    one,
                    open_leads=self.loads.get(one.user_id, 0),
                    last_turn=self.taken.get((rule_id, one.user_id), one.last_turn),
                )
                for one in listed
            ]
            for rule_id, listed in self.by_rule.items()
        }

    def take_turn(self, rule_id: UUID, user_id: UUID) -> None:
        """The user gets a lead by the rule."""
        self.rotation[rule_id] = self.rotation.get(rule_id, 0) + 1
        self.taken[rule_id, user_id] = self.rotation[rule_id]
        self.loads[user_id] = self.loads.get(user_id, 0) + 1

    async def store_turns(self, tx: Tx, given: Sequence[tuple[UUID, UUID | None]]) -> None:
        """Keep the turns of the leads that were really given, as `(rule, user)`."""
        kept = sorted((rule, user) for rule, user in {pair for pair in given if pair[1]} if user)
        if not kept:
            return
        turns = [self.taken[pair] for pair in kept]
        rules = sorted({rule for rule, _ in kept})
        await tx.connection.execute(
            SET_ROTATIONS, self.tenant_id, rules, [self.rotation[rule] for rule in rules]
        )
        await tx.connection.execute(
            SET_TURNS, self.tenant_id, [rule for rule, _ in kept], [user for _, user in kept], turns
        )


async def consider(
    tx: Tx,
    tenant_id: UUID,
    rules: Sequence[Rule],
    facts: Sequence[Facts],
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
    named = await _named(tx, applying)
    users = sorted({user for listed in named.values() for user in listed})
    by_load = any(rule.strategy == "least_loaded" or rule.max_open_leads is not None for rule in applying)
    loads = await (lock_loads if lock and by_load else open_leads)(tx, tenant_id, users)
    known, credit = await people(tx, users), await credits_of(tx, users)
    turns = await _turns(tx, tenant_id, applying)
    by_rule = {}
    for rule_id, listed in named.items():
        by_rule[rule_id] = [
            Candidate(
                user,
                region=credit[user].team_region if user in credit else None,
                last_turn=turns.get((rule_id, user), 0),
                known=user in known,
                active=user in known and known[user].active,
                is_rep=user in known and known[user].is_rep,
                is_owner=user in but,
            )
            for user in listed
        ]
    return Ballot(tenant_id, rules, by_rule, rotation, loads)


async def _rotations(tx: Tx, tenant_id: UUID, rules: Sequence[Rule], *, lock: bool) -> dict[UUID, int]:
    ids = sorted(rule.id for rule in rules)
    if not lock or not ids:
        return {}
    await tx.connection.execute(ENSURE_ROTATIONS, tenant_id, ids)
    return {row["rule_id"]: row["turn"] for row in await tx.connection.fetch(LOCK_ROTATIONS, tenant_id, ids)}


async def _turns(tx: Tx, tenant_id: UUID, rules: Sequence[Rule]) -> dict[tuple[UUID, UUID], int]:
    rows = await tx.connection.fetch(SELECT_TURNS, tenant_id, [rule.id for rule in rules])
    return {(row["rule_id"], row["user_id"]): row["last_turn"] for row in rows}


async def _named(tx: Tx, rules: Sequence[Rule]) -> dict[UUID, list[UUID]]:
    """The users whom each rule names: its list, or the active reps of its unit and below, by code."""
    named = {}
    for rule in rules:
        if rule.unit_id is None:
            named[rule.id] = list(dict.fromkeys(rule.user_ids))
        else:
            named[rule.id] = [person.id for person in await reps_of_unit(tx, rule.unit_id)]
    return named
