"""THE visibility predicate, for queries; `shared.database.rls.visible` is the same as row-level security.

A principal sees what they own, what they created and nobody owns, and by their visibility: their team's (the
unit they belong to), their subtree's (that unit and all below), or all of the tenant's.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, and_, false, or_, select

from shared.access.principal import Principal
from shared.access.tables import org_closure
from shared.contracts.base import Credit
from shared.database.transactions import Access


def in_sight(who: Principal, owner_id: UUID | None, credit: Credit) -> bool:
    """The same of one thing in hand: whose it is, with the team and the units above it that count."""
    if who.visibility == "tenant" or (owner_id is not None and owner_id == who.user_id):
        return True
    if who.visibility == "team":
        return credit.team_id is not None and credit.team_id == who.unit_id
    return who.visibility == "subtree" and who.unit_id in credit.team_path


def visible(
    table: FromClause,
    access: Access,
    *,
    owner: str = "owner_id",
    team: str = "team_id",
    creator: str = "created_by",
) -> ColumnElement[bool]:
    """The rows of `table` that `access` may see: `select(leads).where(visible(leads, access))`."""
    columns = table.c
    in_tenant = columns.tenant_id == access.tenant_id
    if access.visibility == "tenant":
        return in_tenant
    ways: list[ColumnElement[bool]] = []
    if access.user_id is not None:
        mine = columns[owner] == access.user_id
        unowned = and_(columns[owner].is_(None), columns[creator] == access.user_id)
        ways += [mine, unowned]
    if access.unit_id is not None and access.visibility == "team":
        ways.append(columns[team] == access.unit_id)
    if access.unit_id is not None and access.visibility == "subtree":
        below = select(org_closure.c.descendant_id).where(
            org_closure.c.tenant_id == access.tenant_id, org_closure.c.ancestor_id == access.unit_id
        )
        ways.append(columns[team].in_(below))
    return and_(in_tenant, or_(*ways) if ways else false())
