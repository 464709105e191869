"""Searching on behalf of a caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.bulk import json_text
from services.leads.finding.search.function import FIND
from services.leads.finding.search.rules import exact_term, search_for
from services.leads.finding.search.tables import SUCCESSOR, WITH_TERMS
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Range:
    """Values `from_` on, `before` another or `to` one, as texts that the column's type reads."""

    from_: str | None = None
    before: str | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class CustomTerms:
    """What custom fields are to be: `terms` that all must be there, of each of `any_terms` one; JSON `paths`
    and regular expressions of `lines` that the lead itself must match besides.
    """

    terms: tuple[int, ...] = ()
    any_terms: tuple[tuple[int, ...], ...] = ()
    paths: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What leads are to be, all of it. By column: one of the values of `equal`, a value in the range, any
    value or none (`present`).

    `unowned`: those that nobody owns, beside those of owners who are named; `units`: of teams there or below;
    those that lie in `pool`; not followed up since `untouched`; words in `q`; every one of `tags`.
    """

    equal: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unowned: bool = False
    ranges: Mapping[str, Range] = field(default_factory=dict)
    present: Mapping[str, bool] = field(default_factory=dict)
    units: Sequence[UUID] = ()
    pool: UUID | None = None
    untouched: datetime | None = None
    q: str | None = None
    tags: Sequence[str] = ()
    custom: CustomTerms = CustomTerms()


@dataclass(frozen=True, slots=True)
class Question:
    """What to list: leads that are all that each of `asked` says. `as_shown`: words count only where they are
    shown to the caller.

    `after` is the last row's sort value and id, `most` how many ids are wanted.
    """

    most: int
    asked: Sequence[Asked] = ()
    as_shown: bool = False
    sort: str = "created_at"
    descending: bool = True
    after: tuple[object, UUID] | None = None

    @property
    def pools(self) -> set[UUID]:
        """Those in which the leads are to lie."""
        return {each.pool for each in self.asked if each.pool is not None}


async def find_leads(tx: Tx, tenant_id: UUID, question: Question) -> list[UUID]:
    """Ids of the leads that the caller may see, in the order asked for."""
    value, last = question.after or (None, None)
    rows = await tx.connection.fetch(
        FIND,
        json_text([_told(tenant_id, each, question.as_shown) for each in question.asked]),
        question.sort,
        question.descending,
        None if value is None else str(value),
        last,
        question.most,
    )
    return [row["id"] for row in rows]


def _told(tenant_id: UUID, asked: Asked, as_shown: bool) -> dict[str, Any]:
    """As the function reads it."""
    search = search_for(tenant_id, asked.q or "")
    tags = [exact_term(tenant_id, "tag", tag) for tag in asked.tags]
    told: dict[str, Any] = {
        "equal": {name: list(values) for name, values in asked.equal.items()},
        "ranges": {name: _range(each) for name, each in asked.ranges.items()},
        "present": dict(asked.present),
        "terms": [*search.terms, *tags, *asked.custom.terms],
        "any_terms": asked.custom.any_terms,
        "patterns": search.patterns,
        "lines": asked.custom.lines,
        "paths": asked.custom.paths,
        "tags": list(asked.tags),
    }
    if asked.unowned:
        told["unowned"] = True
    if asked.units:
        told["units"] = [str(unit) for unit in asked.units]
    if asked.pool is not None:
        told["pool"] = str(asked.pool)
    if asked.untouched is not None:
        told["untouched"] = asked.untouched.isoformat()
    if as_shown and search.shown:
        told["shown"] = search.shown
    return told


def _range(one: Range) -> dict[str, str]:
    ends = {"from": one.from_, "before": one.before, "to": one.to}
    return {name: end for name, end in ends.items() if end is not None}


async def next_lead_with(tx: Tx, tenant_id: UUID, kind: str, value: str, but: UUID) -> UUID | None:
    """The oldest other lead of the tenant that has this phone or e-mail address, whoever may see it."""
    term = exact_term(tenant_id, kind, value)
    found: UUID | None = await tx.connection.fetchval(SUCCESSOR, kind, value, term, but)
    return found


async def leads_with_terms(
    tx: Tx, terms: Sequence[int], most: int, *, after: UUID | None = None
) -> list[UUID]:
    """Ids, in order, of the tenant's leads that have one of these `exact_term`s, whoever may see them.

    Two values may share a term: whoever asks looks at the leads.
    """
    rows = await tx.connection.fetch(WITH_TERMS, list(terms), after, most) if terms else []
    return [row["id"] for row in rows]
