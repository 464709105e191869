"""What an API key may do: never more than the person behind it may now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access.roles import SCOPES
from shared.errors import FieldError, Forbidden, Invalid


class ScopeNotHeld(Forbidden):
    code = "scope_not_held"
    title = "A key may do no more than who makes it"


class ExpiryPast(Invalid):
    code = "expiry_past"
    title = "The key would have expired already"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`version` is the key's own seq; `user_id` its owner, on whose behalf it acts."""

    id: UUID
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def check_scopes(wanted: Iterable[str], held: frozenset[str]) -> None:
    """Raises ScopeNotHeld for a scope that the maker does not have."""
    for scope in wanted:
        if scope not in held and "admin" not in held:
            raise ScopeNotHeld(f"You do not have the scope {scope} yourself")


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raises ExpiryPast."""
    if expires_at is not None and expires_at <= now:
        detail = "must lie in the future"
        raise ExpiryPast(detail, errors=[FieldError("/expires_at", "expiry_past", detail)])


def effective_scopes(key_scopes: Iterable[str], owner_scopes: frozenset[str]) -> frozenset[str]:
    """What the key can do, given its owner's rights of now. The scope `admin` contains all others."""
    wanted = frozenset(key_scopes)
    asked = frozenset(SCOPES) if "admin" in wanted else wanted
    held = frozenset(SCOPES) if "admin" in owner_scopes else owner_scopes
    return asked & held
