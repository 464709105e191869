"""Answers about one part of an organisation: its events are all of the tenant's one aggregate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from fastapi.responses import Response
from pydantic import BaseModel

from services.gateway.tenancy.rules import Tenant
from services.gateway.tenancy.use_cases import present_tenant
from shared.database.transactions import Tx
from shared.events.positions import Position
from shared.web.reads import Read


class Versioned(Protocol):
    @property
    def version(self) -> int:
        """The org seq that last changed it."""
        ...


V = TypeVar("V", bound=Versioned)


async def answer_part(
    read: Read, load: Callable[[Tx], Awaitable[V]], render: Callable[[V], BaseModel]
) -> Response:
    """What `load` finds, tagged by its version, with the organisation's position."""

    async def loaded(tx: Tx) -> tuple[Tenant, V]:
        # The org version first: what changes after it was read is seen as a change.
        return await present_tenant(tx), await load(tx)

    return await read.one(
        loaded,
        lambda found: render(found[1]),
        position=lambda found: Position("cox.org", found[0].id, found[0].version),
        version=lambda found: found[1].version,
    )
