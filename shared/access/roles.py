"""Roles: what each lets its people do, and how far it lets them see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.database.transactions import Visibility

SCOPES: dict[str, str] = {
    "leads:read": "Read leads, pools, pipelines, assignment rules",
    "leads:write": "Create and change leads, assign and move them",
    "contact:read": "Be shown phones and e-mail addresses of the leads that one sees, to contact them",
    "activities:read": "Read activities",
    "activities:write": "Record activities",
    "kpis:read": "Read KPIs, their evidence, leaderboards",
    "org:read": "Read units and users",
    "org:write": "Create and change units, users, their profiles and calendars, transfer them",
    "absences:write": "Record one's own absences; who leads people, also those of whom they see",
    "audit:read": "Read who changed leads, and who was shown contact data",
    "config:write": "Change pipelines, pools, rules of assignment and automation, KPI definitions",
    "admin": "Everything in the tenant",
}
"""Every scope, with what it allows."""

_READ = frozenset({"leads:read", "activities:read", "kpis:read", "org:read"})
_ALL = _READ | {"absences:write"}
_SELL = _ALL | {"leads:write", "activities:write", "contact:read"}


@dataclass(frozen=True, slots=True)
class Role:
    """What a role allows and how far it sees."""

    scopes: frozenset[str]
    visibility: Visibility


ROLES: dict[str, Role] = {
    "rep": Role(_SELL, "own"),
    "supervisor": Role(_SELL, "team"),
    "manager": Role(_SELL | {"audit:read"}, "subtree"),
    "director": Role(_SELL | {"audit:read", "config:write"}, "tenant"),
    "finance": Role(_ALL, "tenant"),
    "inspector": Role(_ALL, "tenant"),
    "admin": Role(frozenset(SCOPES), "tenant"),
}
"""Every role. Who has several has their scopes together, and the widest visibility."""

_WIDTH: dict[Visibility, int] = {"own": 0, "team": 1, "subtree": 2, "tenant": 3}


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """The scopes of all roles together; unknown roles add none."""
    return frozenset().union(*(ROLES[role].scopes for role in roles if role in ROLES))


def visibility_of(roles: Iterable[str]) -> Visibility:
    """The widest visibility among the roles; own where there is none."""
    seen: list[Visibility] = [ROLES[role].visibility for role in roles if role in ROLES]
    return max(seen, key=_WIDTH.__getitem__, default="own")
