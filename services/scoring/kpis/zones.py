"""Tenants' time zones, from this service's copy of the org. They do not change once there is data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.access.directory import TenantUnknown

if TYPE_CHECKING:
    from shared.database.connections import Raw

_READ = "select tenant_id, timezone from org_tenants where tenant_id = any($1::uuid[])"


class Zones:
    """The process's memory of time zones."""

    def __init__(self) -> None:
        self._known: dict[UUID, tzinfo] = {}

    async def of(self, raw: Raw, tenants: Iterable[UUID]) -> dict[UUID, tzinfo]:
        """The zones of these tenants. Raises TenantUnknown, which the consumer answers by trying again."""
        wanted = set(tenants)
        missing = [tenant for tenant in wanted if tenant not in self._known]
        if missing:
            for row in await raw.fetch(_READ, missing):
                self._known[row["tenant_id"]] = ZoneInfo(row["timezone"])
        unknown = wanted - self._known.keys()
        if unknown:
            raise TenantUnknown(f"{len(unknown)} tenants are not known here yet, such as {unknown.pop()}")
        return {tenant: self._known[tenant] for tenant in wanted}
