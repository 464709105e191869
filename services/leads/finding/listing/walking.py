"""All leads that a list by some filters shows to whoever asks, a portion at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.finding.filtering.filters import LeadFilters
from services.leads.finding.listing.use_cases import Wish, find_shown, list_leads
from shared.access.principal import Principal
from shared.database.transactions import Tx

_AT_ONCE = 5000


def question_of(filters: Mapping[str, Any], view: Mapping[str, Any] | None, at: datetime) -> Wish:
    """What to look for, as it was asked at a moment, in the order in which leads were created.

    `view`: the filters of a view that hold besides.
    """
    told = {"/filters": LeadFilters.model_validate(filters)}
    if view is not None:
        told["/view"] = LeadFilters.model_validate(view)
    return Wish(told, "created_at", descending=False, at=at, after=None, most=_AT_ONCE)


def behind(question: Wish, last: UUID | None, most: int) -> Wish:
    """The next ones after `last`."""
    return replace(question, most=most, after=None if last is None else (None, last))


async def count_matching(tx: Tx, who: Principal, question: Wish, most: int) -> tuple[int, bool]:
    """How many leads match, and whether that is all; it stops counting beyond `most`.

    In pieces, so that a million of them are never in memory.
    """
    count, last = 0, None
    while count <= most:
        ids = await find_shown(tx, who, behind(question, last, _AT_ONCE))
        count += len(ids)
        if len(ids) < _AT_ONCE:
            return min(count, most), count <= most
        last = ids[-1]
    return most, False


async def next_leads(tx: Tx, who: Principal, question: Wish, last: UUID | None, most: int) -> list[Lead]:
    """The next ones after `last`, with what a pool hides left out."""
    return await list_leads(tx, who, behind(question, last, most))
