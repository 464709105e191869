"""What all routes of this service share: the shapes of money and codes on the wire."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.events.positions import Position
from shared.money import from_minor
from shared.web.wire import Line, MoneyOut

Short = Annotated[str, Line(100)]
"""A source, channel, region or product as the tenant calls it."""
StageKey = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
"""A stage's key, `won` or `lost`."""


def money_out(minor: int | None, currency: str | None) -> MoneyOut | None:
    """An amount of minor units as it is answered."""
    return None if minor is None or currency is None else MoneyOut.of(from_minor(minor, currency))


def position(aggregate_id: UUID, seq: int) -> Position:
    """Where an aggregate of this service stands."""
    return Position("cox.leads", aggregate_id, seq)
