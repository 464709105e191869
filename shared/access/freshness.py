"""Whether a token still says the truth: judged by the directory, which learns of every change of rights."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from shared.access.directory import DirectoryBehind
from shared.access.principal import Principal
from shared.access.tokens import BadToken
from shared.database.transactions import Access, Database, Tx

REMEMBERED_S = 1.0
WAIT_S = 2.0
POLL_S = 0.05
MAX_REMEMBERED = 50_000

_LOOK = """
select coalesce((select seq from org_versions where tenant_id = $1), 0) as seq,
       p.id, p.changed_seq, p.revoked
from (select 1) as one
left join org_principals p on p.tenant_id = $1 and p.id = any($2::uuid[])
"""


_CHANGED = """
select exists (select from org_principals
               where tenant_id = $1 and id = any($2::uuid[]) and (revoked or changed_seq > $3))
"""


async def has_changed(tx: Tx, principal: Principal) -> bool:
    """Whether the rights of a principal have changed since a request of theirs was let in: for answers that
    take long.
    """
    ids = [each for each in (principal.id, principal.user_id) if each is not None]
    return bool(await tx.connection.fetchval(_CHANGED, principal.tenant_id, ids, principal.org_version))


class TokenOutdated(BadToken):
    code = "token_outdated"
    title = "The rights behind the token have changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the directory knows: its own `seq`, and the change of these principals that came last."""

    seq: int
    changed_seq: int
    revoked: bool


@dataclass(frozen=True, slots=True)
class _Directory:
    seq: int
    looked_at: float


class Freshness:
    """Refuses tokens older than the last change of their principal; waits where the directory is behind them.

    Each tenant's directory is looked at once a second; everybody who asks meanwhile shares that look.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._directories: dict[UUID, _Directory] = {}
        self._seen: dict[tuple[UUID, UUID], Standing] = {}
        self._wanted: dict[UUID, set[UUID]] = {}
        self._looks: dict[UUID, asyncio.Task[None]] = {}

    async def check(self, principal: Principal) -> None:
        """Raises TokenOutdated (401), or DirectoryBehind (503) after two seconds."""
        until = monotonic() + WAIT_S
        standing = await self._standing(principal, newer_than=monotonic() - REMEMBERED_S)
        while standing.seq < principal.org_version:
            if monotonic() > until:
                raise DirectoryBehind("Try again in a moment")
            await asyncio.sleep(POLL_S)
            standing = await self._standing(principal, newer_than=monotonic() - POLL_S)
        if standing.revoked or standing.changed_seq > principal.org_version:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="outdated"'}
            raise TokenOutdated("Sign in again, or ask for a new token", headers=challenge)

    async def _standing(self, principal: Principal, newer_than: float) -> Standing:
        tenant = principal.tenant_id
        ids = {principal.id} if principal.user_id is None else {principal.id, principal.user_id}
        while True:
            directory = self._directories.get(tenant)
            if directory is not None and directory.looked_at >= newer_than:
                # What was seen of a principal holds as long as the directory has not moved on.
                seen = [self._seen.get((tenant, id_)) for id_ in ids]
                known = [entry for entry in seen if entry is not None and entry.seq == directory.seq]
                if len(known) == len(ids):
                    return _together(known)
            await self._look(tenant, ids)

    async def _look(self, tenant: UUID, ids: set[UUID]) -> None:
        self._wanted.setdefault(tenant, set()).update(ids)
        task = self._looks.get(tenant)
        if task is None:
            task = self._looks[tenant] = asyncio.create_task(self._look_now(tenant))
        await asyncio.shield(task)

    async def _look_now(self, tenant: UUID) -> None:
        # A turn of the loop, so that everybody who arrives in it is served by the same look.
        await asyncio.sleep(0)
        ids = self._wanted.pop(tenant, set())
        looked_at = monotonic()
        try:
            async with self._database.transaction(Access(tenant)) as tx:
                rows = await (await tx.raw()).fetch(_LOOK, tenant, list(ids))
        finally:
            del self._looks[tenant]
        if len(self._seen) + len(ids) > MAX_REMEMBERED:
            self._seen.clear()
        found = {row["id"]: row for row in rows if row["id"] is not None}
        seq: int = rows[0]["seq"]
        for id_ in ids:
            row = found.get(id_)
            changed, revoked = (0, False) if row is None else (row["changed_seq"], row["revoked"])
            self._seen[tenant, id_] = Standing(seq, changed, revoked)
        self._directories[tenant] = _Directory(seq, looked_at)


def _together(standings: list[Standing]) -> Standing:
    return Standing(
        seq=standings[0].seq,
        changed_seq=max(standing.changed_seq for standing in standings),
        revoked=any(standing.revoked for standing in standings),
    )
