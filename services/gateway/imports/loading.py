"""The second half of an import: units are folded and sent on, batch by batch, each committed with its
progress.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.gateway.imports import tables
from services.gateway.imports.corrections import added_columns
from services.gateway.imports.headings.columns import Columns, columns_of
from services.gateway.imports.mapping import AnyMapping, EventLogMapping, LeadsMapping
from services.gateway.imports.people import find_people
from services.gateway.imports.reading import mapping_of, own_names
from services.gateway.imports.report import Report
from services.gateway.imports.rows import tables as kept
from services.gateway.imports.rows.marks import Marks, keep_marks, marks_of
from services.gateway.imports.rows.tables import Cells, Units
from services.gateway.imports.rules import Fields, Note, Options, Problem, RowError, pick
from services.gateway.imports.tables import Import
from services.gateway.org import use_cases as org
from services.gateway.org.rules import principal_of
from services.gateway.tenancy import use_cases as tenancy
from services.gateway.upstream.services import Services
from shared.access.principal import Principal, service_principal
from shared.clock import Clock
from shared.contracts.gateway import ImportFinished
from shared.contracts.org import TenantConfigured
from shared.database.transactions import Access, Database, Tx
from shared.errors import Forbidden, NotFound
from shared.events.journal import NewEvent, record_events
from shared.events.positions import Position, encode_token
from shared.events.timing.timers import schedule
from shared.observability.metrics import IMPORT_ROWS

CASES_AT_ONCE = 500
KEPT_POSITIONS = 24
"""A batch names the last event of every partition that it wrote to, so the newest few stand for all."""
KEPT_FOR = timedelta(days=30)
"""How long rows can be corrected: they hold personal data."""
TIMER = "import_forgotten"


class RightsGone(Forbidden):
    code = "rights_gone"
    title = "Who asked for the import may not do this any more"


@dataclass(frozen=True, slots=True)
class Part:
    """Units that are loaded together: those to take, of how many rows in all, and the number of the last."""

    units: Units
    rows: int
    last: int


@dataclass(slots=True)
class Done:
    """What a batch came to; `bad` are the rows that were not imported, by line; `marked` what it marked."""

    problems: list[Problem] = field(default_factory=list)
    bad: dict[int, Cells] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    marked: bytes = b""


@dataclass(slots=True)
class Loader:
    """One import while it is being loaded. `secret` authenticates positions."""

    database: Database
    services: Services
    clock: Clock
    secret: str
    known: Import
    options: Options
    mapping: AnyMapping
    columns: Columns
    zone: ZoneInfo
    currency: str
    report: Report
    marks: Marks
    after_org: str
    """The org's newest position: services are to know it before they are sent anything."""
    people: dict[str, UUID] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)

    @classmethod
    async def of(
        cls, database: Database, services: Services, clock: Clock, secret: str, known: Import
    ) -> Loader:
        async with database.transaction(Access(known.tenant_id)) as tx:
            tenant = await tenancy.present_tenant(tx)
            marks = await marks_of(tx, known.id)
        mapping = mapping_of(known.kind, known.mapping)
        header = known.header or ()
        custom = await _custom_fields(services, known) if isinstance(mapping, LeadsMapping) else {}
        columns = columns_of(mapping, own_names(header), custom)
        report = Report.of(known.report)
        report.columns = _told(header, columns)
        return cls(
            database=database,
            services=services,
            clock=clock,
            secret=secret,
            known=known,
            options=Options.of(known.options),
            mapping=mapping,
            columns=columns,
            zone=ZoneInfo(tenant.timezone),
            currency=tenant.currency,
            report=report,
            marks=marks,
            after_org=encode_token(
                [Position(TenantConfigured.topic, tenant.id, tenant.version)], tenant.id, secret
            ),
        )

    @property
    def access(self) -> Access:
        return Access(self.known.tenant_id)

    async def next_part(self, after: int) -> Part:
        """The units to load behind these; an org is loaded whole."""
        total = self.known.units_total or 0
        async with self.database.transaction(self.access) as tx:
            if isinstance(self.mapping, EventLogMapping):
                units, last = await kept.read_units(tx, self.known.id, after, CASES_AT_ONCE)
                return Part(units, count_rows(units), min(last, total))
            units, last = await kept.read_chunk(tx, self.known.id, after)
            while self.known.kind == "org" and last < total:
                more, last = await kept.read_chunk(tx, self.known.id, last)
                units |= more
            return Part(await self._to_take(tx, units), count_rows(units), last)

    async def _to_take(self, tx: Tx, units: Units) -> Units:
        """Of a file that corrects another import's rows those alone."""
        if self.options.corrects is None:
            return units
        ours = added_columns(self.known.header or ())
        lines = {unit: ours.line_of(*rows[0]) for unit, rows in units.items()}
        bad = await kept.bad_among(tx, self.options.corrects, lines.values())
        return {unit: rows for unit, rows in units.items() if lines[unit] in bad}

    def fields_of(self, line: int, cells: Cells, done: Done) -> Fields | None:
        """The row's fields; None, and the problem in `done`, where a cell cannot be."""
        found = self.columns
        try:
            fields, respelt = pick(cells, found.places, self.mapping, found.joined)
        except RowError as fault:
            done.problems.append(fault.at(line))
            done.bad[line] = cells
            return None
        done.notes += [Note(line, "respelt", sentence) for sentence in respelt]
        for key, place in found.custom.items():
            if cells[place]:
                fields[f"custom.{key}"] = cells[place]
        return fields

    async def commit(self, done: Done, part: Part) -> bool:
        """Keep what a part came to; False where another process loads it too."""
        read = part.rows
        done.counts["rows_skipped"] += read - count_rows(part.units)
        self.report.counts.update(done.counts)
        nothing = encode_token([], self.known.tenant_id, self.secret)
        caused = [token for token in done.positions if token != nothing]
        self.report.add_notes(done.notes)
        async with self.database.transaction(self.access) as tx:
            await tables.insert_problems(tx, self.known.id, done.problems)
            await kept.insert_bad_rows(tx, self.known.id, done.bad)
            await keep_marks(tx, self.known.id, part.last, done.marked)
            changed = await tables.change_import(
                tx,
                self.known,
                units_done=part.last,
                rows_done=self.known.rows_done + read,
                rows_failed=self.known.rows_failed + len(done.bad),
                report=self.report.stored(),
                positions=[*self.known.positions, *caused][-KEPT_POSITIONS:],
            )
        if changed is not None:
            self.known = changed
            for outcome, count in (("done", read - len(done.bad)), ("failed", len(done.bad))):
                IMPORT_ROWS.labels(changed.kind, outcome).inc(max(count, 0))
        return changed is not None

    async def finish(self) -> None:
        """The end of the import."""
        async with self.database.transaction(self.access) as tx:
            await finish(tx, self.known, "done", self.clock)

    async def find(self, names: set[str]) -> set[str]:
        """Find these people of the org; those whom nobody knows."""
        unknown = names - self.people.keys() - self.ambiguous
        if not unknown:
            return set()
        async with self.database.transaction(self.access) as tx:
            found = await find_people(tx, unknown)
        self.people |= found.ids
        self.ambiguous |= found.ambiguous
        return unknown - found.ids.keys() - found.ambiguous

    def whose(self, name: str) -> tuple[str, str] | None:
        """Why a person's name is nobody's, as (code, detail); None where it is somebody's."""
        if name in self.ambiguous:
            detail = f"several people are called {name!r}; give one of them another code or name"
            return "ambiguous_person", detail
        if name not in self.people:
            return "unknown_rep", f"nobody in the org is called {name!r}: import the org first"
        return None

    async def repeated(self, marks: Sequence[tuple[str, int]], done: Done) -> list[tuple[str, int, int]]:
        """(mark, line, first line) of the marks that an earlier row of the file has."""
        repeats, packed = await asyncio.to_thread(self.marks.add, marks)
        done.marked += packed
        return repeats

    async def as_service(self) -> Principal:
        """The gateway itself, acting in the tenant."""
        return _service(self.known)

    async def as_user(self) -> Principal:
        """Who asked for the import, with the rights of now. Raises RightsGone."""
        async with self.database.transaction(self.access) as tx:
            return await _user_principal(tx, self.known)


