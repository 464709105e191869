"""Switching a preset on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.gateway.calendars import use_cases as calendars
from services.gateway.org import listing
from services.gateway.org import use_cases as org
from services.gateway.presets import standard
from services.gateway.presets.rules import Done, Item, Line, Part
from services.gateway.tenancy.rules import Tenant
from services.gateway.tenancy.use_cases import present_tenant
from services.gateway.upstream.services import Refused, Services
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid

_OF_LEADS: Mapping[Part, Callable[[], list[Item]]] = {
    "first_response": standard.responses,
    "returns": standard.returns,
    "duplicates": standard.duplicates,
    "retention": standard.retention,
}
"""Parts that need no line of business."""
MOST_ADMINS = 100
_IN_CHARGE = frozenset({"supervisor", "manager"})


class UnknownUnits(Invalid):
    code = "unknown_unit"
    title = "There is no such active unit"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a preset is built on: the tenant, and the lines of business with whoever is in charge there."""

    tenant: Tenant
    lines: tuple[Line, ...]


async def ground_of(tx: Tx, lines: Sequence[Line]) -> Ground:
    """Lines whose administrators are not given have those in charge of their units.

    Without any line the whole company is of the first. Raises UnknownUnits.
    """
    active = {unit.id: unit for unit in await listing.all_units(tx) if unit.active}
    wrong = [
        FieldError(f"/lines/{line.name}/unit_ids/{at}", UnknownUnits.code, f"there is no active unit {unit}")
        for line in lines
        for at, unit in enumerate(line.unit_ids)
        if unit not in active
    ]
    if wrong:
        raise UnknownUnits(wrong[0].detail, errors=wrong)
    root = next(unit.id for unit in active.values() if unit.parent_id is None)
    known = lines or [Line("saas", (root,))]
    filled = [
        line if line.admin_ids else replace(line, admin_ids=await _in_charge(tx, line.unit_ids))
        for line in known
    ]
    return Ground(await present_tenant(tx), tuple(filled))


async def _in_charge(tx: Tx, unit_ids: Iterable[UUID]) -> tuple[UUID, ...]:
    found: dict[UUID, None] = {}
    for unit in unit_ids:
        users = await listing.page_users(tx, after=None, limit=10_000, unit_id=unit, active=True, q=None)
        found.update((user.id, None) for user in users if _IN_CHARGE & set(user.roles))
    return tuple(found)[:MOST_ADMINS]


async def bring_to_leads(
    services: Services,
    who: Principal,
    ground: Ground,
    parts: Collection[Part],
    after_org: str,
    *,
    preview: bool,
) -> list[Done]:
    """Make what is not there yet by name, one after the other. Raises NotNow: ask again, it goes on."""
    items: list[Item] = standard.pools(ground.lines) if "pools" in parts else []
    items += [item for part, made in _OF_LEADS.items() if part in parts for item in made()]
    present: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        if item.path not in present:
            look = _said if item.only else _present
            present[item.path] = await look(services, who, item, after_org)
    done: list[Done] = []
    ids: dict[str, str] = {}
    for item in items:
        there = present[item.path]
        one = await _bring(services, who, item.ready(ids, there), there, after_org, preview=preview)
        done.append(one)
        if one.id is not None:
            ids[item.name] = one.id
    return done


async def _said(services: Services, who: Principal, item: Item, after_org: str) -> list[dict[str, Any]]:
    answer = await services.get("leads", item.path, principal=who, wait_for=after_org)
    return [{"name": item.name, "id": None}] if answer.body["version"] else []


async def _present(services: Services, who: Principal, item: Item, after_org: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        path = f"{item.path}?limit=500{cursor}"
        answer = await services.get("leads", path, principal=who, wait_for=after_org)
        found += answer.body["items"]
        if answer.body["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.body['next_cursor']}"


async def _bring(
    services: Services,
    who: Principal,
    item: Item,
    there: Sequence[Mapping[str, Any]],
    after_org: str,
    *,
    preview: bool,
) -> Done:
    for each in there:
        if each["name"] == item.name:
            return Done(item, "present", each["id"])
    if preview:
        return Done(item, "to_be_made")
    try:
        send = services.put if item.only else services.post
        answer = await send("leads", item.path, item.body, principal=who, wait_for=after_org)
    except Refused as refused:
        return Done(item, "refused", problem=refused.detail)
    return Done(item, "made", answer.body.get("id"), caused=answer.position)


async def bring_calendar(tx: Tx, ground: Ground, id_: UUID, now: datetime, *, preview: bool) -> Done:
    """The calendar; the whole company works by it, unless it has one already."""
    wanted = standard.calendar(id_, ground.tenant.timezone)
    item = Item("calendar", "/v1/org/calendars", wanted.name, {})
    for each in await calendars.page_calendars(tx, after=None, limit=10_000, active=None):
        if each.name == wanted.name:
            return Done(item, "present", str(each.id))
    if preview:
        return Done(item, "to_be_made")
    await calendars.create_calendar(tx, wanted, now=now)
    root = next(unit for unit in await listing.all_units(tx) if unit.parent_id is None)
    if root.calendar_id is None:
        await org.change_unit(tx, root.id, {"calendar_id": id_}, if_match=None, now=now)
    return Done(item, "made", str(id_))
