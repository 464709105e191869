"""The app's side of waiting: for projections to have applied positions, and for an aggregate's next event.

All waiters of a process share one select per hint, every 50 ms at the least; a waiting request holds no
connection.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from shared.database.transactions import Access, Database
from shared.errors import NotYet
from shared.events.faults import Fault, fault_of, reason_of
from shared.events.hints import Ears
from shared.events.positions import Position
from shared.events.tasks import end
from shared.observability import metrics
from shared.observability.logs import get_logger

log = get_logger(__name__)

POLL_S = 0.05
LOOK_TIMEOUT_S = 5.0
LAST_LOOK_S = 1.0
"""For whoever waited in vain: how long it may take to say how far it is."""


class Blocked(NotYet):
    code = "event_blocked"
    title = "An awaited event cannot be applied: it was set aside, or waits behind one that was"


class Reads(Protocol):
    """A projection, as far as waiting for it goes."""

    name: str

    @property
    def streams(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a projection is with an aggregate: the last seq applied, and whether the awaited one is
    stuck.
    """

    seq: int
    blocked: bool


W = TypeVar("W")


@dataclass(eq=False, slots=True)
class _Waiter(Generic[W]):
    wanted: W
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class _Shared(ABC, Generic[W]):
    """One loop that looks for all waiters while there are any. Subclasses say how to look."""

    def __init__(self, ears: Ears, channel: str) -> None:
        self._ears = ears
        self._channel = channel
        self._waiters: set[_Waiter[W]] = set()
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    @abstractmethod
    async def look(self, waiters: Sequence[_Waiter[W]]) -> None:
        """Complete the `done` of those whose wait is over."""

    async def _wait(self, waiter: _Waiter[W], timeout_s: float) -> Any:
        self._waiters.add(waiter)
        self._heard.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"waiters {self._channel}")
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter.done
        finally:
            self._waiters.discard(waiter)

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        self._ears.listen(self._channel, self._heard)
        try:
            while self._waiters:
                self._heard.clear()
                waiting = [waiter for waiter in self._waiters if not waiter.done.done()]
                await self._look_safely(waiting)
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._heard.wait()
        finally:
            self._ears.forget(self._channel, self._heard)

    async def _look_safely(self, waiting: Sequence[_Waiter[W]]) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self.look(waiting)
        except Exception as error:  # noqa: BLE001 - told to those who wait, or the next look's matter
            if fault_of(error) is not Fault.PASSING:
                for waiter in waiting:
                    if not waiter.done.done():
                        waiter.done.set_exception(error)
            log.warning("look_failed", error=reason_of(error))


Wanted = tuple[tuple[str, Position], ...]
"""(projection, position) pairs that must all be applied."""

_REACH = """
select u.ord, coalesce(p.seq, 0) as seq,
    coalesce(p.seq, 0) < u.seq and coalesce(p.dead_seq <= u.seq, false) as blocked
from unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) with ordinality
    u(name, stream, aggregate_id, seq, ord)
join consumers c on c.name = u.name
left join positions p on p.stream = u.stream and p.aggregate_id = u.aggregate_id
    and p.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
order by u.ord
"""


