"""Who may say that somebody is away, and what an absence is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.gateway.working.rules import (
    AbsenceEndsFirst,
    NotTheirManager,
    check_interval,
    check_may_record,
)
from shared.access.principal import Principal
from shared.access.roles import ROLES, scopes_of

ME, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def asking(*roles: str, key: bool = False) -> Principal:
    """Somebody of these roles; with `key` a key of theirs that may record absences and no more."""
    person = Principal(
        tenant_id=UUID(int=9), id=ME, kind="user", user_id=ME, roles=frozenset(roles),
        scopes=scopes_of(roles), visibility="tenant", unit_id=None, org_version=1,
    )  # fmt: skip
    return (
        replace(person, id=UUID(int=3), kind="api_key", scopes=frozenset({"absences:write"}))
        if key
        else person
    )


class TestMayRecord:
    @pytest.mark.parametrize("role", ROLES)
    def test_ones_own_when_of_any_role(self, role: str) -> None:
        assert asking(role).may("absences:write")
        check_may_record(asking(role), ME)
        check_may_record(asking(role, key=True), ME)

    @pytest.mark.parametrize(
        "roles", [("supervisor",), ("manager",), ("director",), ("admin",), ("rep", "manager")]
    )
    def test_those_of_others_when_leading_people(self, roles: tuple[str, ...]) -> None:
        check_may_record(asking(*roles), OTHER)

    @pytest.mark.parametrize("roles", [("rep",), ("finance",), ("inspector",), ("rep", "finance")])
    def test_refused_when_leading_nobody(self, roles: tuple[str, ...]) -> None:
        with pytest.raises(NotTheirManager):
            check_may_record(asking(*roles), OTHER)


class TestInterval:
    def test_taken_when_it_lasts_at_all(self) -> None:
        check_interval(NOW, NOW + timedelta(microseconds=1))

    @pytest.mark.parametrize("length", [timedelta(), timedelta(days=-1)])
    def test_refused_when_it_ends_at_its_beginning_or_before(self, length: timedelta) -> None:
        with pytest.raises(AbsenceEndsFirst) as refused:
            check_interval(NOW, NOW + length)
        assert [error.pointer for error in refused.value.errors] == ["/to_at"]
