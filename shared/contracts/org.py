"""Published by the gateway on `cox.org`: one aggregate per tenant, so `org_version` is its seq.

The one topic that carries personal data: users' display names and codes, so that each service can label and
explain.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Event

UnitKind = Literal["company", "region", "team"]
Visibility = Literal["own", "team", "subtree", "tenant"]


class OrgEvent(Event):
    topic: ClassVar[str] = "cox.org"


class TenantConfigured(OrgEvent):
    """The tenant as it now is. `timezone` is an IANA name, `currency` an ISO 4217 code."""

    aggregate_type: ClassVar[str] = "tenant"
    name: str
    timezone: str
    currency: str


class UnitDefined(OrgEvent):
    """A unit of the org tree as it now is; `code` is unique in the tenant; only the root has no parent."""

    aggregate_type: ClassVar[str] = "tenant"
    unit_id: UUID
    parent_id: UUID | None
    kind: UnitKind
    code: str
    name: str
    active: bool = True


class UserDefined(OrgEvent):
    """A user as they now are; `code` is what imports' owner columns are matched with (besides the display
    name).
    """

    aggregate_type: ClassVar[str] = "tenant"
    user_id: UUID
    display_name: str
    code: str
    unit_id: UUID
    roles: tuple[str, ...]
    visibility: Visibility
    is_rep: bool
    active: bool = True


class RepMoved(OrgEvent):
    """A user belongs to another unit from `effective_at` on; credit already recorded stays where it is."""

    aggregate_type: ClassVar[str] = "tenant"
    user_id: UUID
    from_unit_id: UUID
    to_unit_id: UUID
    effective_at: datetime


class AccessChanged(OrgEvent):
    """Tokens of this principal (user, API key, application) issued before this event are no longer good."""

    aggregate_type: ClassVar[str] = "tenant"
    principal_id: UUID
    revoked: bool


class RateSet(OrgEvent):
    """One unit of `currency` is worth `rate` (decimal string) of the tenant's currency on `valid_on`."""

    aggregate_type: ClassVar[str] = "tenant"
    currency: str
    valid_on: date
    rate: str
