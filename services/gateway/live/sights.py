"""The organisation as live streams need it, loaded once per tenant and version."""

from __future__ import annotations

from uuid import UUID

from services.gateway.live.rules import Sight
from services.gateway.org import listing
from shared.database.transactions import Access, Database

_MOST = 1000


class Sights:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[UUID, tuple[int, Sight]] = {}

    async def of(self, tenant_id: UUID, org_version: int) -> Sight:
        """The organisation of a tenant, at least as new as `org_version`."""
        known = self._known.get(tenant_id)
        if known is not None and known[0] >= org_version:
            return known[1]
        async with self._database.transaction(Access(tenant_id)) as tx:
            sight = Sight(await listing.lineages(tx), await listing.units_of_users(tx))
        self._known[tenant_id] = (org_version, sight)
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return sight
