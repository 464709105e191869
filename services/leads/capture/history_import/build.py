"""From a deal's row to all that is stored of it: the lead as it ended up, its events, its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.use_cases import assigned, assignment_row
from services.leads.capture.custom_fields.finding import NOTHING
from services.leads.capture.history_import.rules import Handed, Moved, Step, replay, start_of
from services.leads.capture.intake.changes import contact_columns, value_columns
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.preparing import created_event
from services.leads.capture.intake.rules import Given, contact_of, found_by
from services.leads.capture.normalising.regions import region_of
from services.leads.deduplication.duplicates.rules import Key
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.progress.rules import Standing
from services.leads.follow_up.progress.use_cases import after_move, history_row, stage_changed
from services.leads.judging.valuation.rules import Valued
from services.leads.judging.valuation.use_cases import Valuer
from shared.access.directory import Career
from shared.contracts.base import Credit
from shared.contracts.leads import LeadsEvent, LeadUpdated
from shared.errors import FieldError, Invalid
from shared.events.journal import NewEvent
from shared.money import Money


class UnknownOwner(Invalid):
    code = "unknown_owner"
    title = "The directory has no such user"


class UnknownPipelineKey(Invalid):
    code = "unknown_pipeline"
    title = "There is no pipeline with this key"


@dataclass(frozen=True, slots=True)
class Deal:
    """A row: a deal as another system knows it. `pipeline` is a key, None the default one; see Step."""

    external_id: str
    pipeline: str | None
    name: str | None
    company: str | None
    product: str | None
    region: str | None
    channel: str | None
    origin: str | None
    value: Money | None
    started_at: datetime | None
    creator_id: UUID | None
    steps: tuple[Step, ...]
    given: Given = field(default_factory=Given)
    tags: tuple[str, ...] = ()
    campaign: str | None = None

    def amounts(self, now: datetime) -> Iterator[tuple[Money | None, datetime]]:
        """Every amount with the moment at which it will be valued."""
        yield self.value, start_of(self.started_at, self.steps, now)
        for step in self.steps:
            yield self.value, step.at
            yield step.value, step.at


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows of a batch share. Pipelines by key; None is the default one."""

    now: datetime
    pipelines: Mapping[str | None, Pipeline]
    careers: Mapping[UUID, Career]
    valuer: Valuer

    @property
    def region(self) -> str:
        """Where national numbers belong."""
        return region_of(self.valuer.tenant.timezone, self.valuer.tenant.currency)

    def credit(self, user_id: UUID | None, at: datetime) -> Credit:
        career = self.careers.get(user_id) if user_id else None
        return career.at(at) if career else Credit()

    def pipeline(self, key: str | None) -> Pipeline:
        """Raises UnknownPipelineKey."""
        if key not in self.pipelines:
            detail = f"there is no pipeline {key!r}"
            raise UnknownPipelineKey(detail, errors=[FieldError("/pipeline", "unknown_pipeline", detail)])
        return self.pipelines[key]


@dataclass(slots=True)
class Built:
    """What is to be stored of one row. `loads`: by how much each user's open leads change."""

    lead: Lead
    created: bool
    keys: tuple[Key, ...] = ()
    search_text: str = ""
    terms: str = ""
    events: list[NewEvent] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    loads: dict[UUID, int] = field(default_factory=dict)

    def record(self, event: LeadsEvent, at: datetime) -> None:
        self.events.append(NewEvent(self.lead.id, event, at, historic=True))


def start(setting: Setting, tenant_id: UUID, lead_id: UUID, source: str, deal: Deal) -> Built:
    """A row that is new. Raises what is wrong with it."""
    pipeline = setting.pipeline(deal.pipeline)
    started_at = start_of(deal.started_at, deal.steps, setting.now)
    worth = setting.valuer.known(deal.value, started_at)
    contact = contact_of(deal.given, setting.region)
    lead = _first(setting, tenant_id, lead_id, source, deal, pipeline, started_at, worth)
    lead = lead._replace(**contact_columns(contact))
    built = Built(lead, created=True, keys=contact.keys)
    built.search_text, built.terms = found_by(tenant_id, deal.name, deal.company, contact, deal.tags, NOTHING)
    creator = setting.credit(deal.creator_id, started_at)
    currency = setting.valuer.tenant.currency
    built.record(created_event(lead, creator if creator.rep_id else Credit(), currency), started_at)
    _go_on(setting, built, pipeline, deal.steps, 0)
    return built


