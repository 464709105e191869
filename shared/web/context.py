"""What a request carries through the layers: its principal, and what the app was built with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from shared.access.principal import Principal
from shared.clock import Clock
from shared.database.transactions import Access, Database, Tx
from shared.errors import Unauthenticated
from shared.events.positions import Position
from shared.settings import Settings
from shared.web.cursors import Cursors

T = TypeVar("T")

PRINCIPAL = "cox.principal"
"""The scope's key of who is asking."""

Authenticate = Callable[[Scope], Awaitable[Principal]]
"""Says who sent a request, or raises Unauthenticated, Unavailable."""


class Applied(Protocol):
    """Waits until this service's projections have applied positions."""

    def wait(self, positions: Sequence[Position], timeout: float) -> Coroutine[Any, Any, None]:
        """Returns when all are applied. Raises NotYet, saying how far it is, after `timeout` seconds."""
        ...


class Changes(Protocol):
    """Waits for an aggregate's next event."""

    def wait(self, access: Access, position: Position, timeout: float) -> Coroutine[Any, Any, int | None]:
        """The aggregate's newest seq once it is beyond `position`, None after `timeout` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Contact data of `ids` shown in full by one answer: to whom, when, by which route, and where to.

    `route` is like `GET /v1/leads/{lead_id}`; `trace_id` has 32 hex digits.
    """

    principal: Principal
    at: datetime
    route: str
    address: str | None
    trace_id: str | None
    ids: tuple[UUID, ...]


Witness = Callable[[Tx, Disclosure], None]
"""Has a disclosure written down with the transaction's commit."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the layers of one service's app share; made by `make_app`."""

    settings: Settings
    service: str
    database: Database
    clock: Clock
    cursors: Cursors
    applied: Applied | None = None
    changes: Changes | None = None
    witness: Witness | None = None


def context_of(connection: HTTPConnection) -> Context:
    found: Context = connection.app.state.context
    return found


def one_of(request: Request, name: str, make: Callable[[], T]) -> T:
    """What an app has one of, made when it is first asked for; `name` is its own among all that it has."""
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, make())
    found: T = getattr(state, name)
    return found


async def _now(request: Request) -> datetime:
    return context_of(request).clock.now()


Now = Annotated[datetime, Depends(_now)]
"""A route's parameter: the moment, by the app's clock."""


def principal_of(connection: HTTPConnection) -> Principal:
    """Who is asking. Raises Unauthenticated on a path that is open to all."""
    found: Principal | None = connection.scope.get(PRINCIPAL)
    if found is None:
        raise Unauthenticated("This needs a signed-in caller")
    return found
