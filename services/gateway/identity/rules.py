"""Who may sign in, for how long, and what a refresh token that comes back means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.errors import CoxError, FieldError, Invalid, Malformed, Unauthenticated

ACCESS_LIFETIME = timedelta(minutes=15)
SESSION_IDLE = timedelta(days=14)
SESSION_LIFETIME = timedelta(days=90)
MIN_PASSWORD = 8
MAX_PASSWORD = 256

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")


class BadCredentials(Unauthenticated):
    code = "invalid_grant"
    title = "E-mail or password is not right, or the account is closed"


class BadRefreshToken(Unauthenticated):
    code = "invalid_grant"
    title = "The refresh token is not good; sign in again"


class BadClient(Unauthenticated):
    code = "invalid_client"
    title = "The client's id or secret is not right"


class UnsupportedGrant(Malformed):
    code = "unsupported_grant_type"
    title = "grant_type is password, refresh_token or client_credentials"


class PasswordUnfit(Invalid):
    code = "password_unfit"
    title = "The password is not fit"


@dataclass(frozen=True, slots=True)
class Account:
    tenant_id: UUID
    user_id: UUID
    email: str
    password_hash: str | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device; `id` is the family of its refresh tokens."""

    id: UUID
    user_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A refresh token as stored, with what it belongs to."""

    session: Session
    used_at: datetime | None
    enabled: bool


def normal_email(text: str) -> str:
    """The form in which e-mails are compared. Raises Invalid for what cannot be one."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email):
        detail = "not an e-mail address"
        raise Invalid(detail, errors=[FieldError("/email", "bad_email", detail)])
    return email


def check_password(password: str, email: str | None) -> None:
    """Raises PasswordUnfit. Length is what counts; rules about letters and digits make passwords worse."""
    reason = None
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        reason = f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    elif email is not None and password.lower() == email:
        reason = "must not be the e-mail address"
    if reason:
        raise PasswordUnfit(reason, errors=[FieldError("/password", "password_unfit", reason)])


def judge_refresh(issued: Issued, now: datetime) -> Literal["rotate", "refuse", "revoke"]:
    """`revoke`: the token was used before, so somebody else has it: the whole session must end."""
    session = issued.session
    if session.revoked_at is not None or not issued.enabled:
        return "refuse"
    if issued.used_at is not None:
        return "revoke"
    return "rotate" if now < session.expires_at else "refuse"


def session_expiry(created_at: datetime, now: datetime) -> datetime:
    """Used or not: a session ends when idle for long, and after a fixed time in any case."""
    return min(now + SESSION_IDLE, created_at + SESSION_LIFETIME)


REFUSALS: tuple[type[CoxError], ...] = (BadCredentials, BadRefreshToken, BadClient)
"""What counts as a failed attempt for the limits."""
