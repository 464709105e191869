"""What the org's routes take and give."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.gateway.org.rules import Rate, Transfer, Unit, User
from services.gateway.tenancy.rules import Tenant
from shared.contracts.org import UnitKind, Visibility
from shared.money import CURRENCIES
from shared.web.wire import Currency, Day, Id, Line, Timestamp, WireModel

Name = Annotated[str, Line(200)]
Code = Annotated[str, Line(64)]
Role = Literal["rep", "supervisor", "manager", "director", "finance", "inspector", "admin"]
Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]


def _is_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError("unknown_currency", "Not a currency code of ISO 4217")
    return code


KnownCurrency = Annotated[Currency, AfterValidator(_is_currency)]
RateText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?$")]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


# Of a change: what is not given stays, so the value here is never read, and clients need not know it.
Absent: str = Field(default="", json_schema_extra=_without_default)


class TenantOut(WireModel):
    """`version` is the org version: every change of unit, user or rate raises it."""

    id: Id
    name: str
    timezone: str
    currency: str
    closed_through: Day | None
    version: int

    @classmethod
    def of(cls, tenant: Tenant) -> TenantOut:
        return cls(
            id=tenant.id,
            name=tenant.name,
            timezone=tenant.timezone,
            currency=tenant.currency,
            closed_through=tenant.closed_through,
            version=tenant.version,
        )


class TenantChange(WireModel):
    """Only what is given changes. Time zone and currency cannot: recorded days and amounts rest on them.

    Days up to `closed_through` are closed for good; nobody is moved or leaves there any more.
    """

    name: Name = Absent
    closed_through: Annotated[Day, Field(default=date.min, json_schema_extra=_without_default)]


class UnitIn(WireModel):
    """A unit under another; the company at the root is there from the start.

    Without a calendar of its own it works by that of the nearest unit above which has one.
    """

    kind: UnitKind
    name: Name
    code: Code
    parent_id: Id
    calendar_id: Id | None = None


class UnitChange(WireModel):
    """Only what is given changes. `calendar_id` null: as the unit above."""

    name: Name = Absent
    code: Code = Absent
    active: bool = True
    calendar_id: Id | None = None


class UnitOut(WireModel):
    id: Id
    parent_id: Id | None
    kind: UnitKind
    code: str
    name: str
    active: bool
    calendar_id: Id | None
    version: int

    @classmethod
    def of(cls, unit: Unit) -> UnitOut:
        return cls(
            id=unit.id,
            parent_id=unit.parent_id,
            kind=unit.kind,
            code=unit.code,
            name=unit.name,
            active=unit.active,
            calendar_id=unit.calendar_id,
            version=unit.version,
        )


class UserIn(WireModel):
    """A person. Without `email` and `password` nobody can sign in as them (an import's people, say).

    `code` is what imports match owners with; without one it is made from the name. `visibility` defaults to
    the widest of the roles' own.
    """

    display_name: Name
    unit_id: Id
    roles: Annotated[list[Role], Field(min_length=1, max_length=7)]
    code: Code | None = None
    visibility: Visibility | None = None
    email: Email | None = None
    password: Password | None = None
    active: bool = True


class UserChange(WireModel):
    """Only what is given changes. `visibility` null: as the roles say. A new password ends every session."""

    display_name: Name = Absent
    code: Code = Absent
    roles: Annotated[list[Role], Field(min_length=1, max_length=7), Field(default=["rep"])]
    visibility: Visibility | None = None
    active: bool = True
    email: Email = Absent
    password: Password = Absent


class UserOut(WireModel):
    """`email` is shown to those who may change users, and to oneself."""

    id: Id
    display_name: str
    code: str
    email: str | None
    unit_id: Id
    roles: list[str]
    visibility: Visibility
    is_rep: bool
    active: bool
    created_at: Timestamp
    version: int

    @classmethod
    def of(cls, user: User, email: str | None) -> UserOut:
        return cls(
            id=user.id,
            display_name=user.display_name,
            code=user.code,
            email=email,
            unit_id=user.unit_id,
            roles=list(user.roles),
            visibility=user.visibility,
            is_rep=user.is_rep,
            active=user.active,
            created_at=user.created_at,
            version=user.version,
        )


class TransferIn(WireModel):
    """`effective_at` in the past or the future; without it: now."""

    to_unit_id: Id
    effective_at: Timestamp | None = None


class TransferOut(WireModel):
    """`from_unit_id` is null while planned; `void`: it was not possible when it became due."""

    id: Id
    user_id: Id
    from_unit_id: Id | None
    to_unit_id: Id
    effective_at: Timestamp
    state: Literal["planned", "done", "void"]

    @classmethod
    def of(cls, transfer: Transfer) -> TransferOut:
        return cls(
            id=transfer.id,
            user_id=transfer.user_id,
            from_unit_id=transfer.from_unit_id,
            to_unit_id=transfer.to_unit_id,
            effective_at=transfer.effective_at,
            state=transfer.state,
        )


class RateIn(WireModel):
    """One unit of `currency` is worth `rate` of the tenant's currency on `valid_on`."""

    currency: KnownCurrency
    valid_on: Day
    rate: RateText

    def value(self) -> Decimal:
        return Decimal(self.rate)


class RateOut(WireModel):
    currency: str
    valid_on: Day
    rate: str
    version: int

    @classmethod
    def of(cls, rate: Rate) -> RateOut:
        text = format(rate.rate.normalize(), "f")
        return cls(currency=rate.currency, valid_on=rate.valid_on, rate=text, version=rate.version)
