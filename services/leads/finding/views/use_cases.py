"""Keeping views, and asking for what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.capture.intake.naming import without_person
from services.leads.finding.filtering.custom import Wanted
from services.leads.finding.filtering.filters import LeadFilters
from services.leads.finding.views.rules import (
    MOST_VIEWS,
    SharingNotAllowed,
    TooManyViews,
    View,
    ViewOutdated,
    check_changes,
    may_share_with_all,
)
from services.leads.finding.views.tables import (
    ALL,
    COUNT,
    DELETE,
    FILTERS,
    INSERT,
    IS_ABOVE,
    LOCK,
    ONE,
    REFILTER,
    UPDATE,
    views,
)
from services.leads.follow_up.pipelines.rules import OUTCOMES
from services.leads.follow_up.pipelines.use_cases import list_pipelines
from services.leads.pools.pool.looking import pools_open_to
from services.leads.privacy.audit.use_cases import persons_of
from shared.access.directory import people, team_credits_of, tenant_of
from shared.access.principal import Principal
from shared.contracts.leads import ViewDefined
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from shared.events.journal import NewEvent, record_events


class UnknownView(NotFound):
    code = "unknown_view"
    title = "No such view, or none that is shared with you"


class NobodysView(Forbidden):
    code = "nobodys_view"
    title = "Views are kept by people"


async def list_views(tx: Tx, who: Principal) -> list[View]:
    """The caller's own and those shared with them, the oldest first."""
    return [_view(row) for row in await tx.connection.fetch(ALL, *_asking(who))]


async def get_view(tx: Tx, who: Principal, view_id: UUID) -> View:
    """Raises UnknownView."""
    return _found(await tx.connection.fetchrow(ONE, *_asking(who), view_id), view_id)


async def view_to_ask(tx: Tx, who: Principal, view_id: UUID) -> View:
    """A view whose every filter still means something. Raises UnknownView, ViewOutdated."""
    view = await get_view(tx, who, view_id)
    problems = await problems_of(tx, who, view)
    if problems:
        errors = [replace(one, pointer=f"/query/view{one.pointer}") for one in problems]
        raise ViewOutdated(problems[0].detail, errors=errors)
    return view


async def save_view(tx: Tx, who: Principal, view: View, at: datetime) -> View:
    """Keep a new view. Raises NobodysView, SharingNotAllowed, TooManyViews, BadView."""
    view = await _shared(tx, who, view)
    if await tx.connection.fetchval(COUNT, who.tenant_id, view.owner_id) >= MOST_VIEWS:
        raise TooManyViews
    await _check(tx, who, view)
    await tx.connection.execute(INSERT, who.tenant_id, view.id, view.owner_id, *_columns(view), at)
    await record_events(tx, views, [NewEvent(view.id, _event(view), at)], created=True)
    return view


