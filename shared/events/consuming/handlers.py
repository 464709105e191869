"""How a service says what it does with events: projections build views, reactions act.

leads_directory = Projection("leads.directory", tables=(org_users, org_units))

@leads_directory.on(UserDefined)
async def on_user_defined(tx: Tx, received: Received) -> None: ...

kpis = Projection("scoring.kpis")

@kpis.batch(LeadCreated, StageChanged)
async def apply(tx: Tx, batch: Sequence[Received]) -> None: ...

assignment = Reaction("leads.assignment")

@assignment.on(LeadCreated)
async def on_lead_created(tx: Tx, received: Received) -> None: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Literal
from uuid import UUID

from sqlalchemy import Table

from shared.contracts.base import Event
from shared.database.transactions import Tx
from shared.events.envelope import Received
from shared.events.streams import stream_of_type

EventHandler = Callable[[Tx, Received], Awaitable[None]]
BatchHandler = Callable[[Tx, Sequence[Received]], Awaitable[None]]
Preparation = Callable[[Received], object]
Reset = Callable[[Tx], Awaitable[None]]
Kind = Literal["projection", "reaction"]
Matter = tuple[UUID, str]
"""A tenant, and a type of its events."""
Heed = Callable[[Tx, Collection[Matter]], Awaitable[Collection[Matter]]]


class Route(Enum):
    """What a consumer does with a type."""

    HANDLED = "handled"
    UNHANDLED = "unhandled"
    UNKNOWN_VERSION = "unknown_version"


@dataclass(frozen=True, slots=True)
class Run:
    """Under which name, and for which generation of its tables, a handler is running."""

    consumer: str
    generation: int
    rebuilding: bool


_RUN: ContextVar[Run] = ContextVar("consumer_run")


def current_run() -> Run:
    """The run whose handler is executing. Raises LookupError outside a handler."""
    return _RUN.get()


def enter_run(run: Run) -> None:
    """Called by the consumer's task before it calls handlers."""
    _RUN.set(run)


class HandlerSet:
    """A named set of handlers with offsets and positions of its own. Its name is `service.suffix`."""

    kind: ClassVar[Kind]
    max_batch: ClassVar[int]
    """How many events it acts on in one transaction, at most."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._single: dict[str, EventHandler] = {}
        self._batches: list[tuple[frozenset[str], BatchHandler]] = []
        self._preparations: dict[str, Preparation] = {}
        self._types: set[str] = set()
        self._bases: set[str] = set()

    def on(self, *events: type[Event]) -> Callable[[EventHandler], EventHandler]:
        """The handler is awaited once for each event of these types, in order."""

        def register(handler: EventHandler) -> EventHandler:
            for name in self._registered(events):
                self._single[name] = handler
            return handler

        return register

    def batch(
        self, *events: type[Event], prepare: Preparation | None = None
    ) -> Callable[[BatchHandler], BatchHandler]:
        """The handler is awaited once a transaction, with all applied events of these types, in order.

        Several may take one type, in the order they were registered: rooms share a reader. Where a set has
        both kinds, batch handlers come first. `prepare` is what can be done with one event
        alone: it may be done ahead, while the database works; the handler gets it by
        `received.prepared(prepare)`, which raises there what it raises.
        """

        def register(handler: BatchHandler) -> BatchHandler:
            names = self._registered(events, shared=True)
            self._batches.append((frozenset(names), handler))
            if prepare is not None:
                self._preparations.update(dict.fromkeys(names, prepare))
            return handler

        return register

    def _registered(self, events: Sequence[type[Event]], *, shared: bool = False) -> list[str]:
        names = [event.type_name() for event in events]
        in_batches = {name for types, _ in self._batches for name in types} if shared else set()
        for name in names:
            if name in self._types - in_batches:
                raise ValueError(f"{self.name} has two handlers of {name}")
            self._types.add(name)
            self._bases.add(name.rsplit(".v", 1)[0])
        return names

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that it reads, sorted."""
        return tuple(sorted({stream_of_type(name) for name in self._types}))

    def route(self, event_type: str) -> Route:
        """Whether the type is handled; an unknown major version of a handled one is a matter for people."""
        if event_type in self._types:
            return Route.HANDLED
        if event_type.rsplit(".v", 1)[0] in self._bases:
            return Route.UNKNOWN_VERSION
        return Route.UNHANDLED

    def prepare(self, received: Received) -> None:
        """Do ahead what can be; what fails now fails again when it is asked for."""
        preparation = self._preparations.get(received.type)
        if preparation is not None:
            try:
                received.prepared(preparation)
            except Exception:  # noqa: BLE001 - whatever it is, the handler meets it again
                return

    async def apply_batches(self, tx: Tx, applied: Sequence[Received]) -> None:
        for types, handler in self._batches:
            mine = [received for received in applied if received.type in types]
            if mine:
                await handler(tx, mine)

    def single(self, event_type: str) -> EventHandler | None:
        return self._single.get(event_type)

    @property
    def has_batches(self) -> bool:
        return bool(self._batches)


class Projection(HandlerSet):
    """Builds a view, from live and historic events alike; runs as `cox_worker`, which sees every tenant.

    `tables` are emptied when the view must be built anew (a publisher's new epoch); where that is not enough,
    `@projection.on_reset` names a function that empties it.
    """

    kind = "projection"
    max_batch = 5000

    def __init__(self, name: str, *, tables: Sequence[Table] = ()) -> None:
        super().__init__(name)
        self.tables = tuple(tables)
        self._reset: Reset | None = None

    def on_reset(self, reset: Reset) -> Reset:
        self._reset = reset
        return reset

    async def reset(self, tx: Tx) -> None:
        """Empty the view."""
        for table in self.tables:
            await tx.connection.execute(f'delete from "{table.name}"')  # noqa: S608 - our own table's name
        if self._reset is not None:
            await self._reset(tx)


class Reaction(HandlerSet):
    """Acts on live events, as `cox_app` in the event's tenant; advances silently over history.

    One that is added to a running system begins at the log's end.
    """

    kind = "reaction"
    max_batch = 50

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._heed: Heed | None = None

    def heeding(self, heed: Heed) -> Heed:
        """Name what tells, of some matters, those in which anything would be done now.

        It is asked of many events at once, as `cox_worker`, and only says how many go into one transaction:
        those of other matters are brought to the handlers too, which find nothing to do.
        """
        self._heed = heed
        return heed

    async def heeded(self, tx: Tx, matters: Collection[Matter]) -> Collection[Matter]:
        """Those in which anything would be done now; all where nobody knows better."""
        return matters if self._heed is None else await self._heed(tx, matters)

    @property
    def heeds_all(self) -> bool:
        return self._heed is None
