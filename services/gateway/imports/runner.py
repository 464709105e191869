"""Runs imports in the worker, one after another, until each is finished: through crashes of anything else.

What was done is in the database, committed batch by batch. Who dies in between, or loses the database or a
service, leaves a few batches to be sent again, of which every row is known where it arrived.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from uuid import UUID

import structlog

from services.gateway.imports import tables
from services.gateway.imports.load import load_rest
from services.gateway.imports.loading import Loader, finish
from services.gateway.imports.reading import read_file
from services.gateway.imports.tables import Import
from services.gateway.upstream.services import NotNow, Services
from shared.clock import Clock, SystemClock
from shared.database.engine import connect_raw
from shared.database.errors import is_transient
from shared.database.transactions import Access, Database
from shared.errors import CoxError
from shared.settings import Settings

IDLE_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
MOST_FAULTS = 5
"""After so many errors that nobody foresaw an import is given up, so that others get their turn."""

_log = structlog.get_logger(__name__)


class Runner:
    """`run()` until it is cancelled; `database` is under the worker's role."""

    def __init__(
        self, settings: Settings, database: Database, services: Services, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._database = database
        self._services = services
        self._clock = clock or SystemClock()
        self._faults: Counter[UUID] = Counter()

    async def run(self) -> None:
        """Take imports as they come."""
        await self._services.start()
        try:
            pause = IDLE_PAUSE_S
            while True:
                try:
                    worked = await self.run_one()
                    pause = IDLE_PAUSE_S
                    if worked:
                        continue
                except Exception as error:
                    if not (isinstance(error, NotNow) or is_transient(error)):
                        raise
                    _log.warning("import_waits", reason=str(error)[:200])
                    pause = min(pause * 2, LONGEST_PAUSE_S)
                await asyncio.sleep(pause)
        finally:
            await self._services.stop()

    async def run_one(self) -> bool:
        """Take the oldest import that nobody else works on, to its end; False where there is none.

        Raises NotNow or a database's error where it must be tried again later.
        """
        async with self._database.transaction() as tx:
            waiting = await tables.next_unfinished(tx, 20)
        for tenant_id, import_id in waiting:
            async with self._alone(import_id) as alone:
                if alone:
                    await self._work(tenant_id, import_id)
                    return True
        return False

    @asynccontextmanager
    async def _alone(self, import_id: UUID) -> AsyncIterator[bool]:
        """Whether no other process works on it; a lock of a session, gone with who holds it."""
        connection = await connect_raw(self._settings, "gateway", "worker")
        try:
            yield await connection.fetchval(
                "select pg_try_advisory_lock(hashtextextended($1, 8))", str(import_id)
            )
        finally:
            with suppress(Exception):
                await connection.close(timeout=5)

    async def _work(self, tenant_id: UUID, import_id: UUID) -> None:
        async with self._database.transaction(Access(tenant_id)) as tx:
            known = await tables.load_import(tx, import_id)
        if known is None or known.state not in tables.UNFINISHED:
            return
        try:
            await self._to_the_end(known)
        except Exception as error:
            if isinstance(error, NotNow) or is_transient(error):
                raise
            await self._give_up(known, error)

    async def _to_the_end(self, known: Import) -> None:
        if known.state != "running":
            read = await read_file(self._database, known)
            if read is None:
                return
            known = read
        secret = self._settings.position_secret.get_secret_value()
        loader = await Loader.of(self._database, self._services, self._clock, secret, known)
        with closing(loader.marks):
            await load_rest(loader)

    async def _give_up(self, known: Import, error: Exception) -> None:
        """A refusal ends the import with its reason; an error that nobody foresaw does so after some
        tries.
        """
        code, detail = "import_broken", f"unexpected {type(error).__name__}; see the worker's log"
        if isinstance(error, CoxError):
            code, detail = error.problem_code, error.detail
        else:
            self._faults[known.id] += 1
            _log.exception("import_fault", import_id=str(known.id), times=self._faults[known.id])
            if self._faults[known.id] < MOST_FAULTS:
                return
        async with self._database.transaction(Access(known.tenant_id)) as tx:
            now = await tables.load_import(tx, known.id)
            if now is not None and now.state in tables.UNFINISHED:
                values = {"failure_code": code, "failure_detail": detail}
                await finish(tx, now, "failed", self._clock, **values)
