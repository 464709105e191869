"""How rows travel as parameters."""

from __future__ import annotations

from shared.database.rows import Columns

COLUMNS = Columns((("id", "uuid"), ("stage", "text"), ("at", "timestamptz")), alike={"stage", "at"})
NOW = object()


class TestColumns:
    def test_values_travel_alone_when_there_is_one_row(self) -> None:
        assert COLUMNS.sent([["a"], ["new"], [NOW]]) == ("one", ["a", "new", NOW])

    def test_a_value_is_sent_once_when_all_rows_share_it(self) -> None:
        columns: list[list[object]] = [["a", "b"], ["new", "new"], [NOW, NOW]]
        assert COLUMNS.sent(columns) == ("alike", [["a", "b"], "new", NOW])

    def test_every_column_is_an_array_when_one_of_them_differs(self) -> None:
        columns: list[list[object]] = [["a", "b"], ["new", "won"], [NOW, NOW]]
        assert COLUMNS.sent(columns) == ("many", columns)

    def test_parameters_are_arrays_exactly_where_arrays_are_sent(self) -> None:
        assert COLUMNS.relation("r", "alike", 4) == (
            "(select u.id, $5::text as stage, $6::timestamptz as at, u.ord"
            " from unnest($4::uuid[]) with ordinality u(id, ord)) r"
        )
        assert "unnest($1::uuid[], $2::text[], $3::timestamptz[])" in COLUMNS.relation("r", "many")
        assert "unnest" not in COLUMNS.relation("r", "one")
