"""What the rules decided before, with what was known of the candidates then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.tables import MADE_BY_RULES
from shared.database.transactions import Tx
from shared.ids import first_id


@dataclass(frozen=True, slots=True)
class Told:
    """What a decision says of one candidate of a rule, as they were before it."""

    rule_id: UUID
    user_id: UUID
    open_leads: int
    last_turn: int
    credit: int
    owed_turns: int


@dataclass(frozen=True, slots=True)
class Made:
    """A decision of the rules about a lead; `owner_id` None: they had nobody.

    `had_it`: from whom it was to be taken.
    """

    lead_id: UUID
    at: datetime
    owner_id: UUID | None
    told: tuple[Told, ...]
    had_it: frozenset[UUID]


async def made_by_rules(tx: Tx, tenant_id: UUID, since: datetime, most: int) -> list[Made]:
    """The newest decisions of the rules since then, the oldest first."""
    rows = await tx.connection.fetch(MADE_BY_RULES, tenant_id, since, most, first_id(since))
    return [_made(row) for row in reversed(rows)]


def _made(row: asyncpg.Record) -> Made:
    candidates = list(_candidates(row["explanation"]))
    had_it = frozenset(UUID(one["user_id"]) for _, one in candidates if one["reason"] == "had_the_lead")
    told = [
        Told(
            rule_id,
            UUID(one["user_id"]),
            one["open_leads"],
            one["last_turn"],
            one.get("credit", 0),
            one.get("owed_turns", 0),
        )
        for rule_id, one in candidates
    ]
    return Made(row["lead_id"], row["at"], row["owner_id"], tuple(told), had_it)


def _candidates(explanation: Sequence[Mapping[str, Any]]) -> Iterator[tuple[UUID, Mapping[str, Any]]]:
    for consulted in explanation:
        for one in consulted["candidates"]:
            yield UUID(consulted["rule_id"]), one
