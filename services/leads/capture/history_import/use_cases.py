"""Taking in deals with their past: a handful of statements per batch, each row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.use_cases import store_assignments
from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.capture.history_import.build import Built, Deal, Setting, extend, start
from services.leads.capture.history_import.rules import digest
from services.leads.capture.history_import.tables import (
    ADVANCE,
    CLAIM,
    CLAIM_ROWS,
    FORGET,
    GIVE_UP,
    GIVE_UP_ROWS,
    ROWS_KNOWN,
)
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads, living, lock_leads, store_new, store_passed
from services.leads.deduplication.duplicates.rules import Claim, Key
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.pipelines.use_cases import default_pipeline, list_pipelines
from services.leads.follow_up.progress.use_cases import store_history
from services.leads.judging.valuation.use_cases import Valuer
from shared.access.directory import careers_of, tenant_of
from shared.database.literals import array_literal
from shared.database.transactions import Tx
from shared.errors import Conflict, CoxError, FieldError, Invalid
from shared.ids import new_id

Status = Literal["created", "unchanged", "extended", "failed"]


class RepeatedRow(Invalid):
    code = "repeated_external_id"
    title = "Another row of the batch has the same external id"


class HistoryChanged(Conflict):
    code = "history_changed"
    title = "The row's past is not the one imported before"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one row; `error` says why it failed.

    `keys` are those of a lead that was made now, `duplicate_of` the first lead that has one of them.
    """

    status: Status
    lead_id: UUID | None
    error: CoxError | None = None
    keys: tuple[Key, ...] = ()
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """How much of a row is in. `steps` is -1 for a row that is new."""

    lead_id: UUID
    steps: int
    digest: str


async def import_deals(
    tx: Tx, tenant_id: UUID, source: str, rows: Sequence[Deal | CoxError], now: datetime
) -> list[Imported]:
    """Store each deal with its whole past, as historic events; rows known before are continued or left alone.

    Locks in the house's order: keys of rows, loads, leads.
    """
    rows = _without_repeats(rows)
    deals = [row for row in rows if isinstance(row, Deal)]
    known = await _claim(tx, tenant_id, source, deals)
    to_do = [deal for deal in deals if known[deal.external_id].steps < len(deal.steps)]
    plans = await _plan(tx, tenant_id, source, to_do, known, now)
    repeats = await _store(tx, tenant_id, [plan for plan in plans.values() if isinstance(plan, Built)])
    await _advance(tx, tenant_id, source, deals, known, plans)
    return [_result(row, known, plans, repeats) for row in rows]


def _without_repeats(rows: Sequence[Deal | CoxError]) -> list[Deal | CoxError]:
    seen: set[str] = set()
    kept: list[Deal | CoxError] = []
    for row in rows:
        if isinstance(row, Deal) and row.external_id in seen:
            detail = f"{row.external_id} stands in the batch before"
            kept.append(RepeatedRow(detail, errors=[FieldError("/external_id", RepeatedRow.code, detail)]))
            continue
        kept.append(row)
        if isinstance(row, Deal):
            seen.add(row.external_id)
    return kept


async def _claim(tx: Tx, tenant_id: UUID, source: str, deals: Sequence[Deal]) -> dict[str, _Known]:
    if not deals:
        return {}
    names = [deal.external_id for deal in deals]
    rows = await tx.connection.fetch(CLAIM, tenant_id, source, names, [new_id() for _ in deals])
    return {row["external_id"]: _Known(row["lead_id"], row["steps"], row["digest"]) for row in rows}


async def _plan(
    tx: Tx,
    tenant_id: UUID,
    source: str,
    deals: Sequence[Deal],
    known: Mapping[str, _Known],
    now: datetime,
) -> dict[str, Built | CoxError]:
    if not deals:
        return {}
    setting = await _setting(tx, tenant_id, deals, now)
    before = await _locked(tx, tenant_id, deals, known)
    plans: dict[str, Built | CoxError] = {}
    for deal in deals:
        row = known[deal.external_id]
        try:
            if row.steps < 0:
                plans[deal.external_id] = start(setting, tenant_id, row.lead_id, source, deal)
            else:
                _check_past(deal, row)
                plans[deal.external_id] = extend(setting, living(before[row.lead_id]), deal, row.steps)
        except CoxError as error:
            plans[deal.external_id] = error
    return plans


async def _setting(tx: Tx, tenant_id: UUID, deals: Sequence[Deal], now: datetime) -> Setting:
    default = await default_pipeline(tx, tenant_id, now)
    pipelines: dict[str | None, Pipeline] = {None: default}
    pipelines |= {pipeline.key: pipeline for pipeline in await list_pipelines(tx, tenant_id)}
    users = {step.owner_id for deal in deals for step in deal.steps} | {deal.creator_id for deal in deals}
    careers = await careers_of(tx, [user for user in users if user is not None])
    valuer = Valuer(tx, await tenant_of(tx))
    await valuer.prefetch(pair for deal in deals for pair in deal.amounts(now))
    return Setting(now, pipelines, careers, valuer)


