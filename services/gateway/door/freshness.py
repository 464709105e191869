"""How a process learns that rights changed: four times a second it asks how far each tenant's org is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import text

from shared.database.transactions import Database
from shared.errors import Unavailable

log = logging.getLogger(__name__)

POLL_S = 0.25
STALE_S = 3.0

# One statement over the tables of two rooms, on purpose: every process asks it four times a second.
# Sessions of the last minute, so that a commit that was slow to become visible is not missed.
_QUERY = text("""
select id, seq, false as session from tenants
union all
select id, 0, true from sessions where revoked_at > now() - interval '1 minute'
""")


class Freshness:
    """Versions of all tenants, and sessions that ended. `on_change` is called with what is new."""

    def __init__(self, database: Database) -> None:
        # Under the worker's role: the question is about all tenants.
        self._database = database
        self._versions: dict[UUID, int] = {}
        self._ended: set[UUID] = set()
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self.on_change: list[Callable[[], None]] = []

    def version(self, tenant_id: UUID) -> int:
        """The org version of a tenant, as last seen."""
        return self._versions.get(tenant_id, 0)

    def has_ended(self, session_id: UUID) -> bool:
        """Whether the session was revoked within the last minute."""
        return session_id in self._ended

    async def ensure(self) -> None:
        """Return at once while the last answer is young. Raises Unavailable where none can be had."""
        if time.monotonic() - self._asked_at > STALE_S:
            try:
                await self.ask()
            except Exception as error:
                raise Unavailable("Who may do what cannot be looked up right now; try again") from error

    async def ask(self) -> None:
        """Look now."""
        async with self._asking:
            began = time.monotonic()
            async with self._database.transaction() as tx:
                rows = (await tx.conn.execute(_QUERY)).all()
            versions = {row.id: row.seq for row in rows if not row.session}
            ended = {row.id for row in rows if row.session}
            changed = versions != self._versions or not ended <= self._ended
            self._versions, self._ended, self._asked_at = versions, ended, began
        if changed:
            for told in self.on_change:
                told()

    async def run(self) -> None:
        """Until cancelled."""
        failing = False
        while True:
            try:
                await self.ask()
                failing = False
            except Exception as error:  # noqa: BLE001 - the database may be away; requests say so meanwhile
                if not failing:
                    log.warning("rights cannot be refreshed: %s", error)
                failing = True
            await asyncio.sleep(POLL_S)

    async def dispose(self) -> None:
        """Close its connection."""
        await self._database.dispose()
