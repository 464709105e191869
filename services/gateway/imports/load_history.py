"""The past: deals and cases are folded, their people found, and sent on; activities follow their leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.gateway.imports import tables
from services.gateway.imports.deals import Reading, fold_deal
from services.gateway.imports.event_log import fold_case
from services.gateway.imports.history import Folded
from services.gateway.imports.loading import Done, Loader
from services.gateway.imports.mapping import DealsMapping, EventLogMapping, HistoryShape
from services.gateway.imports.people import add_inactive_reps
from services.gateway.imports.report import Report
from services.gateway.imports.rows.tables import Units
from services.gateway.imports.rules import Fields, Note, Problem
from services.gateway.imports.sending import send_history
from services.gateway.imports.stages import stage_words
from shared.database.transactions import Tx
from shared.events.positions import encode_token

Fold = Callable[[Sequence[tuple[int, Fields]]], Folded]


async def folder(loader: Loader, mapping: DealsMapping | EventLogMapping) -> Fold:
    """What makes a deal of its rows; asks leads for the pipeline that words for stages are of."""
    zone, currency = loader.zone, loader.columns.currency or loader.currency
    if isinstance(mapping, EventLogMapping):
        return lambda rows: fold_case(rows[0][1]["case"], rows, mapping, zone, currency)
    stages = await _stages(loader, mapping)
    first = stages[0][0] if stages else None
    identified = "id" in loader.columns.places
    reading = Reading(mapping, zone, currency, loader.columns.factor, stage_words(stages), first, identified)
    return lambda rows: fold_deal(*rows[0], reading)


async def _stages(loader: Loader, mapping: DealsMapping) -> list[tuple[str, str]]:
    """(key, name) of the stages of the mapping's pipeline, else of the tenant's default one."""
    if mapping.pipeline is not None:
        return [(stage.key, stage.name) for stage in mapping.pipeline.stages]
    answer = await loader.services.get(
        "leads", "/v1/pipelines?limit=500", principal=await loader.as_service(), wait_for=loader.after_org
    )
    return [
        (stage["key"], stage["name"])
        for pipeline in answer.body["items"]
        if pipeline["is_default"]
        for stage in pipeline["stages"]
    ]


async def ensure_pipeline(loader: Loader, mapping: HistoryShape) -> None:
    """Make the mapping's pipeline where there is none with its key; a dry run brings it along instead."""
    if mapping.pipeline is None or loader.known.dry_run:
        return
    await loader.services.post(
        "leads",
        "/internal/pipelines/import",
        mapping.pipeline.model_dump(),
        principal=await loader.as_service(),
    )


async def load_history(
    loader: Loader, units: Units, mapping: DealsMapping | EventLogMapping, fold: Fold
) -> Done:
    """What the units of a batch came to."""
    done = Done()
    cells = {line: row for rows in units.values() for line, row in rows}
    folded = await asyncio.to_thread(_folded, loader, units, fold, done)
    await _know(loader, {name for one, _ in folded for name in one.people()}, mapping)
    if isinstance(mapping, DealsMapping):
        await _distinct(loader, [one for one, _ in folded], done)
    for one, lines in folded:
        _check_people(loader, one)
        _account(loader, one, lines, done)
        # A case whose deal cannot be made fails whole; else only its bad rows do.
        if one.deal is None:
            done.bad |= {line: cells[line] for line in lines}
    sent = await send_history(loader, mapping, [one for one, _ in folded])
    done.problems += sent.problems
    for one, lines in folded:
        if one.deal is not None and one.deal.external_id in sent.failed_units:
            done.bad |= {line: cells[line] for line in lines}
    done.bad |= {problem.line: cells[problem.line] for problem in done.problems}
    await _noted(loader, sent.keys, done)
    done.positions += sent.positions
    return done


def _folded(loader: Loader, units: Units, fold: Fold, done: Done) -> list[tuple[Folded, list[int]]]:
    found: list[tuple[Folded, list[int]]] = []
    for rows in units.values():
        read = [
            (line, fields)
            for line, cells in rows
            if (fields := loader.fields_of(line, cells, done)) is not None
        ]
        if read:
            found.append((fold(read), [line for line, _ in read]))
    return found


def _account(loader: Loader, one: Folded, lines: Sequence[int], done: Done) -> None:
    done.problems += one.problems
    done.notes += one.notes if one.deal is not None else ()
    loader.report.add_unmapped(one.unmapped)
    loader.report.counts["rows_ignored"] += one.ignored


async def _distinct(loader: Loader, folded: Sequence[Folded], done: Done) -> None:
    """Deals whose id, or all that they say, an earlier row has, are out."""
    deals = [one.deal for one in folded if one.deal is not None]
    repeats = await loader.repeated([(f"row:{deal.external_id}", deal.line) for deal in deals], done)
    first = {line: earlier for _, line, earlier in repeats}
    for one in folded:
        if one.deal is not None and one.deal.line in first:
            detail = f"{one.deal.external_id[:60]!r} is the id of row {first[one.deal.line]}"
            if one.deal.external_id.startswith("row:"):
                detail = f"the row is word for word row {first[one.deal.line]}"
            one.problems.append(Problem(one.deal.line, "id", "duplicate_id", detail))
            one.deal, one.deeds = None, []


async def _noted(loader: Loader, keys: Sequence[tuple[str, int]], done: Done) -> None:
    """Which rows are further deals of somebody whom an earlier row is about."""
    told: dict[int, str] = {}
    for key, line, first in sorted(await loader.repeated(keys, done), reverse=True):
        told[line] = f"same {key.partition(':')[0]} as row {first}: another deal of the same customer"
    done.notes += [Note(line, "same_customer", detail) for line, detail in told.items()]


async def _know(loader: Loader, names: set[str], mapping: HistoryShape) -> None:
    """Find these people; make those whom nobody knows, where the mapping says so."""
    missing = await loader.find(names)
    if not missing or mapping.people.unknown != "create_inactive":
        return
    loader.report.counts["people_created"] += len(missing)
    if loader.known.dry_run:
        loader.people |= dict.fromkeys(missing, loader.known.id)
        return
    async with loader.database.transaction(loader.access) as tx:
        await _add(loader, tx, missing)


async def _add(loader: Loader, tx: Tx, missing: set[str]) -> None:
    loader.people |= await add_inactive_reps(tx, missing, loader.clock.now())
    # Counted where they are made: the batch that needs them may yet have to be sent again.
    counted = Report.of(loader.known.report)
    counted.counts["people_created"] += len(missing)
    loader.known = await tables.change_import(tx, loader.known, report=counted.stored()) or loader.known
    if tx.recorded:
        loader.after_org = encode_token(tx.recorded, loader.known.tenant_id, loader.secret)


def _check_people(loader: Loader, one: Folded) -> None:
    if one.deal is None:
        return
    for name in sorted(one.people()):
        if (why := loader.whose(name)) is not None:
            one.problems.append(Problem(one.deal.line, "owner", *why))
            one.deal, one.deeds = None, []
            return
