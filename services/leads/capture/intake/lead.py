"""A lead as it is now, and what of it may travel in events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import asyncpg

from shared.contracts.base import Amount, Dimensions
from shared.contracts.leads import LeadStatus
from shared.money import Money, from_minor, written

Label = Literal["key", "potential", "general"]
Grade = Literal["A", "B", "C", "D"]
Classed = Literal["label", "value_class", "intent"]
CLASSED: tuple[Classed, ...] = get_args(Classed)


class Lead(NamedTuple):
    """A row of `leads` without what only the index needs. `stage` is `won` or `lost` when closed.

    It lies in the pool `pool_id` since `pooled_at`; without that, `pool_id` is the one that it came from.
    `other_phones` are keys of further lines, like `+8613800138000;ext=802`. `ruled` are those of label, value
    class and intent that rules gave; the others are by hand.

    A tuple: batches make thousands of them, and a frozen class takes twice as long to fill.
    """

    tenant_id: UUID
    id: UUID
    seq: int
    name: str | None
    phone: str | None
    phone_extension: str | None
    phone_text: str | None
    email: str | None
    email_text: str | None
    company: str | None
    source: str | None
    channel: str | None
    region: str | None
    product: str | None
    value_minor: int | None
    value_currency: str | None
    value_tenant_minor: int | None
    tags: tuple[str, ...]
    custom: dict[str, Any]
    pipeline_id: UUID
    stage: str
    status: LeadStatus
    stage_entered_at: datetime
    owner_id: UUID | None
    team_id: UUID | None
    created_by: UUID | None
    duplicate_of: UUID | None
    started_at: datetime
    start_known: bool
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    lost_reason: str | None
    do_not_contact: bool = False
    pool_id: UUID | None = None
    pooled_at: datetime | None = None
    merged_into: UUID | None = None
    erased_at: datetime | None = None
    other_phones: tuple[str, ...] = ()
    credit_code: str | None = None
    credit_code_text: str | None = None
    wecom_id: str | None = None
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    score: int | None = None
    ruled: tuple[Classed, ...] = ()
    campaign: str | None = None

    @classmethod
    def of(cls, row: asyncpg.Record | Mapping[str, Any]) -> Lead:
        """From the driver's row."""
        values = dict(row.items())
        values["tags"] = tuple(values["tags"])
        values["other_phones"] = tuple(values["other_phones"])
        values["ruled"] = tuple(values["ruled"])
        return cls(**values)

    @property
    def stands(self) -> bool:
        """Whether it is a lead by itself, of somebody who is not forgotten."""
        return self.merged_into is None and self.erased_at is None

    @property
    def version(self) -> int:
        return self.seq

    @property
    def tells_contact(self) -> bool:
        """Whether it says how to reach somebody."""
        return bool(self.phone or self.email or self.wecom_id)

    @property
    def phone_key(self) -> str | None:
        """The whole number with its extension: what makes two leads the same line."""
        return f"{self.phone};ext={self.phone_extension}" if self.phone_extension else self.phone

    @property
    def phone_keys(self) -> tuple[str, ...]:
        """All of its lines."""
        return (self.phone_key, *self.other_phones) if self.phone_key else ()

    @property
    def value(self) -> Money | None:
        if self.value_minor is None or self.value_currency is None:
            return None
        return from_minor(self.value_minor, self.value_currency)

    @property
    def dimensions(self) -> Dimensions:
        return _dimensions(self.region, self.product, self.channel)

    def amount(self, tenant_currency: str) -> Amount | None:
        """The value as last converted, for an event."""
        if self.value_minor is None or self.value_currency is None or self.value_tenant_minor is None:
            return None
        return Amount(
            amount=written(self.value_minor, self.value_currency),
            currency=self.value_currency,
            tenant_minor=self.value_tenant_minor,
            tenant_currency=tenant_currency,
        )


@lru_cache(maxsize=1024)
def _dimensions(region: str | None, product: str | None, channel: str | None) -> Dimensions:
    # A tenant has few of them, and many leads each.
    return Dimensions(region=region, product=product, channel=channel)
