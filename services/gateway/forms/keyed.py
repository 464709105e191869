"""What strangers come to: they have its key, and nothing says yet whose it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Table, select, text

from shared.database.transactions import Tx


async def row_by_public_key(tx: Tx, table: Table, key: str) -> Row[*tuple[Any, ...]] | None:
    """Looked up before a tenant is known: row-level security lets this one row through, by its key."""
    await tx.conn.execute(text("select set_config('cox.public_key', :key, true)"), {"key": key})
    return (await tx.conn.execute(select(table).where(table.c.key == key))).one_or_none()
