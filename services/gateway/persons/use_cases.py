"""Asking every service what it holds about a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.gateway.upstream.services import Refused, Services
from shared.access.principal import Principal
from shared.errors import NotFound
from shared.web.paging import MAX_LIMIT

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf the services are asked, and where the answer goes."""

    services: Services
    principal: Principal
    address: str | None

    async def get(self, service: str, path: str) -> Any:
        return (await self.services.get(service, path, principal=self.principal, address=self.address)).body


@dataclass(frozen=True, slots=True)
class PersonalData:
    """As the services told it: what leads holds, and the activities for each of the person's leads."""

    held: Any
    activities: Sequence[Any]


async def personal_data(asking: Asking, lead_id: UUID) -> PersonalData:
    """Everything about the person behind a lead. Raises NotFound, Refused, NotNow."""
    try:
        held = await asking.get("leads", f"/v1/leads/{lead_id}/held")
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            raise NotFound(refusal.said, code=refusal.said_code) from refusal
        raise
    activities = []
    for lead in held["leads"]:
        activities += await _activities(asking, lead["id"])
    return PersonalData(held, activities)


async def _activities(asking: Asking, lead_id: str) -> list[Any]:
    found: list[Any] = []
    path = f"/v1/activities?lead={lead_id}&limit={MAX_LIMIT}"
    cursor: str | None = ""
    while cursor is not None:
        page = await asking.get("activities", path + (f"&cursor={cursor}" if cursor else ""))
        found += page["items"]
        cursor = page["next_cursor"]
    return found
