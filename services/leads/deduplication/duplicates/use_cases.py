"""Claiming keys, and passing them on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.leads.deduplication.duplicates.family import leads_naming
from services.leads.deduplication.duplicates.rules import Claim, Key, Policy, Screened, screen
from services.leads.deduplication.duplicates.tables import (
    CLAIM,
    DROP,
    GIVE_UP,
    HAND_ON,
    HOLDERS,
    LOCK_KEYS,
    PASSING,
    claiming,
    claiming_of_one,
)
from shared.database.literals import array_literal
from shared.database.transactions import Tx


def claiming_keys(tenant_id: UUID, claims: Sequence[Claim], first: int) -> tuple[str, list[Any]]:
    """Claiming the keys of new leads as parts of the statement that stores them, and its values.

    Parameters are numbered from `first`. The statement has `repeats (lead_id, first_id)` then.
    """
    if len(claims) == 1:
        ordered = sorted(claims[0].keys)
        named, said = [key.kind for key in ordered], [key.value for key in ordered]
        return claiming_of_one(first), [tenant_id, named, said, claims[0].lead_id]
    keys = [key for claim in claims for key in claim.keys]
    kinds, values = (array_literal([key[at] for key in keys]) for at in range(2))
    ids = [claim.lead_id for claim in claims for _ in claim.keys]
    return claiming(first), [tenant_id, kinds, values, ids]


async def claimed(tx: Tx, tenant_id: UUID, claims: Sequence[Claim]) -> dict[UUID, UUID]:
    """Claim the keys of new leads; `{lead: the earlier one it repeats}` of those that do."""
    parts, values = claiming_keys(tenant_id, claims, 1)
    statement = f"with {parts} select lead_id, first_id from repeats"  # noqa: S608 - own words
    rows = await tx.connection.fetch(statement, *values)
    return {row["lead_id"]: row["first_id"] for row in rows}


async def release_key(tx: Tx, tenant_id: UUID, lead_id: UUID, key: Key, successor: UUID | None) -> None:
    """The lead has the key no longer; `successor` is another lead that still has it."""
    if successor is None:
        await tx.connection.execute(GIVE_UP, tenant_id, key.kind, key.value, lead_id)
    else:
        await tx.connection.execute(HAND_ON, tenant_id, key.kind, key.value, lead_id, successor)


async def holders_of(tx: Tx, tenant_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """The first lead that has each of these keys, where one has; nothing is locked."""
    asked = sorted(set(keys))
    if not asked:
        return {}
    kinds, values = [key.kind for key in asked], [key.value for key in asked]
    rows = await tx.connection.fetch(HOLDERS, tenant_id, kinds, values)
    return {Key(row["kind"], row["value"]): row["lead_id"] for row in rows}


async def hold_keys(tx: Tx, tenant_id: UUID, lead_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Lock keys in order, claiming for the lead those that nobody has; answers who holds each."""
    return await _claim(tx, tenant_id, dict.fromkeys(keys, lead_id))


async def screened(tx: Tx, tenant_id: UUID, claims: Sequence[Claim], policy: Policy) -> Screened:
    """Claim the keys of new leads, and say what the policy says of them; see `screen`."""
    wanted: dict[Key, UUID] = {}
    for claim in claims:
        for key in claim.keys:
            wanted.setdefault(key, claim.lead_id)
    holders = await _claim(tx, tenant_id, wanted)
    phones = {key.value for key in wanted if key.kind == "phone"}
    family = await leads_naming(tx, tenant_id, phones) if policy.family != "off" else {}
    found = screen(claims, holders, family, policy)
    await _settle(tx, tenant_id, found)
    return found


async def _claim(tx: Tx, tenant_id: UUID, wanted: Mapping[Key, UUID]) -> dict[Key, UUID]:
    if not wanted:
        return {}
    kinds, values, leads = zip(*((*key, lead) for key, lead in sorted(wanted.items())), strict=True)
    rows = await tx.connection.fetch(CLAIM, tenant_id, kinds, values, leads)
    return {Key(row["kind"], row["value"]): row["lead_id"] for row in rows}


async def lock_keys(tx: Tx, tenant_id: UUID, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Lock those keys that somebody has, in order; answers who holds each."""
    ordered = sorted(set(keys))
    kinds, values = [key.kind for key in ordered], [key.value for key in ordered]
    rows = await tx.connection.fetch(LOCK_KEYS, tenant_id, kinds, values)
    return {Key(row["kind"], row["value"]): row["lead_id"] for row in rows}


async def _settle(tx: Tx, tenant_id: UUID, found: Screened) -> None:
    passed = [(*key, to) for key, to in found.holders.items() if to is not None]
    dropped = [key for key, to in found.holders.items() if to is None]
    if passed:
        await tx.connection.execute(PASSING, tenant_id, *map(list, zip(*passed, strict=True)))
    if dropped:
        await tx.connection.execute(DROP, tenant_id, *map(list, zip(*dropped, strict=True)))
