"""Leads on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.capture.intake.lead import Classed, Grade, Label, Lead
from services.leads.capture.intake.masking import HIDDEN, masked_email, masked_phone, may_contact
from services.leads.capture.intake.rules import Draft
from services.leads.edge import Short, money_out
from services.leads.privacy.wishes.models import ConsentIn
from shared.access.principal import Principal
from shared.errors import CoxError
from shared.web.wire import Id, Line, MoneyIn, MoneyOut, Scalars, Text, Timestamp, WireModel, parse_each

Name = Annotated[str, Line(200)]
Tag = Annotated[str, Line(64)]
Tags = Annotated[list[Tag], Field(max_length=50)]
PhoneText = Annotated[str, Text(300)]
EmailText = Annotated[str, Line(254)]
CodeText = Annotated[str, Line(64)]
WecomId = Annotated[str, Line(64)]
MAX_BATCH = 1000
_AT_ONCE = 50
"""Leads are looked at together; one that is bad has so many looked at once more."""


class LeadIn(WireModel):
    """A lead as a partner or a form knows it; at least a name, a company, a phone or an e-mail address."""

    name: Name | None = None
    phone: PhoneText | None = Field(
        default=None, description="As written, one number or several; answered in E.164."
    )
    email: EmailText | None = None
    company: Name | None = None
    source: Short | None = None
    channel: Short | None = None
    campaign: Short | None = None
    region: Short | None = None
    product: Short | None = None
    value: MoneyIn | None = None
    tags: Tags = Field(default_factory=list)
    custom: Scalars = Field(default_factory=dict)
    credit_code: CodeText | None = Field(
        default=None, description="统一社会信用代码, 18 characters; its check digit is checked."
    )
    wecom_id: WecomId | None = Field(default=None, description="WeCom's external_userid.")
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    consent: ConsentIn | None = Field(
        default=None, description="What the person agrees to; recorded as by `POST /v1/leads/{id}/consents`."
    )

    def draft(self) -> Draft:
        return Draft(
            name=self.name,
            phone=self.phone,
            email=self.email,
            company=self.company,
            source=self.source,
            channel=self.channel,
            campaign=self.campaign,
            region=self.region,
            product=self.product,
            value=self.value.money() if self.value else None,
            tags=tuple(dict.fromkeys(self.tags)),
            custom=self.custom,
            credit_code=self.credit_code,
            wecom_id=self.wecom_id,
            label=self.label,
            value_class=self.value_class,
            intent=self.intent,
            consent=self.consent.agreed() if self.consent else None,
        )


def drafted(items: Sequence[object]) -> list[Draft | CoxError]:
    """Several leads as they are sent; in the place of a bad one what is wrong with it."""
    return [
        one if isinstance(one, CoxError) else one.draft()
        for start in range(0, len(items), _AT_ONCE)
        for one in parse_each(LeadIn, items[start : start + _AT_ONCE])
    ]


class LeadPatch(WireModel):
    """Fields to change; null empties one, what is absent stays as it is."""

    name: Name | None = None
    phone: PhoneText | None = None
    email: EmailText | None = None
    company: Name | None = None
    source: Short | None = None
    channel: Short | None = None
    campaign: Short | None = None
    region: Short | None = None
    product: Short | None = None
    value: MoneyIn | None = None
    tags: Tags | None = None
    custom: Scalars | None = None
    do_not_contact: bool | None = Field(
        default=None, description="The person wishes not to be contacted: nobody claims the lead."
    )
    credit_code: CodeText | None = None
    wecom_id: WecomId | None = None
    label: Label | None = Field(default=None, description="By hand; null hands it back to the rules.")
    value_class: Grade | None = Field(default=None, description="By hand; null hands it back to the rules.")
    intent: Grade | None = Field(default=None, description="By hand; null hands it back to the rules.")

    def changes(self) -> Mapping[str, Any]:
        """The given fields, named and typed as in Draft."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "value" in given:
            given["value"] = self.value.money() if self.value else None
        if "tags" in given:
            given["tags"] = tuple(dict.fromkeys(self.tags or ()))
        if "custom" in given:
            given["custom"] = dict(self.custom or {})
        if "do_not_contact" in given:
            given["do_not_contact"] = bool(self.do_not_contact)
        return given


