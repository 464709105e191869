"""Which leads an export is of: as a list by the same filters shows them to whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.leads.intake.lead import Lead
from services.leads.listing.use_cases import find_shown, list_leads
from services.leads.search.use_cases import Question
from shared.access.principal import Principal
from shared.database.transactions import Tx

_AT_ONCE = 5000
_EQUAL = {
    "stage": "stage", "status": "status", "pipeline": "pipeline_id", "source": "source",
    "channel": "channel", "region": "region", "product": "product",
}  # fmt: skip


def question_of(filters: Mapping[str, Any], who: Principal) -> Question:
    """What to look for, in the order in which leads were created."""
    owner = filters.get("owner")
    equal = {column: str(filters[name]) for name, column in _EQUAL.items() if name in filters}
    if owner not in (None, "none"):
        equal["owner_id"] = str(who.user_id if owner == "me" else owner)
    return Question(
        most=_AT_ONCE,
        equal=equal,
        unowned=owner == "none",
        pool=UUID(filters["pool"]) if "pool" in filters else None,
        q=filters.get("q"),
        tags=tuple(filters.get("tag", ())),
        descending=False,
    )


def behind(question: Question, last: UUID | None, most: int) -> Question:
    """The next ones after `last`."""
    return replace(question, most=most, after=None if last is None else (None, last))


async def count_matching(tx: Tx, who: Principal, question: Question, most: int) -> tuple[int, bool]:
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


async def next_leads(tx: Tx, who: Principal, question: Question, last: UUID | None, most: int) -> list[Lead]:
    """The next ones after `last`, with what a pool hides left out."""
    return await list_leads(tx, who, behind(question, last, most))
