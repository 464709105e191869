"""The one kind of transaction: opened together with who is asking, in one round trip."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database.connections import Connections, Raw
from shared.database.errors import DatabaseUnavailable, TransactionLostError, is_disconnect, is_transient

if TYPE_CHECKING:
    from shared.contracts.base import Event
    from shared.events.positions import Position

Visibility = Literal["own", "team", "subtree", "tenant"]
_VISIBILITIES = frozenset({"own", "team", "subtree", "tenant"})

Hint = Callable[[], None]
"""Told after a commit that recorded events: must return at once and never raise."""


@dataclass(frozen=True, slots=True)
class Access:
    """On whose behalf a transaction runs; row-level security and the visibility predicate read it.

    `user_id` and `unit_id` are None for principals that are no person (services, projections).
    """

    tenant_id: UUID
    user_id: UUID | None = None
    visibility: Visibility = "tenant"
    unit_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who has a transaction change something, and where the request for it came from.

    `principal_id` is the user's, key's or rule's, or the service's if it is another; `user_id` the person's,
    of a key its owner's.
    """

    kind: Literal["user", "api_key", "service", "rule"]
    principal_id: UUID | None
    user_id: UUID | None = None
    at: datetime | None = None
    route: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event of an aggregate that was there before, as it was recorded, and on whose behalf."""

    aggregate_id: UUID
    seq: int
    event: Event
    occurred_at: datetime
    historic: bool
    author: Author | None
    cause_id: UUID | None


@dataclass(slots=True)
class Tx:
    """A transaction under way. `recorded` lists the positions of the events it recorded so far, `told` says
    what they were; from `cause` follow those recorded now that do not say themselves what they follow from.
    `closing` are statements without parameters that go in one message with COMMIT.

    `master_key` is the installation's own, if it has one: keys of persons are kept under it.
    """

    conn: AsyncConnection
    access: Access | None
    connection: Raw
    recorded: list[Position] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    cause: UUID | None = None
    author: Author | None = None
    closing: list[str] = field(default_factory=list)
    master_key: bytes | None = None

    @property
    def tenant_id(self) -> UUID | None:
        return None if self.access is None else self.access.tenant_id

    async def raw(self) -> Raw:
        """The asyncpg connection below, inside the same transaction: where a profile asks for it."""
        return self.connection

    async def as_tenant(self) -> None:
        """From here on row-level security lets the whole tenant through.

        For a use case that hands a row to somebody else, once it has loaded that row as the caller.
        """
        await self.connection.execute("SET LOCAL cox.visibility = 'tenant'")

    async def on_behalf_of(self, access: Access) -> None:
        """From here on row-level security lets through what somebody of the same tenant may see.

        For a service that does what a person asked another service for.
        """
        if self.access is None or access.tenant_id != self.access.tenant_id:
            raise ValueError("nobody acts for people of another tenant")
        await self.connection.execute(_local(access))
        self.access = access

    @asynccontextmanager
    async def savepoint(self, *, keep: bool = True) -> AsyncIterator[None]:
        """What the block does is undone where it raises, or in any case unless `keep`; its locks go, too.

        The transaction then goes on as it was before the block.
        """
        known, raw = (len(self.recorded), len(self.told)), self.connection
        await raw.execute("SAVEPOINT block")
        try:
            yield
        except Exception:
            if not raw.is_closed():
                await self._undo(known)
            raise
        if keep:
            await raw.execute("RELEASE SAVEPOINT block")
        else:
            await self._undo(known)

    async def _undo(self, known: tuple[int, int]) -> None:
        await self.connection.execute("ROLLBACK TO SAVEPOINT block;RELEASE SAVEPOINT block")
        del self.recorded[known[0] :]
        del self.told[known[1] :]

    @contextmanager
    def caused_by(self, event_id: UUID) -> Iterator[None]:
        """What the block records follows from this event."""
        before, self.cause = self.cause, event_id
        try:
            yield
        finally:
            self.cause = before

    @contextmanager
    def by(self, author: Author) -> Iterator[None]:
        """What the block records was done on their behalf."""
        before, self.author = self.author, author
        try:
            yield
        finally:
            self.author = before


Ledger = Callable[[Tx], None]
"""Told of a transaction that recorded events, when it is about to be committed: adds to its `closing`."""


def begin_statement(access: Access | None) -> str:
    """BEGIN and the session's variables as one simple-protocol message, hence one round trip.

    The literals are UUIDs and one of four words: nothing in them can end a quote.
    """
    if access is None:
        return "BEGIN ISOLATION LEVEL READ COMMITTED"
    return f"BEGIN ISOLATION LEVEL READ COMMITTED;{_local(access)}"


def _local(access: Access) -> str:
    if access.visibility not in _VISIBILITIES:
        raise ValueError(f"unknown visibility {access.visibility!r}")
    values = {
        "cox.tenant_id": _literal(access.tenant_id),
        "cox.user_id": _literal(access.user_id),
        "cox.visibility": access.visibility,
        "cox.unit_id": _literal(access.unit_id),
    }
    return ";".join(f"SET LOCAL {name} = '{value}'" for name, value in values.items())


def _literal(value: UUID | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, UUID):
        raise ValueError(f"not a UUID: {value!r}")
    return str(value)


class Database:
    """Hands out transactions of one engine. `hint` is called after each commit that recorded events, `ledger`
    before it: it may add to what goes with the commit.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        hint: Hint | None = None,
        ledger: Ledger | None = None,
        master_key: bytes | None = None,
    ) -> None:
        self.engine = engine
        self._connections = Connections(engine)
        self._hint = hint
        self._ledger = ledger
        self._master_key = master_key

    @asynccontextmanager
    async def transaction(self, access: Access | None = None) -> AsyncIterator[Tx]:
        """READ COMMITTED; committed at the end of the block, rolled back when it raises.

        Raises DatabaseUnavailable where no transaction could be begun: nothing has happened then.
        """
        conn, raw = await self._begun(begin_statement(access))
        tx = Tx(conn=conn, access=access, connection=raw, master_key=self._master_key)
        try:
            yield tx
            if tx.told and self._ledger is not None:
                self._ledger(tx)
            await _commit(raw, tx.closing)
        except BaseException:
            await self._abandon(conn, raw)
            raise
        await self._connections.give_back(conn, raw)
        if tx.recorded and self._hint is not None:
            self._hint()

    async def _begun(self, statement: str) -> tuple[AsyncConnection, Raw]:
        """A connection in a transaction. Dead ones of the pool are replaced: nothing was sent on them yet."""
        attempts = 1 + self._connections.most
        for attempt in range(attempts):
            conn, raw = await self._connections.take()
            try:
                if not raw.is_closed():
                    await raw.execute(statement)
                    return conn, raw
            except Exception as error:
                await self._connections.discard(conn)
                if not is_transient(error):
                    raise
                if not is_disconnect(error) or attempt == attempts - 1:
                    raise DatabaseUnavailable("the database does not answer; try again") from error
            except BaseException:
                await self._connections.discard(conn)
                raise
            else:
                await self._connections.discard(conn)
        raise DatabaseUnavailable("every connection to the database was lost; try again")

    async def _abandon(self, conn: AsyncConnection, raw: Raw) -> None:
        """End the transaction without its effect, and give the connection back only if it is clean."""
        try:
            if not raw.is_closed() and raw.is_in_transaction():
                await raw.execute("ROLLBACK", timeout=5)
            clean = not raw.is_closed()
        except BaseException:
            await self._connections.discard(conn)
            raise
        if clean:
            await self._connections.give_back(conn, raw)
        else:
            await self._connections.discard(conn)

    async def dispose(self) -> None:
        """Close every connection of the pool."""
        await self._connections.close()
        await self.engine.dispose()


async def _commit(raw: Raw, closing: Sequence[str]) -> None:
    # In a failed transaction PostgreSQL answers COMMIT with ROLLBACK and no error.
    tag = await raw.execute(";".join([*closing, "COMMIT"]))
    if tag != "COMMIT":
        raise TransactionLostError("the transaction had failed before its commit; nothing was stored")
