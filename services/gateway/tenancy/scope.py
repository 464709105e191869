"""Whose organisation a transaction is about."""

from __future__ import annotations

from uuid import UUID

from shared.database.transactions import Tx


def tenant_of(tx: Tx) -> UUID:
    """The transaction's tenant; nothing in the organisation is done without one."""
    assert tx.tenant_id is not None  # noqa: S101 - a transaction without a tenant is a mistake of ours
    return tx.tenant_id