class LeadOut(WireModel):
    """A lead as it is now. `phone` is E.164; what was written stands in `phone_text` and `email_text`.

    Its contact data is masked (`138****0001`) without the scope `contact:read`; while it lies in a pool for
    all but those who see the whole tenant, too.
    """

    id: Id
    version: int
    name: str | None
    phone: str | None
    phone_extension: str | None
    phone_text: str | None
    email: str | None
    email_text: str | None
    company: str | None
    source: str | None
    channel: str | None
    campaign: str | None
    region: str | None
    product: str | None
    value: MoneyOut | None
    tags: list[str]
    custom: dict[str, Any]
    pipeline_id: Id
    stage: str
    status: Literal["open", "won", "lost"]
    stage_entered_at: Timestamp
    owner_id: Id | None
    team_id: Id | None
    created_by: Id | None
    duplicate_of: Id | None = Field(
        description="The first lead that has one of its phones, its e-mail address, credit code or WeCom id."
    )
    started_at: Timestamp
    start_known: bool
    created_at: Timestamp
    updated_at: Timestamp
    closed_at: Timestamp | None
    lost_reason: str | None
    do_not_contact: bool
    pool_id: Id | None = Field(description="The pool that it lies in, or else came from.")
    pooled_at: Timestamp | None = Field(description="Since when it lies in the pool; null: it does not.")
    merged_into: Id | None = Field(description="The lead that it was merged into; null: it is one itself.")
    erased_at: Timestamp | None = Field(description="Since when the person is forgotten; null: they are not.")
    other_phones: list[str] = Field(description="Further lines, as in `+8613800138000;ext=802`.")
    credit_code: str | None
    credit_code_text: str | None
    wecom_id: str | None
    label: Label | None
    value_class: Grade | None
    intent: Grade | None
    score: int | None
    ruled: list[Classed] = Field(description="Which of label, value class and intent are by rule.")

    @classmethod
    def of(cls, lead: Lead) -> LeadOut:
        # Built from a stored lead: nothing to check again.
        values = {name: getattr(lead, name) for name in _AS_STORED}
        return cls.model_construct(
            **values,
            version=lead.version,
            value=money_out(lead.value_minor, lead.value_currency),
            tags=list(lead.tags),
            other_phones=list(lead.other_phones),
            ruled=list(lead.ruled),
        )

    @classmethod
    def for_viewer(cls, lead: Lead, who: Principal) -> LeadOut:
        """As somebody sees it."""
        shown = cls.of(lead)
        return shown if may_contact(who, pooled=lead.pooled_at is not None) else shown.masked()

    def masked(self) -> LeadOut:
        """With its contact data hidden."""
        phone = masked_phone(self.phone) if self.phone else None
        email = masked_email(self.email) if self.email else None
        others = [masked_phone(line.partition(";")[0]) for line in self.other_phones]
        hidden = {"phone": phone, "phone_text": phone, "phone_extension": None, "other_phones": others}
        hidden |= {"email": email, "email_text": email, "wecom_id": HIDDEN if self.wecom_id else None}
        return UndisclosedLead.model_construct(**(self.__dict__ | hidden))

    @property
    def discloses(self) -> tuple[UUID, ...]:
        """The lead, where its contact data stands here in full; see `shared.web.disclosures`."""
        return (self.id,) if self.phone or self.email or self.wecom_id else ()


class UndisclosedLead(LeadOut):
    """Its contact data is hidden, or was just brought by whoever is answered."""

    @property
    def discloses(self) -> tuple[UUID, ...]:
        return ()


_AS_STORED = tuple(
    name for name in LeadOut.model_fields if name not in {"version", "value", "tags", "other_phones", "ruled"}
)


class BatchIn(WireModel):
    """Up to 1,000 leads; each as the body of `POST /v1/leads`. Bad ones do not keep the good ones out."""

    items: list[Any] = Field(
        min_length=1,
        max_length=MAX_BATCH,
        json_schema_extra={"items": {"$ref": "#/components/schemas/LeadIn"}},
    )


class BadField(WireModel):
    """One bad field of an item; `pointer` is that of the whole request."""

    pointer: str
    code: str
    detail: str


class BatchItem(WireModel):
    """What became of one item. `errors` says why it failed."""

    index: int
    status: Literal["created", "failed"]
    id: Id | None
    version: int | None
    duplicate_of: Id | None
    errors: list[BadField]


class BatchOut(WireModel):
    """One entry per item, in the order sent."""

    created: int
    failed: int
    items: list[BatchItem]

    @classmethod
    def of(cls, results: Sequence[Lead | CoxError]) -> BatchOut:
        items = [
            _failed(at, result) if isinstance(result, CoxError) else _created(at, result)
            for at, result in enumerate(results)
        ]
        failed = sum(item.status == "failed" for item in items)
        return cls(created=len(items) - failed, failed=failed, items=items)


def _created(at: int, lead: Lead) -> BatchItem:
    return BatchItem(
        index=at,
        status="created",
        id=lead.id,
        version=lead.version,
        duplicate_of=lead.duplicate_of,
        errors=[],
    )


def _failed(at: int, error: CoxError) -> BatchItem:
    fields = bad_fields(at, error)
    return BatchItem(index=at, status="failed", id=None, version=None, duplicate_of=None, errors=fields)


def bad_fields(at: int, error: CoxError) -> list[BadField]:
    """What is wrong with one item of a batch; at least one entry."""
    fields = [
        BadField(pointer=f"/items/{at}{one.pointer}", code=one.code, detail=one.detail)
        for one in error.errors
    ]
    return fields or [BadField(pointer=f"/items/{at}", code=error.problem_code, detail=error.detail)]
