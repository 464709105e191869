"""Rows into a table by one statement, one row or a thousand: `insert … select … from …`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.literals import array_literal
from shared.database.rows import FORMS, Columns, Form
from shared.database.transactions import Tx

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped


class BulkInsert:
    """The statement for some columns of a table; of one row or of many, in nearly the same words.

    Arrays and JSON travel as text: `unnest` would flatten arrays. Those of numbers come as literals. `alike`:
    see `Columns`.
    """

    def __init__(
        self, table: Table, columns: Sequence[str], *, suffix: str = "", alike: Sequence[str] = ()
    ) -> None:
        self.columns = tuple(columns)
        kinds = [table.c[name].type for name in columns]
        self._encoders = [(at, _encoder(kind)) for at, kind in enumerate(kinds) if _encoder(kind)]
        self._types = [kind.compile(dialect=_DIALECT) for kind in kinds]
        self._as_text = [isinstance(kind, (ARRAY, JSONB)) for kind in kinds]
        sent = ["text" if plain else name for name, plain in zip(self._types, self._as_text, strict=True)]
        marked = [name for name, plain in zip(columns, self._as_text, strict=True) if plain]
        self._rows = Columns(list(zip(columns, sent, strict=True)), alike, marked=marked)
        self._values_of = itemgetter(*columns)
        listed = ", ".join(columns)
        taken = ", ".join(self.taken(column) for column in columns)
        into = f"insert into {table.name} ({listed}) select {taken} from "  # noqa: S608 - names come from our own models
        self._statements = {form: f"{into}{self.rows(form)} {suffix}" for form in FORMS}

    def rows(self, form: Form) -> str:
        """The rows as a relation `r`, of the parameters $1 … $n in the order of the columns."""
        return self._rows.relation("r", form)

    def taken(self, column: str) -> str:
        """A column of `r` as the table has it."""
        at = self.columns.index(column)
        return f"r.{column}::{self._types[at]}" if self._as_text[at] else f"r.{column}"

    def sent(self, rows: Sequence[Sequence[Any]]) -> tuple[Form, list[Any]]:
        """How these rows (at least one; values in the order of the columns) travel, and the parameters."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        for at, encode in self._encoders:
            columns[at] = [None if value is None else encode(value) for value in columns[at]]
        return self._rows.sent(columns)

    async def execute(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Insert; answers with what `suffix` returns. Nothing is sent for no rows."""
        if not rows:
            return []
        form, parameters = self.sent([self._values_of(row) for row in rows])
        return list(await tx.connection.fetch(self._statements[form], *parameters))


def _encoder(kind: object) -> Any:
    if isinstance(kind, ARRAY):
        return None if isinstance(kind.item_type, BigInteger) else array_text
    return json_text if isinstance(kind, JSONB) else None


def array_text(values: Collection[object]) -> str:
    """A PostgreSQL array literal, every element quoted."""
    return array_literal([str(value) for value in values])


def json_text(value: object) -> str:
    """JSON for a jsonb parameter."""
    return orjson.dumps(value).decode()
