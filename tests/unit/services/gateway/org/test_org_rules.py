"""The shape of an organisation, and where people stand in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.org.models import Role
from services.gateway.org.rules import (
    AlreadyThere,
    GrantTooWide,
    LastAdmin,
    Move,
    UnitMisplaced,
    check_admin_stays,
    check_grant,
    check_unit_place,
    closure_of,
    in_tree_order,
    place,
    unit_at,
)
from shared.access.roles import ROLES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
A, B, C, D = (UUID(int=n) for n in range(1, 5))


class TestRoles:
    def test_routes_take_every_one_when_a_user_is_made(self) -> None:
        assert set(get_args(Role)) == ROLES.keys()


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


class TestUnitPlace:
    @pytest.mark.parametrize(
        ("kind", "parent"),
        [("company", None), ("region", "company"), ("team", "company"), ("region", "region"),
         ("team", "region"),
         ("team", "team")],
    )  # fmt: skip
    def test_allowed_when_kinds_fit(self, kind: str, parent: str | None) -> None:
        check_unit_place(kind, parent)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("kind", "parent"),
        [("company", "company"), ("company", "team"), ("region", "team"), ("team", None), ("region", None)],
    )
    def test_refused_when_kinds_do_not_fit(self, kind: str, parent: str | None) -> None:
        with pytest.raises(UnitMisplaced):
            check_unit_place(kind, parent)  # type: ignore[arg-type]


class TestUnitAt:
    def test_unit_of_now_when_there_was_no_move(self) -> None:
        assert unit_at(A, [], NOW) == A

    def test_unit_before_the_first_move_when_asked_for_earlier(self) -> None:
        moves = [Move(B, C, day(5)), Move(A, B, day(1))]
        assert [unit_at(C, moves, day(n)) for n in (0, 1, 4, 5, 9)] == [A, B, B, C, C]


class TestPlace:
    def test_moved_when_nothing_is_later(self) -> None:
        placed = place(B, [Move(A, B, day(1))], C, day(2))
        assert (placed.from_unit_id, placed.unit_id) == (B, C)

    def test_stays_when_a_later_move_took_effect(self) -> None:
        placed = place(B, [Move(A, B, day(5))], C, day(2))
        assert (placed.from_unit_id, placed.unit_id) == (A, B)

    def test_refused_when_already_there_then(self) -> None:
        with pytest.raises(AlreadyThere):
            place(A, [], A, NOW)
        with pytest.raises(AlreadyThere):
            place(B, [Move(A, B, day(5))], A, day(2))

    @given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([A, B, C, D])), max_size=12))
    def test_unit_of_now_is_the_latest_move_when_moves_come_in_any_order(
        self, wanted: list[tuple[int, UUID]]
    ) -> None:
        now_in, moves = A, list[Move]()
        for number, to in wanted:
            try:
                placed = place(now_in, moves, to, day(number))
            except AlreadyThere:
                continue
            moves.append(Move(placed.from_unit_id, to, day(number)))
            now_in = placed.unit_id
        last = max((move.effective_at for move in moves), default=None)
        assert last is None or now_in in {move.to_unit_id for move in moves if move.effective_at == last}


class TestTree:
    def test_ancestors_with_distance_when_asked_for_closure(self) -> None:
        assert closure_of({A: None, B: A, C: B}, C) == [(C, 0), (B, 1), (A, 2)]

    def test_parents_come_first_when_ordered(self) -> None:
        outside = uuid4()
        assert in_tree_order([(C, B), (B, A), (A, outside), (D, A)]) == [A, B, C, D]

    def test_refused_when_units_stand_in_a_circle(self) -> None:
        with pytest.raises(UnitMisplaced):
            in_tree_order([(A, B), (B, C), (C, A)])


class TestAdmins:
    def test_refused_when_the_last_admin_would_go(self) -> None:
        with pytest.raises(LastAdmin):
            check_admin_stays([A], A, still_admin=False)

    def test_allowed_when_another_admin_stays(self) -> None:
        check_admin_stays([A, B], A, still_admin=False)
        check_admin_stays([A], B, still_admin=False)
        check_admin_stays([A], A, still_admin=True)

    def test_refused_when_no_admin_makes_an_admin(self) -> None:
        with pytest.raises(GrantTooWide):
            check_grant(False, ["rep", "admin"])
        check_grant(True, ["admin"])
        check_grant(False, ["director"])
