"""Sealing what was said of a person, opening it, and losing the key."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.leads.privacy.sealing.rules import (
    KEY_BYTES,
    NONCE_BYTES,
    Values,
    divided,
    key_from,
    opened,
    sealed,
    stored_key,
)
from services.leads.privacy.sealing.tables import ENSURE, FORGET, SELECT
from shared.database.transactions import Tx
from shared.errors import Unavailable


class KeyMissing(Unavailable):
    code = "audit_key_missing"
    title = "The installation's audit key is not the one that the lead's history was written with"


async def seal(tx: Tx, tenant_id: UUID, lead_id: UUID, values: Values) -> tuple[dict[str, Any], bytes | None]:
    """What may be kept of `values` as it is, and the rest sealed; None: there is no rest.

    The lead is locked. Raises KeyMissing.
    """
    plain, personal = divided(values)
    if not personal:
        return plain, None
    fresh = stored_key(os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES), lead_id, tx.master_key)
    stored = await tx.connection.fetchval(ENSURE, tenant_id, lead_id, fresh)
    key = key_from(stored, lead_id, tx.master_key)
    if key is None:
        raise KeyMissing
    return plain, sealed(key, os.urandom(NONCE_BYTES), lead_id, personal)


async def open_all(
    tx: Tx, tenant_id: UUID, boxes: Sequence[tuple[UUID, bytes]]
) -> list[Mapping[str, Any] | None]:
    """What lies in sealed boxes, each of a lead; None: it is lost, or the installation's key is another."""
    ids = sorted({lead_id for lead_id, _ in boxes})
    rows = await tx.connection.fetch(SELECT, tenant_id, ids) if ids else []
    keys = {row["lead_id"]: key_from(row["key"], row["lead_id"], tx.master_key) for row in rows}
    found: list[Mapping[str, Any] | None] = []
    for lead_id, box in boxes:
        key = keys.get(lead_id)
        found.append(None if key is None else opened(key, lead_id, box))
    return found


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Their keys are gone: nothing that was sealed is readable any more."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
