"""Claiming keys, and passing them on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.leads.duplicates.rules import Claim, Key, duplicates, first_claims
from services.leads.duplicates.tables import CLAIM, GIVE_UP, HAND_ON
from shared.database.transactions import Tx


async def claim_keys(tx: Tx, tenant_id: UUID, claims: Sequence[Claim]) -> dict[UUID, UUID]:
    """Claim the keys of new leads; answers `{lead: the lead it repeats}` for those that repeat one."""
    first = first_claims(claims)
    if not first:
        return {}
    kinds, values, ids = [k.kind for k, _ in first], [k.value for k, _ in first], [lead for _, lead in first]
    rows = await tx.connection.fetch(CLAIM, tenant_id, kinds, values, ids)
    return duplicates(claims, {Key(row["kind"], row["value"]): row["lead_id"] for row in rows})


async def release_key(tx: Tx, tenant_id: UUID, lead_id: UUID, key: Key, successor: UUID | None) -> None:
    """The lead has the key no longer; `successor` is another lead that still has it."""
    if successor is None:
        await tx.connection.execute(GIVE_UP, tenant_id, key.kind, key.value, lead_id)
    else:
        await tx.connection.execute(HAND_ON, tenant_id, key.kind, key.value, lead_id, successor)


async def hold_keys(tx: Tx, tenant_id: UUID, lead_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Lock keys in order, claiming for the lead those that nobody has; answers who holds each."""
    ordered = sorted(set(keys))
    if not ordered:
        return {}
    kinds, values = [key.kind for key in ordered], [key.value for key in ordered]
    rows = await tx.connection.fetch(CLAIM, tenant_id, kinds, values, [lead_id] * len(ordered))
    return {Key(row["kind"], row["value"]): row["lead_id"] for row in rows}