class Applied(_Shared[Wanted]):
    """Waits until every projection of this service that reads a stream has applied what was recorded
    there.
    """

    def __init__(
        self, database: Database, ears: Ears, channel: str, service: str, projections: Iterable[Reads]
    ) -> None:
        super().__init__(ears, channel)
        self._database = database
        self._service = service
        self._projections = tuple(projections)

    async def wait(self, positions: Sequence[Position], timeout: float) -> None:
        """Returns when all are applied; at once where no projection reads their streams.

        Raises NotYet after `timeout` seconds, Blocked at once where one is a dead letter or stands behind
        one; both say how far it is. One that is parked for a predecessor that commits late is waited for.
        """
        wanted = tuple(
            (projection.name, position)
            for position in positions
            for projection in self._projections
            if position.stream in projection.streams
        )
        if not wanted:
            return
        waiter = _Waiter(wanted)
        metrics.WAITERS.labels(self._service).inc()
        outcome = "applied"
        try:
            await self._wait(waiter, timeout)
        except TimeoutError:
            # Looked at once more: who may not wait at all (0 ms) still hears that it is applied.
            behind = await self._behind(wanted)
            if behind == []:
                return
            outcome = "late"
            far = "" if behind is None else f": {'; '.join(behind)}"
            raise NotYet(f"Not applied within {timeout:g} s{far}") from None
        except Blocked:
            outcome = "blocked"
            raise
        finally:
            metrics.WAITERS.labels(self._service).dec()
            metrics.WAITS.labels(self._service, outcome).inc()

    async def look(self, waiters: Sequence[_Waiter[Wanted]]) -> None:
        pairs = [pair for waiter in waiters for pair in waiter.wanted]
        reach = iter(await self._reach(pairs))
        for waiter in waiters:
            found = [(pair, next(reach)) for pair in waiter.wanted]
            if waiter.done.done():
                continue
            stuck = [pair for pair, at in found if at.blocked]
            if all(at.seq >= position.seq for (_, position), at in found):
                waiter.done.set_result(None)
            elif stuck:
                name, position = stuck[0]
                waiter.done.set_exception(
                    Blocked(
                        f"{name} cannot apply {position.stream} {position.aggregate_id} seq {position.seq}"
                    )
                )

    async def _reach(self, pairs: Sequence[tuple[str, Position]]) -> list[Reach]:
        async with self._database.transaction() as tx:
            rows = await tx.connection.fetch(
                _REACH,
                [name for name, _ in pairs],
                [position.stream for _, position in pairs],
                [position.aggregate_id for _, position in pairs],
                [position.seq for _, position in pairs],
            )
        found = {row["ord"]: Reach(row["seq"], row["blocked"]) for row in rows}
        # A projection that is not registered yet has applied nothing.
        return [found.get(index, Reach(0, blocked=False)) for index in range(1, len(pairs) + 1)]

    async def _behind(self, wanted: Wanted) -> list[str] | None:
        """What is not applied yet, in words; None if that cannot be said right now."""
        try:
            async with asyncio.timeout(LAST_LOOK_S):
                reach = await self._reach(wanted)
        except Exception:  # noqa: BLE001 - only the wording of an answer that is late anyway
            return None
        return [
            f"{name} is at seq {at.seq} of {position.seq} of {position.aggregate_id}"
            for (name, position), at in zip(wanted, reach, strict=True)
            if at.seq < position.seq
        ]


class Changes(_Shared[tuple[UUID, Position]]):
    """Waits for an aggregate's next event, as this service's own journal has it."""

    def __init__(self, database: Database, ears: Ears, channel: str) -> None:
        super().__init__(ears, channel)
        self._database = database

    async def wait(self, access: Access, position: Position, timeout: float) -> int | None:
        """The aggregate's newest seq once it is beyond `position`, None after `timeout` seconds."""
        try:
            seq: int = await self._wait(_Waiter((access.tenant_id, position)), timeout)
        except TimeoutError:
            return None
        return seq

    async def look(self, waiters: Sequence[_Waiter[tuple[UUID, Position]]]) -> None:
        for tenant_id in {waiter.wanted[0] for waiter in waiters}:
            mine = [waiter for waiter in waiters if waiter.wanted[0] == tenant_id]
            async with self._database.transaction(Access(tenant_id)) as tx:
                rows = await tx.connection.fetch(
                    """select u.ord, e.seq from unnest($1::uuid[], $2::bigint[]) with ordinality
                        u(aggregate_id, seq, ord)
                    cross join lateral (select max(seq) as seq from events
                        where events.aggregate_id = u.aggregate_id and events.seq > u.seq) e
                    where e.seq is not null""",
                    [waiter.wanted[1].aggregate_id for waiter in mine],
                    [waiter.wanted[1].seq for waiter in mine],
                )
            for row in rows:
                waiter = mine[row["ord"] - 1]
                if not waiter.done.done():
                    waiter.done.set_result(row["seq"])
