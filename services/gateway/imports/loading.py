"""The second half of an import: units are folded and sent on, batch by batch, each committed with its
progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.gateway.imports import tables
from services.gateway.imports.deals import fold_deal
from services.gateway.imports.event_log import fold_case
from services.gateway.imports.history import Folded
from services.gateway.imports.lead_rows import lead_of
from services.gateway.imports.mapping import (
    AnyMapping,
    DealsMapping,
    EventLogMapping,
    HistoryShape,
    LeadsMapping,
)
from services.gateway.imports.org_rows import wanted_org
from services.gateway.imports.people import Brought, add_inactive_reps, bring_org, find_people
from services.gateway.imports.reading import mapping_of
from services.gateway.imports.report import Report
from services.gateway.imports.rules import Fields, Problem, RowError
from services.gateway.imports.sending import send_history, send_leads
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
from shared.observability.metrics import IMPORT_ROWS

UNITS_AT_ONCE = 500
KEPT_POSITIONS = 24
"""A batch names the last event of every partition that it wrote to, so the newest few stand for all."""

Units = Mapping[int, Sequence[tuple[int, Fields]]]


class RightsGone(Forbidden):
    code = "rights_gone"
    title = "Who asked for the import may not do this any more"


@dataclass(slots=True)
class Done:
    """What a batch came to."""

    problems: list[Problem] = field(default_factory=list)
    rows_failed: int = 0
    positions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Loader:
    """One import while it is being loaded. `secret` authenticates positions."""

    database: Database
    services: Services
    clock: Clock
    secret: str
    known: Import
    mapping: AnyMapping
    zone: ZoneInfo
    currency: str
    report: Report
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
        return cls(
            database=database,
            services=services,
            clock=clock,
            secret=secret,
            known=known,
            mapping=mapping_of(known.kind, known.mapping),
            zone=ZoneInfo(tenant.timezone),
            currency=tenant.currency,
            report=Report.of(known.report),
            after_org=encode_token(
                [Position(TenantConfigured.topic, tenant.id, tenant.version)], tenant.id, secret
            ),
        )

    @property
    def access(self) -> Access:
        return Access(self.known.tenant_id)

    async def run(self) -> None:
        """Load what is left, to the end; returns early where another process loads it too."""
        if isinstance(self.mapping, HistoryShape):
            await self._ensure_pipeline(self.mapping)
        total = self.known.units_total or 0
        while self.known.units_done < total:
            at_once = total if self.known.kind == "org" else UNITS_AT_ONCE
            first = self.known.units_done
            async with self.database.transaction(self.access) as tx:
                units = await tables.read_units(tx, self.known.id, first, at_once)
            if not await self._commit(await self._load(units), units, min(first + at_once, total)):
                return
        await self._finish()

    async def _load(self, units: Units) -> Done:
        match self.mapping:
            case DealsMapping() | EventLogMapping():
                return await self._load_history(units, self.mapping)
            case LeadsMapping():
                return await self._load_leads(units, self.mapping)
            case _:
                return await self._load_org(units)

    async def _commit(self, done: Done, units: Units, units_done: int) -> bool:
        rows = sum(len(rows) for rows in units.values())
        nothing = encode_token([], self.known.tenant_id, self.secret)
        caused = [token for token in done.positions if token != nothing]
        positions = [*self.known.positions, *caused][-KEPT_POSITIONS:]
        async with self.database.transaction(self.access) as tx:
            await tables.insert_problems(tx, self.known.id, done.problems)
            changed = await tables.change_import(
                tx,
                self.known,
                units_done=units_done,
                rows_done=self.known.rows_done + rows,
                rows_failed=self.known.rows_failed + done.rows_failed,
                report=self.report.stored(),
                positions=positions,
            )
        if changed is not None:
            self.known = changed
            for outcome, count in (("done", rows - done.rows_failed), ("failed", done.rows_failed)):
                IMPORT_ROWS.labels(changed.kind, outcome).inc(max(count, 0))
        return changed is not None

    async def _finish(self) -> None:
        async with self.database.transaction(self.access) as tx:
            await finish(tx, self.known, "done", self.clock)

    async def _load_history(self, units: Units, mapping: DealsMapping | EventLogMapping) -> Done:
        fold = _folder(mapping, self.zone, self.currency)
        folded = await asyncio.to_thread(lambda: [fold(rows) for rows in units.values()])
        done = Done()
        await self._know({name for one in folded for name in one.people()}, mapping)
        for one, rows in zip(folded, units.values(), strict=True):
            self._check_people(one)
            done.problems += one.problems
            # A case whose deal cannot be made fails whole; else only its bad rows do.
            done.rows_failed += len(rows) if one.deal is None else len({p.line for p in one.problems})
            self.report.add_notes(one.notes)
            self.report.add_unmapped(one.unmapped)
            self.report.counts["rows_ignored"] += one.ignored
        if self.known.dry_run:
            self._count_only(folded)
            return done
        sent = await send_history(self, mapping, folded)
        done.problems += sent.problems
        failed = sent.failed_units
        done.rows_failed += sum(
            len(rows) for one, rows in zip(folded, units.values(), strict=True)
            if one.deal is not None and one.deal.external_id in failed
        )  # fmt: skip
        done.positions = sent.positions
        return done

    def _count_only(self, folded: Sequence[Folded]) -> None:
        self.report.counts["deals_checked"] += sum(one.deal is not None for one in folded)
        self.report.counts["activities_checked"] += sum(len(one.deeds) for one in folded)

    async def _know(self, names: set[str], mapping: HistoryShape) -> None:
        """Find these people; make those whom nobody knows, where the mapping says so."""
        unknown = names - self.people.keys() - self.ambiguous
        if not unknown:
            return
        async with self.database.transaction(self.access) as tx:
            found = await find_people(tx, unknown)
            self.people |= found.ids
            self.ambiguous |= found.ambiguous
            missing = unknown - found.ids.keys() - found.ambiguous
            if missing and mapping.people.unknown == "create_inactive":
                await self._add(tx, missing)
            if tx.recorded:
                self.after_org = encode_token(tx.recorded, self.known.tenant_id, self.secret)

    async def _add(self, tx: Tx, missing: set[str]) -> None:
        self.report.counts["people_created"] += len(missing)
        if self.known.dry_run:
            self.people |= dict.fromkeys(missing, self.known.id)
            return
        self.people |= await add_inactive_reps(tx, missing, self.clock.now())
        # Counted where they are made: the batch that needs them may yet have to be sent again.
        counted = Report.of(self.known.report)
        counted.counts["people_created"] += len(missing)
        self.known = await tables.change_import(tx, self.known, report=counted.stored()) or self.known

    def _check_people(self, one: Folded) -> None:
        if one.deal is None:
            return
        for name in sorted(one.people()):
            if name in self.ambiguous:
                detail = f"several people are called {name!r}; give one of them another code or name"
                one.problems.append(Problem(one.deal.line, "owner", "ambiguous_person", detail))
            elif name not in self.people:
                detail = f"nobody in the org is called {name!r}: import the org first"
                one.problems.append(Problem(one.deal.line, "owner", "unknown_rep", detail))
            else:
                continue
            one.deal = None
            one.deeds = []
            return

    async def _ensure_pipeline(self, mapping: HistoryShape) -> None:
        if mapping.pipeline is None or self.known.dry_run:
            return
        await self.services.post(
            "leads",
            "/internal/pipelines/import",
            mapping.pipeline.model_dump(),
            principal=await self.as_service(),
        )

    async def _load_leads(self, units: Units, mapping: LeadsMapping) -> Done:
        done, bodies, lines = Done(), [], []
        for [(line, fields)] in units.values():
            try:
                bodies.append(lead_of(fields, mapping, self.currency))
                lines.append(line)
            except RowError as error:
                done.problems.append(error.at(line))
        done.rows_failed = len(done.problems)
        if self.known.dry_run:
            self.report.counts["leads_checked"] += len(bodies)
        elif bodies:
            sent = await send_leads(self, bodies, lines, batch=min(units))
            done.problems += sent.problems
            done.rows_failed += len(sent.problems)
            done.positions = sent.positions
        return done

    async def _load_org(self, units: Units) -> Done:
        wanted = wanted_org(row for rows in units.values() for row in rows)
        async with self.database.transaction(self.access) as tx:
            brought = await bring_org(tx, wanted, self.clock.now(), dry_run=self.known.dry_run)
            positions = [encode_token(tx.recorded, self.known.tenant_id, self.secret)] if tx.recorded else []
        self._count_org(brought)
        lines = {problem.line for problem in brought.problems}
        return Done(brought.problems, len(lines), positions)

    def _count_org(self, brought: Brought) -> None:
        names = ("units_created", "units_changed", "users_created", "users_changed", "unchanged")
        self.report.counts.update({name: getattr(brought, name) for name in names})

    async def as_service(self) -> Principal:
        """The gateway itself, acting in the tenant."""
        return service_principal(self.known.tenant_id, self.known.tenant_id)

    async def as_user(self) -> Principal:
        """Who asked for the import, with the rights of now. Raises RightsGone."""
        async with self.database.transaction(self.access) as tx:
            return await _user_principal(tx, self.known)


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


def _folder(
    mapping: DealsMapping | EventLogMapping, zone: ZoneInfo, currency: str
) -> Callable[[Sequence[tuple[int, Fields]]], Folded]:
    if isinstance(mapping, DealsMapping):
        return lambda rows: fold_deal(*rows[0], mapping, zone, currency)
    return lambda rows: fold_case(rows[0][1]["case"], rows, mapping, zone, currency)


async def finish(
    tx: Tx, known: Import, state: Literal["done", "failed"], clock: Clock, **values: Any
) -> None:
    """The end of an import: its file is not needed any more."""
    changed = await tables.change_import(tx, known, state=state, finished_at=clock.now(), **values)
    if changed is None:
        return
    await tables.clear_file(tx, known.id)
    event = ImportFinished(
        kind=known.kind,
        state=state,
        rows_done=known.rows_done,
        rows_failed=known.rows_failed,
    )
    await record_events(tx, tables.imports, [NewEvent(known.id, event, clock.now())])
