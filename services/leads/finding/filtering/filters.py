"""What leads may be filtered by, in the address of a list and in saved views alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from services.leads.capture.intake.lead import Grade, Label
from services.leads.capture.intake.models import Tag
from services.leads.edge import Short, StageKey
from services.leads.finding.search.use_cases import Asked, CustomTerms, Range
from shared.errors import CoxError, FieldError, Invalid
from shared.money import Money, to_minor
from shared.web.wire import Day, Id, Line, Timestamp, WireModel

MOST_VALUES = 50
SortKey = Literal["created_at", "updated_at", "stage_entered_at", "value", "score"]
Sort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "stage_entered_at", "-stage_entered_at",
    "value", "-value", "score", "-score",
]  # fmt: skip
"""`-`: the greatest, or latest, first. Leads without a value or score come last."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DAY: TypeAdapter[date] = TypeAdapter(Day)
_TIME: TypeAdapter[datetime] = TypeAdapter(Timestamp)
_LENGTH_OF_DAY = 10


def _person(text: str) -> str:
    if text in ("me", "none") or _UUID.fullmatch(text):
        return text
    raise PydanticCustomError("bad_owner", "A user's id, me, or none")


def _moment(text: str) -> str:
    if len(text) == _LENGTH_OF_DAY:
        _DAY.validate_python(text)
    else:
        _TIME.validate_python(text)
    return text


Person = Annotated[str, Line(36), AfterValidator(_person)]
"""A user's id, `me`, or `none`."""
Moment = Annotated[str, Line(40), AfterValidator(_moment)]
"""A day of the tenant's, all of it, or a time with its zone."""
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]
Score = Annotated[int, Field(ge=0, le=1000)]
Days = Annotated[int, Field(ge=1, le=3650)]
CustomTest = Annotated[str, Line(600)]
Words = Annotated[str, Line(200)]


class UnknownOwner(Invalid):
    code = "bad_owner"
    title = "Not an owner to filter by"


class EmptyRange(Invalid):
    code = "out_of_order"
    title = "A range ends before it begins"


class LeadFilters(WireModel):
    """What leads are to be. Several values of one filter are alternatives, several filters hold together.

    What `_from` says belongs to a range. So does the day that `_to` says; a time is the end of it.
    """

    owner: list[Person] = Field(
        default_factory=list, max_length=MOST_VALUES, description="Users' ids, `me`, or `none`."
    )
    team: list[Id] = Field(
        default_factory=list, max_length=MOST_VALUES, description="Units, with all units below."
    )
    created_by: list[Person] = Field(
        default_factory=list, max_length=MOST_VALUES, description="Users' ids, or `me`."
    )
    stage: list[StageKey] = Field(default_factory=list, max_length=MOST_VALUES)
    status: list[Literal["open", "won", "lost"]] = Field(default_factory=list, max_length=3)
    pipeline: list[Id] = Field(default_factory=list, max_length=MOST_VALUES)
    pool: Id | None = Field(
        default=None, description="Those that lie in this pool, which is open to the caller."
    )
    source: list[Short] = Field(default_factory=list, max_length=MOST_VALUES)
    channel: list[Short] = Field(default_factory=list, max_length=MOST_VALUES)
    campaign: list[Short] = Field(default_factory=list, max_length=MOST_VALUES)
    region: list[Short] = Field(default_factory=list, max_length=MOST_VALUES)
    product: list[Short] = Field(default_factory=list, max_length=MOST_VALUES)
    tag: list[Tag] = Field(default_factory=list, max_length=10, description="All of them.")
    label: list[Label] = Field(default_factory=list, max_length=3)
    value_class: list[Grade] = Field(default_factory=list, max_length=4)
    intent: list[Grade] = Field(default_factory=list, max_length=4)
    has_phone: bool | None = None
    has_email: bool | None = None
    duplicate: bool | None = Field(default=None, description="Repeats an earlier lead, or does not.")
    do_not_contact: bool | None = None
    value_from: Amount | None = Field(default=None, description="In the tenant's currency, as converted.")
    value_to: Amount | None = None
    score_from: Score | None = None
    score_to: Score | None = None
    created_from: Moment | None = Field(
        default=None, description="A day of the tenant's, such as 2026-03-01, or a time with its zone."
    )
    created_to: Moment | None = None
    updated_from: Moment | None = None
    updated_to: Moment | None = None
    started_from: Moment | None = None
    started_to: Moment | None = None
    closed_from: Moment | None = None
    closed_to: Moment | None = None
    stage_entered_from: Moment | None = None
    stage_entered_to: Moment | None = None
    untouched_days: Days | None = Field(
        default=None, description="At least as old, and without an effective follow-up for as long."
    )
    custom: list[CustomTest] = Field(
        default_factory=list,
        max_length=20,
        description="Custom fields: `key=value`, `key>=value`, `key<=value`, `key~part of a text`.",
    )
    q: Words | None = Field(default=None, description="Words, all of them, in any script.")

    @property
    def is_of_tenant(self) -> bool:
        """Whether days, amounts or custom fields are asked for, which mean what the tenant means by them."""
        return bool(self.custom) or any(getattr(self, name) is not None for name in _ENDS)