async def _locked(
    tx: Tx, tenant_id: UUID, deals: Sequence[Deal], known: Mapping[str, _Known]
) -> Mapping[UUID, Lead]:
    """The leads of rows that go on, locked after the loads of everybody who gains or loses one."""
    ids = [known[deal.external_id].lead_id for deal in deals if known[deal.external_id].steps >= 0]
    seen = await get_leads(tx, tenant_id, ids)
    users = {step.owner_id for deal in deals for step in deal.steps} | {lead.owner_id for lead in seen}
    await lock_loads(tx, tenant_id, [user for user in users if user is not None])
    return await lock_leads(tx, tenant_id, ids) if ids else {}


def _check_past(deal: Deal, row: _Known) -> None:
    if digest(deal.steps[: row.steps], timeless=deal.started_at is None) != row.digest:
        raise HistoryChanged(f"the first {row.steps} steps of {deal.external_id} are others than before")


async def _store(tx: Tx, tenant_id: UUID, plans: Sequence[Built]) -> dict[UUID, UUID]:
    created = [plan for plan in plans if plan.created]
    passed = [plan for plan in plans if not plan.created]
    repeats = await store_new(
        tx,
        tenant_id,
        [(plan.lead, plan.search_text, plan.terms) for plan in created],
        [event for plan in created for event in plan.events],
        [Claim(plan.lead.id, plan.keys) for plan in created],
    )
    await store_passed(
        tx, [plan.lead for plan in passed], [event for plan in passed for event in plan.events]
    )
    await store_history(tx, [row for plan in plans for row in plan.history])
    await store_assignments(tx, [row for plan in plans for row in plan.assignments])
    shifts: Counter[UUID] = Counter()
    for plan in plans:
        shifts.update(plan.loads)
    await shift_loads(tx, tenant_id, shifts)
    return repeats


async def _advance(
    tx: Tx,
    tenant_id: UUID,
    source: str,
    deals: Sequence[Deal],
    known: Mapping[str, _Known],
    plans: Mapping[str, Built | CoxError],
) -> None:
    done = sorted(
        (deal for deal in deals if isinstance(plans.get(deal.external_id), Built)),
        key=lambda d: d.external_id,
    )
    digests = [digest(deal.steps, timeless=deal.started_at is None) for deal in done]
    names = [deal.external_id for deal in done]
    await tx.connection.execute(
        ADVANCE, tenant_id, source, names, [len(deal.steps) for deal in done], digests
    )
    failed = [name for name, plan in plans.items() if isinstance(plan, CoxError) and known[name].steps < 0]
    if failed:
        await tx.connection.execute(GIVE_UP, tenant_id, source, failed)


def _result(
    row: Deal | CoxError,
    known: Mapping[str, _Known],
    plans: Mapping[str, Built | CoxError],
    repeats: Mapping[UUID, UUID],
) -> Imported:
    if isinstance(row, CoxError):
        return Imported("failed", None, row)
    before, plan = known[row.external_id], plans.get(row.external_id)
    if plan is None:
        return Imported("unchanged", before.lead_id)
    if isinstance(plan, CoxError):
        return Imported("failed", before.lead_id if before.steps >= 0 else None, plan)
    if before.steps >= 0:
        return Imported("extended", before.lead_id)
    return Imported("created", before.lead_id, None, plan.keys, repeats.get(before.lead_id))


async def claim_rows(
    tx: Tx, tenant_id: UUID, source: str, rows: Mapping[str, tuple[UUID, str]]
) -> dict[str, tuple[UUID, str]]:
    """Rows of a source without a history, `{external id: (lead to be, digest of what it says)}`, are claimed.

    Answers `(lead, digest)` of the rows that were known before. Rivals that import the same row wait for one
    another.
    """
    lead_ids, digests = zip(*rows.values(), strict=True)
    names, said = array_literal(list(rows)), array_literal(digests)
    found = await tx.connection.fetch(CLAIM_ROWS, tenant_id, source, names, lead_ids, said)
    return {row["external_id"]: (row["lead_id"], row["digest"]) for row in found}


async def rows_known(tx: Tx, tenant_id: UUID, source: str, external_ids: Sequence[str]) -> dict[str, UUID]:
    """The leads that rows of a source became."""
    rows = await tx.connection.fetch(ROWS_KNOWN, tenant_id, source, list(external_ids))
    return {row["external_id"]: row["lead_id"] for row in rows}


async def give_up_rows(tx: Tx, tenant_id: UUID, source: str, external_ids: Sequence[str]) -> None:
    """These rows became no leads."""
    if external_ids:
        await tx.connection.execute(GIVE_UP_ROWS, tenant_id, source, list(external_ids))


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Names of rows that are a person's own; others stay, or the import run again would bring them back."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
