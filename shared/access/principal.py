"""Who a request is made for, and what their roles let them do and see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.database.transactions import Access, Visibility
from shared.errors import Forbidden

Kind = Literal["user", "api_key", "service"]

SCOPES: dict[str, str] = {
    "leads:read": "Read leads, pipelines, assignment rules",
    "leads:write": "Create and change leads, assign and move them",
    "activities:read": "Read activities",
    "activities:write": "Record activities",
    "kpis:read": "Read KPIs, their evidence, leaderboards",
    "org:read": "Read units and users",
    "org:write": "Create and change units and users, transfer them",
    "config:write": "Change pipelines, assignment rules, KPI definitions",
    "admin": "Everything in the tenant",
}
"""Every scope, with what it allows."""

_READ = frozenset({"leads:read", "activities:read", "kpis:read", "org:read"})
_SELL = _READ | {"leads:write", "activities:write"}


@dataclass(frozen=True, slots=True)
class Role:
    """What a role allows and how far it sees."""

    scopes: frozenset[str]
    visibility: Visibility


ROLES: dict[str, Role] = {
    "rep": Role(_SELL, "own"),
    "supervisor": Role(_SELL, "team"),
    "manager": Role(_SELL, "subtree"),
    "director": Role(_SELL | {"config:write"}, "tenant"),
    "finance": Role(_READ, "tenant"),
    "inspector": Role(_READ, "tenant"),
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


class MissingScope(Forbidden):
    code = "missing_scope"
    title = "Not allowed with these rights"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, an API key or another service, with their rights as of `org_version` (the seq of cox.org).

    `user_id` is the person behind (of an API key: its owner), None for services; `unit_id` their unit.
    """

    tenant_id: UUID
    id: UUID
    kind: Kind
    user_id: UUID | None
    roles: frozenset[str]
    scopes: frozenset[str]
    visibility: Visibility
    unit_id: UUID | None
    org_version: int
    is_rep: bool = False

    def access(self) -> Access:
        """On whose behalf a transaction of this principal runs."""
        return Access(self.tenant_id, self.user_id, self.visibility, self.unit_id)

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Raises MissingScope (403)."""
        if not self.may(scope):
            raise MissingScope(f"This needs the scope {scope}")


def service_principal(tenant_id: UUID, service_id: UUID, org_version: int = 0) -> Principal:
    """A service acting in a tenant: everything there, as nobody in particular."""
    return Principal(
        tenant_id=tenant_id,
        id=service_id,
        kind="service",
        user_id=None,
        roles=frozenset(),
        scopes=frozenset(SCOPES),
        visibility="tenant",
        unit_id=None,
        org_version=org_version,
    )