async def _custom_fields(services: Services, known: Import) -> dict[str, list[str]]:
    """What the tenant calls each of its custom fields, by key."""
    found: dict[str, list[str]] = {}
    path: str | None = "/v1/custom-fields?limit=500"
    while path is not None:
        page = (await services.get("leads", path, principal=_service(known))).body
        for each in page["items"]:
            if each["active"]:
                found[each["key"]] = [each["key"], *each["labels"].values()]
        cursor = page["next_cursor"]
        path = f"/v1/custom-fields?limit=500&cursor={cursor}" if cursor else None
    return found


def _service(known: Import) -> Principal:
    return service_principal(known.tenant_id, known.tenant_id)


def _told(header: Cells, columns: Columns) -> list[list[str | None]]:
    """Each column with the field that it was taken for; None: with nothing."""
    fields, ours = columns.fields_of(), added_columns(header).own
    return [[name, fields.get(at)] for at, name in enumerate(header) if at not in ours]


def count_rows(units: Mapping[int, Sequence[Any]]) -> int:
    """How many rows these units have."""
    return sum(map(len, units.values()))


async def _user_principal(tx: Tx, known: Import) -> Principal:
    if known.user_id is None:
        raise RightsGone("Nobody stands behind this import, so nobody would have created its leads")
    version = (await tenancy.present_tenant(tx)).version
    try:
        user = await org.user_of(tx, known.user_id)
    except NotFound:
        raise RightsGone("Who asked for the import is not there any more") from None
    principal = principal_of(known.tenant_id, user, version)
    if not user.active or not principal.may("leads:write"):
        raise RightsGone("Who asked for the import may not create leads any more")
    return principal


async def finish(
    tx: Tx, known: Import, state: Literal["done", "failed"], clock: Clock, **values: Any
) -> None:
    """The end of an import: its file is not needed any more, its bad rows are for a while."""
    now = clock.now()
    until = now + KEPT_FOR
    changed = await tables.change_import(tx, known, state=state, finished_at=now, kept_until=until, **values)
    if changed is None:
        return
    await tables.clear_file(tx, known.id)
    await kept.clear_rows(tx, known.id)
    await schedule(tx, TIMER, known.id, until)
    event = ImportFinished(
        kind=known.kind,
        state=state,
        rows_done=known.rows_done,
        rows_failed=known.rows_failed,
    )
    await record_events(tx, tables.imports, [NewEvent(known.id, event, now)])