async def change_view(
    tx: Tx,
    who: Principal,
    view_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> View:
    """Change fields, named as in View. Raises UnknownView, NotYourView, SharingNotAllowed, BadView, and what
    `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK, *_asking(who), view_id), view_id)
    check_version(old.version)
    check_changes(old, who)
    new = replace(old, **changes)
    if new.shared_with != "unit":
        new = replace(new, unit_id=None)
    if new == old:
        return old
    if (new.shared_with, new.unit_id) != (old.shared_with, old.unit_id):
        new = await _shared(tx, who, new)
    await _check(tx, who, new)
    await tx.connection.execute(UPDATE, who.tenant_id, view_id, *_columns(new), at)
    seq = (await record_events(tx, views, [NewEvent(view_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def remove_view(
    tx: Tx, who: Principal, view_id: UUID, at: datetime, *, check_version: Callable[[int], None]
) -> None:
    """Raises UnknownView, NotYourView, and what `check_version` raises."""
    view = _found(await tx.connection.fetchrow(LOCK, *_asking(who), view_id), view_id)
    check_version(view.version)
    check_changes(view, who)
    await record_events(tx, views, [NewEvent(view_id, _event(view, active=False), at)])
    await tx.connection.execute(DELETE, who.tenant_id, view_id)


class BadView(Invalid):
    code = "bad_view"
    title = "A view names what there is"


async def _check(tx: Tx, who: Principal, view: View) -> None:
    problems = await problems_of(tx, who, view)
    if problems:
        raise BadView(problems[0].detail, errors=problems, code=problems[0].code)


async def _shared(tx: Tx, who: Principal, view: View) -> View:
    """The view with whom it is to be shared. Raises NobodysView, SharingNotAllowed."""
    if who.user_id is None:
        raise NobodysView
    if view.shared_with == "tenant" and not may_share_with_all(who):
        raise SharingNotAllowed
    if view.shared_with != "unit":
        return view
    unit_id = view.unit_id or who.unit_id
    if unit_id is None or not await _may_share_with(tx, who, unit_id):
        raise SharingNotAllowed
    return replace(view, unit_id=unit_id)


async def _may_share_with(tx: Tx, who: Principal, unit_id: UUID) -> bool:
    if may_share_with_all(who):
        return unit_id in await team_credits_of(tx, [unit_id])
    return bool(await tx.connection.fetchval(IS_ABOVE, who.tenant_id, who.unit_id, unit_id))


async def problems_of(tx: Tx, who: Principal, view: View) -> list[FieldError]:
    """What a view names that is not there, or not for the caller."""
    told, found = view.filters, list[FieldError]()
    if told.stage or told.pipeline:
        found += _of_pipelines(told, await list_pipelines(tx, who.tenant_id))
    if told.pool is not None:
        pools = {pool.id for pool in await pools_open_to(tx, who)}
        found += _absent("pool", [told.pool], pools)
    users = [UUID(each) for each in (*told.owner, *told.created_by) if each not in ("me", "none")]
    if users:
        known = {str(each) for each in await people(tx, users)}
        for name in ("owner", "created_by"):
            found += _absent(name, getattr(told, name), known | {"me", "none"})
    if told.team:
        found += _absent("team", told.team, (await team_credits_of(tx, told.team)).keys())
    if told.custom:
        schema, tenant = await schema_of(tx, who.tenant_id), await tenant_of(tx)
        try:
            Wanted(told.custom, "/filters/custom", schema, who.tenant_id, tenant.timezone).terms()
        except (Invalid, Conflict) as error:
            found += error.errors or [FieldError("/filters/custom", error.problem_code, error.detail)]
    return found


def _of_pipelines(told: LeadFilters, pipelines: Iterable[Any]) -> Iterator[FieldError]:
    known = list(pipelines)
    stages = {stage.key for pipeline in known for stage in pipeline.stages} | OUTCOMES
    yield from _absent("stage", told.stage, stages)
    yield from _absent("pipeline", told.pipeline, {pipeline.id for pipeline in known})


def _absent(name: str, wanted: Iterable[Any], known: Any) -> Iterator[FieldError]:
    for at, each in enumerate(wanted):
        if each not in known:
            pointer = f"/filters/{name}" if name == "pool" else f"/filters/{name}/{at}"
            yield FieldError(pointer, f"unknown_{name}", f"there is no {name} {each}")


def _asking(who: Principal) -> tuple[UUID, UUID | None, UUID | None]:
    return who.tenant_id, who.user_id, who.unit_id


def _found(row: asyncpg.Record | None, view_id: UUID) -> View:
    if row is None:
        raise UnknownView(f"there is no view {view_id} that you see")
    return _view(row)


def _view(row: asyncpg.Record) -> View:
    same = ("id", "owner_id", "name", "shared_with", "unit_id", "sort", "created_at")
    return View(
        **{name: row[name] for name in same},
        version=row["seq"],
        filters=LeadFilters.model_validate(row["filters"]),
        columns=tuple(row["columns"]),
    )


def _columns(view: View) -> tuple[Any, ...]:
    filters = json_text(view.filters.model_dump(mode="json", exclude_defaults=True))
    return view.name, view.shared_with, view.unit_id, filters, view.sort, list(view.columns)


def _event(view: View, *, active: bool = True) -> ViewDefined:
    return ViewDefined(shared_with=view.shared_with, unit_id=view.unit_id, active=active)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Views that look for one of these leads' people find nobody any more. Leads still say who they are."""
    persons = await persons_of(tx, tenant_id, lead_ids)
    for row in await tx.connection.fetch(FILTERS, tenant_id):
        kept = without_person(row["filters"], persons)
        if kept != row["filters"]:
            await tx.connection.execute(REFILTER, tenant_id, row["id"], json_text(kept))
