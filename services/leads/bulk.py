"""Rows into a table by one statement, one row or a thousand: `insert … select … from …`."""

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
    """The statement for some columns of a table; of one row or of many, in the same words.

    Arrays and JSON travel as text: `unnest` would flatten arrays.
    """

    def __init__(self, table: Table, columns: Sequence[str], *, suffix: str = "") -> None:
        self.columns = tuple(columns)
        kinds = [table.c[name].type for name in columns]
        self._encode = [_encoder(kind) for kind in kinds]
        self._types = [kind.compile(dialect=_DIALECT) for kind in kinds]
        self._as_text = [isinstance(kind, (ARRAY, JSONB)) for kind in kinds]
        listed = ", ".join(columns)
        taken = ", ".join(self.taken(column) for column in columns)
        into = f"insert into {table.name} ({listed}) select {taken} from "  # noqa: S608 - names come from our own models
        self._one, self._many = (f"{into}{self.rows(one=one)} {suffix}" for one in (True, False))

    def rows(self, *, one: bool) -> str:
        """The rows as a relation `r`, of the parameters $1 … $n in the order of the columns."""
        sent = ["text" if plain else name for name, plain in zip(self._types, self._as_text, strict=True)]
        listed = ", ".join(self.columns)
        if one:
            return f"(select {', '.join(f'${at}::{kind}' for at, kind in enumerate(sent, 1))}) as r({listed})"
        return f"unnest({', '.join(f'${at}::{kind}[]' for at, kind in enumerate(sent, 1))}) as r({listed})"

    def taken(self, column: str) -> str:
        """A column of `r` as the table has it."""
        at = self.columns.index(column)
        return f"r.{column}::{self._types[at]}" if self._as_text[at] else f"r.{column}"

    def arguments(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """One value per column for one row, else one list per column."""
        columns = [
            [encode(row[name]) if encode and row[name] is not None else row[name] for row in rows]
            for name, encode in zip(self.columns, self._encode, strict=True)
        ]
        return [only for (only,) in columns] if len(rows) == 1 else columns

    async def execute(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Insert; answers with what `suffix` returns. Nothing is sent for no rows."""
        if not rows:
            return []
        sql = self._one if len(rows) == 1 else self._many
        return list(await tx.connection.fetch(sql, *self.arguments(rows)))


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
