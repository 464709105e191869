"""`GET /v1/leads/quality`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from services.leads.judging.quality.rules import FIELDS, USUAL, Fault, Field, Flawed, Kept
from services.leads.judging.quality.use_cases import By, Quality, quality
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, WireModel

router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
_DIGITS = 4


class FieldQuality(WireModel):
    """Shares from 0 to 1: with anything in it, and with something that is neither a placeholder nor, of a
    phone, that of an earlier lead.
    """

    field: Field
    filled: float
    valid: float


class FlawOut(WireModel):
    field: Field
    fault: Fault


class WorstLead(WireModel):
    lead_id: Id
    faults: list[FlawOut]

    @classmethod
    def of(cls, flawed: Flawed) -> WorstLead:
        faults = [FlawOut(field=field, fault=fault) for field, fault in flawed.faults.items()]
        return cls(lead_id=flawed.lead_id, faults=faults)


class QualityOut(WireModel):
    """How well the open leads of an owner or a team are kept. `score`: the share of all fields looked at
    that are valid; null: none of the newest is open. `repeated`: leads that repeat an earlier one.
    """

    key: Id
    label: str
    leads: int
    score: float | None
    repeated: int
    fields: list[FieldQuality]
    worst: list[WorstLead]

    @classmethod
    def of(cls, found: Quality) -> QualityOut:
        kept = found.kept
        return cls(
            key=found.key,
            label=found.label,
            leads=kept.leads,
            score=None if kept.score is None else round(kept.score, _DIGITS),
            repeated=kept.repeated,
            fields=_fields(kept),
            worst=[WorstLead.of(flawed) for flawed in kept.worst],
        )


def _fields(kept: Kept) -> list[FieldQuality]:
    leads = max(kept.leads, 1)
    return [
        FieldQuality(
            field=field,
            filled=round(kept.filled[field] / leads, _DIGITS),
            valid=round(kept.valid[field] / leads, _DIGITS),
        )
        for field in kept.filled
    ]


@router.get("/quality", response_model=Page[QualityOut])
async def get_quality(
    read: Reading,
    page: Annotated[PageQuery, Depends(page_query)],
    field: Annotated[
        list[Field],
        Query(default_factory=list, max_length=len(FIELDS), description=f"Else {', '.join(USUAL)}."),
    ],
    by: Annotated[By, Query()] = "owner",
) -> Response:
    """How well leads are kept, by owner or team, of those that the caller sees: the open ones among each
    one's newest 500.
    """
    wanted = tuple(dict.fromkeys(field or USUAL))
    after = None if page.after is None else page.after[0]
    async with read.transaction() as tx:
        found = await quality(tx, read.principal, by, wanted, after, page.limit + 1)
    return page.answer(found, key=lambda one: (one.key,), render=QualityOut.of)