_ENDS = tuple(name for name in LeadFilters.model_fields if name.endswith(("_from", "_to")))


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks when, in which time zone (IANA) and currency; `pointer` is where the filters stand."""

    user_id: UUID | None
    at: datetime
    pointer: str
    zone: str
    currency: str

    def asked(self, told: LeadFilters, custom: CustomTerms) -> Asked:
        """As the search takes it. Raises UnknownOwner, EmptyRange, BadMoney."""
        days = None if told.untouched_days is None else timedelta(days=told.untouched_days)
        return Asked(
            equal={name: values for name, values in self._equal(told).items() if values},
            unowned="none" in told.owner,
            ranges=dict(self._ranges(told)),
            present=dict(_present(told)),
            units=told.team,
            pool=told.pool,
            untouched=None if days is None else self.at - days,
            q=told.q,
            tags=told.tag,
            custom=custom,
        )

    def _equal(self, told: LeadFilters) -> Mapping[str, Sequence[str]]:
        marks = [] if told.do_not_contact is None else [str(told.do_not_contact).lower()]
        return {
            "owner_id": self._people("owner", [each for each in told.owner if each != "none"]),
            "created_by": self._people("created_by", told.created_by),
            "pipeline_id": [str(each) for each in told.pipeline],
            "stage": told.stage,
            "status": told.status,
            "source": told.source,
            "channel": told.channel,
            "campaign": told.campaign,
            "region": told.region,
            "product": told.product,
            "label": told.label,
            "value_class": told.value_class,
            "intent": told.intent,
            "do_not_contact": marks,
        }

    def _people(self, name: str, texts: Sequence[str]) -> list[str]:
        found = [str(self.user_id) if text == "me" and self.user_id else text for text in texts]
        wrong = [at for at, text in enumerate(found) if text in ("me", "none")]
        if wrong:
            detail = "a user's id, or me for who is a user"
            errors = [FieldError(f"{self.pointer}/{name}", UnknownOwner.code, detail) for _ in wrong]
            raise UnknownOwner(detail, errors=errors)
        return found

    def _ranges(self, told: LeadFilters) -> Iterator[tuple[str, Range]]:
        for name in ("created", "updated", "started", "closed", "stage_entered"):
            low, high = getattr(told, f"{name}_from"), getattr(told, f"{name}_to")
            if low is not None or high is not None:
                begin = None if low is None else self._begin(low)
                end = None if high is None else self._end(high)
                self._check(name, begin is not None and end is not None and begin >= end)
                yield f"{name}_at", Range(_iso(begin), before=_iso(end))
        if told.value_from is not None or told.value_to is not None:
            least, most = self._minor("value_from", told.value_from), self._minor("value_to", told.value_to)
            self._check("value", least is not None and most is not None and least > most)
            yield "value_tenant_minor", Range(_text(least), to=_text(most))
        if told.score_from is not None or told.score_to is not None:
            both = told.score_from is not None and told.score_to is not None
            self._check("score", both and (told.score_from or 0) > (told.score_to or 0))
            yield "score", Range(_text(told.score_from), to=_text(told.score_to))

    def _check(self, name: str, is_empty: bool) -> None:
        if is_empty:
            detail = f"{name}_from comes before {name}_to"
            error = FieldError(f"{self.pointer}/{name}_from", EmptyRange.code, detail)
            raise EmptyRange(detail, errors=[error])

    def _begin(self, text: str) -> datetime:
        if len(text) == _LENGTH_OF_DAY:
            return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(self.zone))
        return _TIME.validate_python(text)

    def _end(self, text: str) -> datetime:
        if len(text) == _LENGTH_OF_DAY:
            return self._begin((date.fromisoformat(text) + timedelta(days=1)).isoformat())
        return _TIME.validate_python(text)

    def _minor(self, name: str, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            return to_minor(Money(Decimal(text), self.currency))
        except CoxError as error:
            error.errors = (FieldError(f"{self.pointer}/{name}", error.problem_code, error.detail),)
            raise


def _present(told: LeadFilters) -> Iterator[tuple[str, bool]]:
    for name, given in (
        ("phone", told.has_phone), ("email", told.has_email), ("duplicate_of", told.duplicate),
    ):  # fmt: skip
        if given is not None:
            yield name, given


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