def extend(setting: Setting, lead: Lead, deal: Deal, known_steps: int) -> Built:
    """A row whose first steps are in: the others. Raises what is wrong with them."""
    pipelines = {pipeline.id: pipeline for pipeline in setting.pipelines.values()}
    built = Built(lead._replace(updated_at=setting.now), created=False)
    _count(built.loads, lead, -1)
    _go_on(setting, built, pipelines[lead.pipeline_id], deal.steps[known_steps:], known_steps)
    return built


def _go_on(setting: Setting, built: Built, pipeline: Pipeline, steps: Sequence[Step], first: int) -> None:
    for at, step in enumerate(steps, first):
        if step.owner_id is not None and step.owner_id not in setting.careers:
            detail = f"there is no user {step.owner_id}"
            raise UnknownOwner(
                detail, errors=[FieldError(f"/steps/{at}/owner_id", UnknownOwner.code, detail)]
            )
    lead = built.lead
    standing = Standing(lead.stage, lead.status, lead.stage_entered_at)
    for happened in replay(pipeline, standing, lead.owner_id, steps, first):
        if isinstance(happened, Handed):
            _hand(setting, built, happened)
        else:
            _move(setting, built, happened)
    _count(built.loads, built.lead, 1)


def _count(loads: dict[UUID, int], lead: Lead, by: int) -> None:
    if lead.owner_id is not None and lead.status == "open":
        loads[lead.owner_id] = loads.get(lead.owner_id, 0) + by


def _hand(setting: Setting, built: Built, happened: Handed) -> None:
    credit = setting.credit(happened.owner_id, happened.at)
    built.record(assigned(built.lead, credit, "import"), happened.at)
    built.assignments.append(assignment_row(built.lead, "import", happened.owner_id, happened.at))
    built.lead = built.lead._replace(
        owner_id=happened.owner_id,
        team_id=credit.team_id,
        seq=built.lead.seq + 1,
    )


def _move(setting: Setting, built: Built, happened: Moved) -> None:
    made, at = happened.move, happened.at
    money = happened.value if happened.value is not None else built.lead.value if made.is_outcome else None
    worth = setting.valuer.known(money, at, "/steps")
    amount = worth.for_event() if worth else None
    priced = amount is not None and not made.is_outcome
    seq = built.lead.seq + (2 if priced else 1)
    lead = after_move(built.lead, made, at, happened.reason, worth, updated_at=setting.now, seq=seq)
    if priced:
        built.record(LeadUpdated(changed=("value",), dimensions=lead.dimensions, value=amount), at)
    credit = setting.credit(happened.owner_id, at)
    built.record(stage_changed(lead, made, credit, happened.reason, amount if made.is_outcome else None), at)
    built.history.append(history_row(lead, made, at, happened.owner_id, happened.reason, seq))
    built.lead = lead


def _first(
    setting: Setting,
    tenant_id: UUID,
    lead_id: UUID,
    source: str,
    deal: Deal,
    pipeline: Pipeline,
    started_at: datetime,
    worth: Valued | None,
) -> Lead:
    return Lead(
        tenant_id=tenant_id,
        id=lead_id,
        seq=1,
        name=deal.name,
        phone=None,
        phone_extension=None,
        phone_text=deal.given.phone,
        email=None,
        email_text=deal.given.email,
        credit_code_text=deal.given.credit_code,
        company=deal.company,
        source=deal.origin,
        channel=deal.channel,
        region=deal.region,
        product=deal.product,
        **value_columns(worth),
        tags=deal.tags,
        custom={"import_source": source, "external_id": deal.external_id},
        pipeline_id=pipeline.id,
        stage=pipeline.first_stage,
        status="open",
        stage_entered_at=started_at,
        owner_id=None,
        team_id=None,
        created_by=deal.creator_id,
        duplicate_of=None,
        started_at=started_at,
        start_known=deal.started_at is not None,
        created_at=setting.now,
        updated_at=setting.now,
        closed_at=None,
        lost_reason=None,
        campaign=deal.campaign,
    )
