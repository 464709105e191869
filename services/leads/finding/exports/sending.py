"""A file on its way: batch after batch, each read and written down before any of it is handed on.

Every batch is a transaction of its own, in the order of the leads' ids: no snapshot is held while a slow
client reads, no lead comes twice, and whose rights change meanwhile gets no more.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.finding.exports.columns import Cell, Rows
from services.leads.finding.exports.files import Writer, writer_for
from services.leads.finding.exports.rules import (
    XLSX_ROWS,
    Ended,
    Export,
    ExportGrew,
    ExportRunning,
    NotYourExport,
    TooManyRows,
    check_ready,
)
from services.leads.finding.exports.tables import (
    BEGIN,
    END,
    GO_ON,
    KEEP,
    LEFT_BEHIND,
    RELEASE,
    SEIZE,
    exports,
)
from services.leads.finding.exports.use_cases import export_of, person_of
from services.leads.finding.listing.use_cases import Wish
from services.leads.finding.listing.walking import count_matching, next_leads, question_of
from shared.access.directory import credit_of, people, tenant_of
from shared.access.freshness import has_changed
from shared.access.principal import Principal
from shared.clock import Clock
from shared.contracts.privacy import ExportDownloaded
from shared.database.transactions import Database, Tx
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id
from shared.web.context import Disclosure, Witness

AT_ONCE = 500
LEASE = timedelta(seconds=90)
"""So long after its last batch a download counts as under way."""


class DownloadOver(Exception):
    """Whoever it is for may no longer have it, or more matches by now than may leave."""


@dataclass(frozen=True, slots=True)
class House:
    """What a download needs of the app."""

    database: Database
    clock: Clock
    witness: Witness


@dataclass(frozen=True, slots=True)
class Where:
    """By which request the file goes, and where to."""

    route: str
    address: str | None
    trace_id: str | None


@dataclass(slots=True)
class Sending:
    """One download under way. `rows` and `size` (bytes) are of all that was handed on so far."""

    house: House
    who: Principal
    where: Where
    export: Export
    question: Wish
    table: Rows
    writer: Writer
    id: UUID
    rows: int = 0
    size: int = 0
    _last: UUID | None = None
    _over: bool = False
    _sha256: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def media_type(self) -> str:
        return self.writer.media_type

    async def next(self) -> bytes:
        """The next piece of the file, empty after the last. Raises DownloadOver."""
        piece = b""
        while not piece and not self._over:
            is_first = self._last is None
            rows = await self._batch()
            self._over = len(rows) < AT_ONCE
            # In a thread, so that others have their turn: a batch is some ten milliseconds of work.
            piece = await asyncio.to_thread(self._piece, rows, is_first=is_first)
            self.rows += len(rows)
        self.size += len(piece)
        return piece

    async def _batch(self) -> list[list[Cell]]:
        who, now = self.who, self.house.clock.now()
        async with self.house.database.transaction(who.access()) as tx:
            await self._go_on(tx, now)
            leads = await next_leads(tx, who, self.question, self._last, AT_ONCE)
            owners = {lead.owner_id for lead in leads if lead.owner_id is not None}
            known = await people(tx, owners) if "owner_name" in self.table.columns else {}
            names = {user: person.display_name for user, person in known.items()}
            rows, shown = self.table.of(leads, names)
            self._check_allowed(len(rows))
            if shown:
                where = self.where
                self.house.witness(
                    tx, Disclosure(who, now, where.route, where.address, where.trace_id, tuple(shown))
                )
        self._last = leads[-1].id if leads else self._last
        return rows

    async def _go_on(self, tx: Tx, now: datetime) -> None:
        tenant_id, person = self.who.tenant_id, person_of(self.who)
        if await has_changed(tx, self.who):
            raise DownloadOver("the rights of whoever it is for have changed")
        if not await tx.connection.fetchval(KEEP, tenant_id, person, self.id, now + LEASE):
            raise DownloadOver("another download has begun")
        await tx.connection.execute(GO_ON, tenant_id, self.id, self.rows, self.size)

    def _check_allowed(self, more: int) -> None:
        """Counted before the first batch; who creates leads meanwhile has no more of them leave."""
        rows = self.rows + more
        limits = [self.export.allowed, XLSX_ROWS - 1 if self.export.format == "xlsx" else None]
        if any(limit is not None and rows > limit for limit in limits):
            raise DownloadOver("more leads match by now than may leave")

    def _piece(self, rows: Sequence[Sequence[Cell]], *, is_first: bool) -> bytes:
        head = self.writer.head(self.table.columns) if is_first else b""
        piece = head + self.writer.rows(rows) + (self.writer.end() if self._over else b"")
        self._sha256.update(piece)
        return piece

    async def end(self, *, whole: bool) -> None:
        """Write down how it ended; the next download may begin."""
        who, now = self.who, self.house.clock.now()
        how: Ended = "whole" if whole else "broken"
        sha256 = self._sha256.digest() if whole else None
        async with self.house.database.transaction(who.access()) as tx:
            await tx.connection.execute(RELEASE, who.tenant_id, person_of(who), self.id)
            values = (self.rows, self.size, sha256, now, how)
            await tx.connection.execute(END, who.tenant_id, self.id, *values)
            if whole:
                event = ExportDownloaded(
                    credit=await credit_of(tx, self.export.user_id),
                    contacts=self.export.contacts,
                    rows=self.rows,
                    sha256=self._sha256.hexdigest(),
                )
                await record_events(tx, exports, [NewEvent(self.export.id, event, now)])


async def begin_download(house: House, who: Principal, export_id: UUID, where: Where) -> Sending:
    """Raises UnknownExport, NotYourExport, ExportNotReady, ExportGrew, ExportRunning, TooManyRows."""
    now = house.clock.now()
    async with house.database.transaction(who.access()) as tx:
        export = await export_of(tx, who, export_id)
        if export.user_id != person_of(who):
            raise NotYourExport
        check_ready(export, now)
        question = question_of(export.filters, export.view_filters, export.at)
        zone = ZoneInfo((await tenant_of(tx)).timezone)
        sending = Sending(
            house, who, where, export, question, Rows(export.columns, who, zone, contacts=export.contacts),
            writer_for(export.format, await _cells(tx, who, export, question)), new_id(),
        )  # fmt: skip
    async with house.database.transaction(who.access()) as tx:
        await _seize(tx, sending, now)
    return sending


async def _cells(tx: Tx, who: Principal, export: Export, question: Wish) -> int:
    """How many cells the file will have, where that matters; 0 else."""
    rows = 0
    if export.allowed is not None:
        rows, fits = await count_matching(tx, who, question, export.allowed)
        if not fits:
            raise ExportGrew(f"more than {export.allowed} match by now")
    elif export.format == "xlsx":
        rows, fits = await count_matching(tx, who, question, XLSX_ROWS - 1)
        if not fits:
            raise TooManyRows(f"a sheet holds {XLSX_ROWS - 1} leads")
    return rows * len(export.columns)


async def _seize(tx: Tx, sending: Sending, now: datetime) -> None:
    who, where = sending.who, sending.where
    tenant_id, person = who.tenant_id, person_of(who)
    if not await tx.connection.fetchval(SEIZE, tenant_id, person, sending.id, now, now + LEASE):
        raise ExportRunning
    await tx.connection.execute(LEFT_BEHIND, tenant_id, person, now)
    told = (sending.export.id, person, who.id, now, where.address, where.trace_id)
    await tx.connection.execute(BEGIN, tenant_id, sending.id, *told)
