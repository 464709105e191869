"""`Idempotency-Key`: same key and body, same answer; record and effect commit together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
from starlette.responses import Response

from shared.access.principal import Principal
from shared.database.transactions import Database, Tx
from shared.errors import Conflict, FieldError, Invalid, Malformed
from shared.events.backbone import Backbone
from shared.events.tasks import every

HEADER = "Idempotency-Key"
KEPT_HOURS = 24
PURGE_EVERY_S = 60.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

_TAKE = f"""
insert into idempotency_keys as k (tenant_id, principal_id, method, path, key, body_sha256)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, principal_id, method, path, key) do update
  set body_sha256 = excluded.body_sha256, created_at = now(),
      status = null, headers = null, answer = null, resource_id = null
  where k.created_at < now() - interval '{KEPT_HOURS} hours'
returning true
"""  # noqa: S608 - a constant of ours
_SEE = """
select body_sha256, status, headers, answer, resource_id from idempotency_keys
where tenant_id = $1 and principal_id = $2 and method = $3 and path = $4 and key = $5
"""
_COMPLETE = """
update idempotency_keys set status = $6, headers = $7, answer = $8, resource_id = $9
where tenant_id = $1 and principal_id = $2 and method = $3 and path = $4 and key = $5
"""
_PURGE = f"""
delete from idempotency_keys where ctid = any(array(
  select ctid from idempotency_keys where created_at < now() - interval '{KEPT_HOURS} hours'
  order by created_at limit $1 for update skip locked))
"""  # noqa: S608 - a constant of ours
# An answer about several resources has no single one, but names them. Keys stay: nothing is done twice.
_FORGET = """
update idempotency_keys set answer = null
where tenant_id = $1 and answer is not null and (
  resource_id = any($2::uuid[])
  or exists (select from unnest($2::uuid[]) as r(id)
             where strpos(path, r.id::text) > 0 or position(convert_to(r.id::text, 'UTF8') in answer) > 0))
"""


class BadIdempotencyKey(Malformed):
    code = "bad_idempotency_key"
    title = "Not an idempotency key"


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "This key was used for another request"


class AnswerNotKept(Conflict):
    code = "answer_not_kept"
    title = "It was done before; what was answered is not kept: a secret, or what was erased since"


def parse_key(value: str) -> str:
    """1 to 255 visible ASCII characters. Raises BadIdempotencyKey."""
    if not _KEY.fullmatch(value):
        raise BadIdempotencyKey("An Idempotency-Key has 1 to 255 visible ASCII characters, such as a UUID")
    return value


@dataclass(frozen=True, slots=True)
class Record:
    """One key of one principal for one method and path, with the SHA-256 of the body it came with."""

    principal: Principal
    method: str
    path: str
    key: str
    body_sha256: bytes

    async def take(self, tx: Tx) -> Response | None:
        """First in the effect's transaction: None to go on, or the answer given before. Waits for a rival.

        Raises IdempotencyKeyReused (422) or AnswerNotKept (409).
        """
        raw = await tx.raw()
        while True:
            if await raw.fetchval(_TAKE, *self._place(), self.body_sha256):
                return None
            found = await raw.fetchrow(_SEE, *self._place())
            if found is not None:
                return self._answer(found)
            # It was purged between the two statements: the key is free again.

    async def complete(
        self,
        tx: Tx,
        status: int,
        headers: Mapping[str, str],
        answer: bytes | None,
        resource_id: UUID | None,
    ) -> None:
        """Last in the effect's transaction; `answer` None where it holds a secret."""
        raw = await tx.raw()
        packed = orjson.dumps(dict(headers)).decode()
        await raw.execute(_COMPLETE, *self._place(), status, packed, answer, resource_id)

    def _place(self) -> tuple[UUID, UUID, str, str, str]:
        return self.principal.tenant_id, self.principal.id, self.method, self.path, self.key

    def _answer(self, found: asyncpg.Record) -> Response:
        if found["body_sha256"] != self.body_sha256:
            detail = "The key came with another body before; use a new key for another request"
            raise IdempotencyKeyReused(detail, errors=[FieldError(f"/header/{HEADER}", "reused", detail)])
        headers = orjson.loads(found["headers"])
        if found["answer"] is None:
            where = headers.get("location") or f"the resource {found['resource_id']}"
            raise AnswerNotKept(f"It was done before: see {where}. What it answered then is not kept")
        return Response(found["answer"], found["status"], headers)


async def forget(tx: Tx, tenant_id: UUID, resource_ids: Sequence[UUID]) -> None:
    """Erase the answers that name these resources: part of erasing a resource. Looks through all that the
    tenant has of the last day.
    """
    raw = await tx.raw()
    await raw.execute(_FORGET, tenant_id, list(resource_ids))


async def purge(database: Database, limit: int = 1000) -> int:
    """Remove up to `limit` answers older than a day, of all tenants (worker's role); how many it were."""
    async with database.transaction() as tx:
        tag: str = await (await tx.raw()).execute(_PURGE, limit)
    return int(tag.rsplit(" ", 1)[-1])


async def _purge(backbone: Backbone) -> int:
    return await purge(backbone.worker)


keep_purged = every(PURGE_EVERY_S, _purge)
"""In each worker: what is over a day old goes, within a minute."""
