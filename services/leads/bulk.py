"""Rows into a table by one statement, one row or a thousand: `insert … select … from unnest(…)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.transactions import Tx

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped


class BulkInsert:
    """The statement for some columns of a table.

    Arrays and JSON travel as text: `unnest` would flatten arrays.
    """

    def __init__(self, table: Table, columns: Sequence[str], *, suffix: str = "") -> None:
        self.columns = tuple(columns)
        kinds = [table.c[name].type for name in columns]
        self._encode = [_encoder(kind) for kind in kinds]
        names = [kind.compile(dialect=_DIALECT) for kind in kinds]
        as_text = [isinstance(kind, (ARRAY, JSONB)) for kind in kinds]
        given = ", ".join(
            f"${at}::{'text' if plain else name}[]"
            for at, (name, plain) in enumerate(zip(names, as_text, strict=True), 1)
        )
        taken = ", ".join(
            f"r.{column}::{name}" if plain else f"r.{column}"
            for column, name, plain in zip(columns, names, as_text, strict=True)
        )
        listed = ", ".join(columns)
        self.sql = (
            f"insert into {table.name} ({listed}) select {taken} "  # noqa: S608 - names come from our own models
            f"from unnest({given}) as r({listed}) {suffix}"
        )

    def arguments(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """One list per column, for a driver's call."""
        return [
            [encode(row[name]) if encode and row[name] is not None else row[name] for row in rows]
            for name, encode in zip(self.columns, self._encode, strict=True)
        ]

    async def execute(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Insert; answers with what `suffix` returns. Nothing is sent for no rows."""
        if not rows:
            return []
        return list(await tx.connection.fetch(self.sql, *self.arguments(rows)))


def _encoder(kind: object) -> Any:
    if isinstance(kind, ARRAY):
        return array_text
    return json_text if isinstance(kind, JSONB) else None


def array_text(values: Iterable[object]) -> str:
    """A PostgreSQL array literal, every element quoted."""
    quoted = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def json_text(value: object) -> str:
    """JSON for a jsonb parameter."""
    return orjson.dumps(value).decode()
