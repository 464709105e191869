"""Writes of one kind that come at the same time share a transaction.

A transaction costs four messages to PostgreSQL, a commit to disk and a waking of everybody who waits for its
events, whatever it carries. So what comes while one is under way waits for it, and then goes together.
A write that comes alone goes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.database.attempts import attempted
from shared.database.errors import is_disconnect
from shared.database.transactions import Access, Database, Tx
from shared.errors import CoxError

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Tx, UUID, Sequence[T]], Awaitable[Sequence[R | CoxError]]]
"""Does several of a tenant in one transaction: results in the order given, refusals in the places of what is
refused.
"""

MOST = 64
PATIENCE_S = 0.05
"""Nobody waits longer for those before them: they may stand behind a lock that is not ours."""


@dataclass(frozen=True, slots=True)
class _Call(Generic[T, R]):
    item: T
    answer: asyncio.Future[R]


class Together(Generic[T, R]):
    """For work that asks nothing of row-level security but the tenant: the transaction is nobody's own."""

    def __init__(self, database: Database, work: Work[T, R]) -> None:
        self._database = database
        self._work = work
        self._waiting: dict[UUID, list[_Call[T, R]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, tenant_id: UUID, item: T) -> R:
        """Its result, once the transaction is committed. Raises its refusal, and what the database raises.

        Whoever is cancelled leaves the outcome open, as with a transaction of their own.
        """
        call: _Call[T, R] = _Call(item, asyncio.get_running_loop().create_future())
        if tenant_id in self._waiting:
            self._waiting[tenant_id].append(call)
        else:
            self._waiting[tenant_id] = [call]
            self._begin(self._serve(tenant_id))
        return await call.answer

    async def alone(self, tx: Tx, tenant_id: UUID, item: T) -> R:
        """The same within a transaction that is under way. Raises its refusal."""
        (result,) = await self._work(tx, tenant_id, [item])
        if isinstance(result, CoxError):
            raise result
        return result

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # Of no request: none of their traces is this one's.
        task = asyncio.get_running_loop().create_task(coroutine, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, tenant_id: UUID) -> None:
        """Until nobody of this tenant waits."""
        while calls := self._waiting[tenant_id][:MOST]:
            del self._waiting[tenant_id][:MOST]
            await asyncio.wait({self._begin(self._answer(tenant_id, calls))}, timeout=PATIENCE_S)
        del self._waiting[tenant_id]

    async def _answer(self, tenant_id: UUID, calls: Sequence[_Call[T, R]]) -> None:
        try:
            results = await attempted(lambda: self._done(tenant_id, calls))
        except Exception as error:  # noqa: BLE001 - it is for those who wait
            if len(calls) > 1 and not isinstance(error, CoxError) and not is_disconnect(error):
                # Nothing is stored, perhaps for the sake of one of them.
                await asyncio.gather(*(self._answer(tenant_id, [call]) for call in calls))
                return
            results = [error] * len(calls)
        for call, result in zip(calls, results, strict=True):
            if call.answer.done():
                continue
            if isinstance(result, Exception):
                call.answer.set_exception(result)
            else:
                call.answer.set_result(result)

    async def _done(self, tenant_id: UUID, calls: Sequence[_Call[T, R]]) -> Sequence[R | Exception]:
        async with self._database.transaction(Access(tenant_id)) as tx:
            return await self._work(tx, tenant_id, [call.item for call in calls])
