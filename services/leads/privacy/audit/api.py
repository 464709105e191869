"""`/v1/audit` and `/v1/leads/{id}/audit`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from services.leads.privacy.audit.rules import CONTACT, Asked, Entry, FieldChange, Kind, Who
from services.leads.privacy.audit.use_cases import trail
from shared.errors import FieldError, Invalid
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel

router = Router(prefix="/v1/audit", tags=["audit"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

DAYS_BACK = 31
Reading = Annotated[Read, Depends(read_access("audit:read"))]
Paging = Annotated[PageQuery, Depends(page_query)]
WhichKind = Annotated[
    Kind | None, Query(description="Changes of leads, or answers that showed contact data; both if absent.")
]


class FieldChangeOut(WireModel):
    """A field before and after. `lost`: the person is forgotten, and what was said of them with them."""

    field: str
    before: Any
    after: Any
    lost: bool

    @classmethod
    def of(cls, change: FieldChange) -> FieldChangeOut:
        return cls(field=change.field, before=change.before, after=change.after, lost=change.lost)


class AuditEntryOut(WireModel):
    """What was done, by whom and from where.

    `who` is the kind of who did it: `user_id` is the person (of an API key its owner, `key_id`, of which only
    admins are told), `rule_id` a rule; a service does what follows from `cause_id` or from time.
    """

    id: Id
    at: Timestamp
    kind: Kind
    lead_ids: list[Id] = Field(description="As far as they are in sight.")
    leads: int = Field(description="How many there were.")
    who: Who
    user_id: Id | None
    key_id: Id | None
    rule_id: Id | None
    event: str | None = Field(description="What happened, such as `cox.leads.lead_updated.v1`.")
    version: int | None = Field(description="The lead's, since then.")
    facts: dict[str, Any] | None = Field(description="What the event says: ids, codes and amounts.")
    changes: list[FieldChangeOut]
    cause_id: Id | None
    route: str | None = Field(description="Such as `PATCH /v1/leads/{lead_id}`.")
    address: str | None
    trace_id: str | None

    @classmethod
    def of(cls, entry: Entry, *, with_keys: bool) -> AuditEntryOut:
        shown = AuditEntryOut if not _shows_contact_data(entry) else DisclosingEntry
        by_key = with_keys and entry.who == "api_key"
        return shown(
            id=entry.id,
            at=entry.at,
            kind=entry.kind,
            lead_ids=list(entry.lead_ids),
            leads=entry.leads,
            who=entry.who,
            user_id=entry.user_id,
            key_id=entry.principal_id if by_key else None,
            rule_id=entry.principal_id if entry.who == "rule" else None,
            event=entry.event,
            version=entry.seq,
            facts=None if entry.facts is None else dict(entry.facts),
            changes=[FieldChangeOut.of(one) for one in entry.changes],
            cause_id=entry.cause_id,
            route=entry.route,
            address=entry.address,
            trace_id=entry.trace_id,
        )


class DisclosingEntry(AuditEntryOut):
    """One that shows contact data as it is or was."""

    @property
    def discloses(self) -> tuple[UUID, ...]:
        return tuple(self.lead_ids)


def _shows_contact_data(entry: Entry) -> bool:
    values = (value for one in entry.changes if one.field in CONTACT for value in (one.before, one.after))
    return entry.contactable and any(values)


@router.get("", response_model=Page[AuditEntryOut])
async def get_audit(
    read: Reading,
    page: Paging,
    now: Now,
    lead: Annotated[Id | None, Query(description="With this lead.")] = None,
    user: Annotated[Id | None, Query(description="By this person, or by one of their API keys.")] = None,
    from_: Annotated[
        Timestamp | None,
        Query(alias="from", description=f"From then on; {DAYS_BACK} days back if absent, for a lead all."),
    ] = None,
    to: Annotated[Timestamp | None, Query(description="Before then.")] = None,
    kind: WhichKind = None,
) -> Response:
    """What was done with the leads in sight, the latest first. Who created a lead stands in its own trail."""
    _check_times(from_, to)
    first = from_ if from_ is not None or lead is not None else (to or now) - timedelta(days=DAYS_BACK)
    return await _answer(read, page, Asked(lead, user, first, to, kind))


@leads_router.get("/{lead_id}/audit", response_model=Page[AuditEntryOut])
async def get_lead_audit(lead_id: Id, read: Reading, page: Paging, kind: WhichKind = None) -> Response:
    """Everything that was done with a lead, the latest first."""
    return await _answer(read, page, Asked(lead_id=lead_id, kind=kind))


def _check_times(first: datetime | None, last: datetime | None) -> None:
    if first is not None and last is not None and last <= first:
        detail = "`to` is not after `from`"
        raise Invalid(detail, errors=[FieldError("/query/to", "before_from", detail)])


async def _answer(read: Read, page: PageQuery, asked: Asked) -> Response:
    who = read.principal
    return await read.page(
        page,
        lambda tx: trail(tx, who, asked, after=page.after_two, most=page.limit + 1),
        key=lambda entry: entry.place,
        render=lambda entry: AuditEntryOut.of(entry, with_keys=who.may("admin")),
    )
