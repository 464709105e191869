"""A turn comes back: as if the lead that it brought had never been."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.explanation import undone
from services.leads.assigning.assignment.tables import LOCK_ROTATIONS, SELECT_ASSIGNMENTS, SET_TURNS
from shared.database.transactions import Tx


async def give_turn_back(tx: Tx, tenant_id: UUID, lead_id: UUID, owner_id: UUID, since: datetime) -> bool:
    """Whether there was one: a rule by turns or by weights gave the lead to the owner at that moment.

    Locks the rule's turns, so it comes before loads and leads.
    """
    rows = await tx.connection.fetch(SELECT_ASSIGNMENTS, tenant_id, lead_id)
    found = [
        row for row in rows if row["how"] == "rule" and (row["owner_id"], row["at"]) == (owner_id, since)
    ]
    if not found:
        return False
    decisive: Mapping[str, Any] = found[-1]["explanation"][-1]
    shares, turns = undone(decisive)
    users = sorted(shares.keys() | turns.keys())
    if not users:
        return False
    rules = [found[-1]["rule_id"]] * len(users)
    await tx.connection.fetch(LOCK_ROTATIONS, tenant_id, rules[:1])
    owed, owed_turns = [shares.get(user, 0) for user in users], [turns.get(user, 0) for user in users]
    await tx.connection.execute(SET_TURNS, tenant_id, rules, users, [None] * len(users), owed, owed_turns)
    return True
