"""Passwords, e-mails, refresh tokens and secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.identity.passwords import Passwords
from services.gateway.identity.rules import (
    SESSION_IDLE,
    SESSION_LIFETIME,
    Issued,
    PasswordUnfit,
    Session,
    check_password,
    judge_refresh,
    normal_email,
    session_expiry,
)
from services.gateway.identity.secrets import API_KEY_PREFIX, REFRESH_PREFIX, make_secret, read_secret
from shared.errors import Invalid

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def issued(*, used: bool = False, revoked: bool = False, enabled: bool = True, left: int = 60) -> Issued:
    end = NOW + timedelta(seconds=left)
    session = Session(uuid4(), uuid4(), NOW, NOW, end, NOW if revoked else None, None, None)
    return Issued(session, NOW if used else None, enabled)


class TestJudgeRefresh:
    def test_rotated_when_fresh(self) -> None:
        assert judge_refresh(issued(), NOW) == "rotate"

    def test_session_ends_when_token_was_used_before(self) -> None:
        assert judge_refresh(issued(used=True), NOW) == "revoke"

    @pytest.mark.parametrize(
        "token",
        [issued(revoked=True), issued(revoked=True, used=True), issued(enabled=False), issued(left=0)],
    )
    def test_refused_when_session_or_account_is_over(self, token: Issued) -> None:
        assert judge_refresh(token, NOW) == "refuse"


class TestSessionExpiry:
    def test_idle_time_counts_when_session_is_young(self) -> None:
        assert session_expiry(NOW, NOW) == NOW + SESSION_IDLE

    def test_lifetime_counts_when_session_is_old(self) -> None:
        late = NOW + SESSION_LIFETIME - timedelta(days=1)
        assert session_expiry(NOW, late) == NOW + SESSION_LIFETIME


class TestEmail:
    def test_compared_in_lower_case_when_typed_otherwise(self) -> None:
        assert normal_email("  Lin@Example.COM ") == "lin@example.com"

    @pytest.mark.parametrize(
        "text", ["", "lin", "@", "a@", "@b", "a b@c.example", "a@b@c", "a\x00@b.example"]
    )
    def test_refused_when_it_cannot_be_one(self, text: str) -> None:
        with pytest.raises(Invalid):
            normal_email(text)


class TestPassword:
    @pytest.mark.parametrize("password", ["", "short", "x" * 257, "LIN@example.com"])
    def test_refused_when_unfit(self, password: str) -> None:
        with pytest.raises(PasswordUnfit):
            check_password(password, "lin@example.com")

    async def test_verified_when_right_only(self) -> None:
        passwords = Passwords()
        stored = await passwords.hash("correct horse")
        assert stored.startswith("$argon2id$")
        assert await passwords.verify(stored, "correct horse")
        assert not await passwords.verify(stored, "correct horsf")
        assert not await passwords.verify(None, "no account has this password")
        assert not await passwords.verify("garbage", "correct horse")
        assert not passwords.is_outdated(stored)


class TestSecret:
    def test_read_as_made_when_presented(self) -> None:
        tenant_id, secret_id = uuid4(), uuid4()
        text, stored = make_secret(API_KEY_PREFIX, tenant_id, secret_id)
        assert read_secret(API_KEY_PREFIX, text) == stored
        assert (stored.tenant_id, stored.id) == (tenant_id, secret_id)
        assert read_secret(REFRESH_PREFIX, text) is None

    def test_other_hash_when_one_character_differs(self) -> None:
        text, stored = make_secret(REFRESH_PREFIX, uuid4(), uuid4())
        last = "A" if text[-5] != "A" else "B"
        changed = read_secret(REFRESH_PREFIX, text[:-5] + last + text[-4:])
        assert changed is not None
        assert changed.hash != stored.hash

    @given(st.text(max_size=120))
    def test_nothing_when_text_is_made_up(self, text: str) -> None:
        assert read_secret(API_KEY_PREFIX, text) is None
        assert read_secret(API_KEY_PREFIX, API_KEY_PREFIX + text) is None
