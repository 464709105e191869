"""How rows travel as parameters."""

from __future__ import annotations

from shared.database.rows import Columns

COLUMNS = Columns(
    (("id", "uuid"), ("stage", "text"), ("at", "timestamptz"), ("said", "text")),
    alike={"stage", "at"},
    marked={"said"},
)
NOW = object()


class TestColumns:
    def test_values_travel_alone_when_there_is_one_row(self) -> None:
        assert COLUMNS.sent([["a"], ["new"], [NOW], ["x"]]) == ("one", ["a", "new", NOW, "x"])

    def test_a_value_is_sent_once_when_all_rows_share_it(self) -> None:
        columns: list[list[object]] = [["a", "b"], ["new", "new"], [NOW, NOW], ["x", "y"]]
        assert COLUMNS.sent(columns) == ("alike", [["a", "b"], "new", NOW, ["x", "y"]])

    def test_every_column_is_an_array_when_one_of_them_differs(self) -> None:
        columns: list[list[object]] = [["a", "b"], ["new", "won"], [NOW, NOW], ["x", "y"]]
        assert COLUMNS.sent(columns) == ("many", [["a", "b"], '{"new","won"}', [NOW, NOW], ["x", "y"]])

    def test_parameters_are_arrays_exactly_where_arrays_are_sent(self) -> None:
        assert COLUMNS.relation("r", "alike", 4) == (
            "(select u.id, $5::text as stage, $6::timestamptz as at, u.said, u.ord"
            " from unnest($4::uuid[], $7::text[]) with ordinality u(id, said, ord)) r"
        )
        assert "unnest($1::uuid[], $2::text::text[], $3::timestamptz[], $4::text[])" in COLUMNS.relation(
            "r", "many"
        )
        assert "unnest" not in COLUMNS.relation("r", "one")
