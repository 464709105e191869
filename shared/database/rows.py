"""Rows as parameters of one statement, the same words for a thousand rows as for two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from operator import is_
from typing import Any, Literal

from shared.database.literals import array_literal

Form = Literal["one", "alike", "many"]
"""How rows travel: one as values; many as arrays, one per column; `alike` as arrays, but for columns whose
value all rows share."""
FORMS: tuple[Form, ...] = ("one", "alike", "many")


class Columns:
    """`fields` are names and SQL types, each a parameter. `alike` names those that mostly have the same value
    in all rows: where every one of them does, each is sent once. Half of a driver's time goes into arrays, so
    many texts travel as the text of an array, but for those of `marked`: in them stand quotation marks, and
    each would have to be escaped.
    """

    def __init__(
        self, fields: Sequence[tuple[str, str]], alike: Collection[str], *, marked: Collection[str] = ()
    ) -> None:
        self.fields = tuple(fields)
        self._written = frozenset(
            at for at, (name, kind) in enumerate(fields) if kind == "text" and name not in marked
        )
        self._alike = frozenset(at for at, (name, _) in enumerate(fields) if name in alike)

    def relation(self, name: str, form: Form, first: int = 1) -> str:
        """The rows as a relation: these columns and `ord`, their place from 1; parameters from `first`."""
        everything = frozenset(range(len(self.fields)))
        single = {"one": everything, "alike": self._alike, "many": frozenset[int]()}[form]
        shown = ", ".join(
            f"${first + at}::{kind} as {field}" if at in single else f"u.{field}"
            for at, (field, kind) in enumerate(self.fields)
        )
        if form == "one":
            return f"(select {shown}, 1 as ord) {name}"
        many = [(at, *field) for at, field in enumerate(self.fields) if at not in single]
        arrays = ", ".join(
            f"${first + at}::{'text::' if at in self._written else ''}{kind}[]" for at, _, kind in many
        )
        fields = ", ".join(field for _, field, _ in many)
        return f"(select {shown}, u.ord from unnest({arrays}) with ordinality u({fields}, ord)) {name}"  # noqa: S608 - our own names

    def sent(self, columns: Sequence[Sequence[Any]]) -> tuple[Form, list[Any]]:
        """How these columns of at least one row travel, and the parameters."""
        if len(columns[0]) == 1:
            return "one", [only for (only,) in columns]
        single = self._alike if all(_is_shared(columns[at]) for at in self._alike) else frozenset[int]()
        sent = [
            each[0] if at in single else array_literal(each) if at in self._written else each
            for at, each in enumerate(columns)
        ]
        return "alike" if single else "many", sent


def _is_shared(column: Sequence[Any]) -> bool:
    # The very same object, not only an equal one: that is asked quickly.
    return all(map(is_, column, repeat(column[0])))
