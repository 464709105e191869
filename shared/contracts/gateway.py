"""Published by the gateway on `cox.gateway`: what happens at the door, besides the org itself."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Event


class GatewayEvent(Event):
    topic: ClassVar[str] = "cox.gateway"


class ImportStarted(GatewayEvent):
    aggregate_type: ClassVar[str] = "import"
    kind: Literal["leads", "org", "history"]
    rows_total: int


class ImportFinished(GatewayEvent):
    """`state` is `done`, or `failed` where it could not be finished at all."""

    aggregate_type: ClassVar[str] = "import"
    kind: Literal["leads", "org", "history"]
    state: Literal["done", "failed"]
    rows_done: int
    rows_failed: int


class ApiKeyIssued(GatewayEvent):
    aggregate_type: ClassVar[str] = "api_key"
    owner_id: UUID
    scopes: tuple[str, ...]


class ApiKeyRevoked(GatewayEvent):
    aggregate_type: ClassVar[str] = "api_key"
