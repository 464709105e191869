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


class FormDefined(GatewayEvent):
    """A public form as it is now, not what it asks; `source` and `channel` are its leads'."""

    aggregate_type: ClassVar[str] = "form"
    enabled: bool
    source: str | None = None
    channel: str | None = None


class CodeDefined(GatewayEvent):
    """A code to scan as it is now; it leads to `form_id`, or else to an address. `source` and `channel` are
    those of leads that come by it. Its name, which may be whose card it is on, stays with the gateway.
    """

    aggregate_type: ClassVar[str] = "code"
    enabled: bool
    form_id: UUID | None = None
    source: str | None = None
    channel: str | None = None
