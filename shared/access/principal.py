"""Who a request is made for, and what their roles let them do and see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.access.roles import SCOPES
from shared.database.transactions import Access, Visibility
from shared.errors import Forbidden

Kind = Literal["user", "api_key", "service"]


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
