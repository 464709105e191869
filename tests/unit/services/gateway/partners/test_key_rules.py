"""What an API key may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import uuid4

import pytest

from services.gateway.partners.api import Scope
from services.gateway.partners.rules import (
    ApiKey,
    ExpiryPast,
    ScopeNotHeld,
    check_expiry,
    check_scopes,
    effective_scopes,
)
from shared.access.roles import SCOPES

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class TestScopes:
    def test_routes_take_every_one_when_a_key_is_asked_for(self) -> None:
        assert set(get_args(Scope)) == SCOPES.keys()

    def test_refused_when_maker_does_not_hold_it(self) -> None:
        with pytest.raises(ScopeNotHeld):
            check_scopes(["leads:read", "leads:write"], frozenset({"leads:read"}))

    def test_allowed_when_maker_is_admin(self) -> None:
        check_scopes(list(SCOPES), frozenset({"admin"}))

    def test_key_has_what_both_have_when_owner_lost_rights(self) -> None:
        assert effective_scopes(["leads:read", "leads:write"], frozenset({"leads:read"})) == {"leads:read"}
        assert effective_scopes(["admin"], frozenset({"leads:read"})) == {"leads:read"}
        assert effective_scopes(["leads:write"], frozenset({"admin"})) == {"leads:write"}
        assert effective_scopes(["admin"], frozenset({"admin"})) == set(SCOPES)


class TestExpiry:
    def test_refused_when_past(self) -> None:
        with pytest.raises(ExpiryPast):
            check_expiry(NOW, NOW)
        check_expiry(NOW + timedelta(seconds=1), NOW)
        check_expiry(None, NOW)

    def test_live_until_expired_or_revoked_when_asked(self) -> None:
        key = ApiKey(uuid4(), uuid4(), "k", (), NOW, NOW + timedelta(days=1), None, 1)
        assert key.is_live(NOW)
        assert not key.is_live(NOW + timedelta(days=1))
        assert not ApiKey(uuid4(), uuid4(), "k", (), NOW, None, NOW, 1).is_live(NOW)
