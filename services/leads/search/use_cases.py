"""Searching on behalf of a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.leads.bulk import json_text
from services.leads.search.rules import exact_term, search_for
from services.leads.search.tables import FIND, SUCCESSOR
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Question:
    """What to list. `equal` by column name; `unowned` leads only; those that lie in `pool`; words in `q`;
    every one of `tags`. `as_shown`: words count only where the pool does not hide them.

    `after` is the last row's sort value and id, `most` how many ids are wanted.
    """

    most: int
    equal: Mapping[str, str] = field(default_factory=dict)
    unowned: bool = False
    pool: UUID | None = None
    as_shown: bool = False
    q: str | None = None
    tags: tuple[str, ...] = ()
    sort: str = "created_at"
    descending: bool = True
    after: tuple[datetime | None, UUID] | None = None


async def find_leads(tx: Tx, tenant_id: UUID, question: Question) -> list[UUID]:
    """Ids of the leads that the caller may see, in the order asked for."""
    search = search_for(tenant_id, question.q or "")
    terms = [*search.terms, *(exact_term(tenant_id, "tag", tag) for tag in question.tags)]
    filters: dict[str, object] = dict(question.equal)
    if question.unowned:
        filters["unowned"] = True
    if question.pool is not None:
        filters["pool"] = str(question.pool)
    if question.as_shown and search.shown:
        filters["shown"] = search.shown
    value, last = question.after or (None, None)
    rows = await tx.connection.fetch(
        FIND,
        json_text(filters),
        terms,
        list(search.patterns),
        list(question.tags),
        question.sort,
        question.descending,
        value,
        last,
        question.most,
    )
    return [row["id"] for row in rows]


async def next_lead_with(tx: Tx, tenant_id: UUID, kind: str, value: str, but: UUID) -> UUID | None:
    """The oldest other lead of the tenant that has this phone or e-mail address, whoever may see it."""
    term = exact_term(tenant_id, kind, value)
    found: UUID | None = await tx.connection.fetchval(SUCCESSOR, kind, value, term, but)
    return found
