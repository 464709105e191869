"""What stands in the databases of the companies, as things of the world: ids, owners, marks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.chaos.hostile.world import MARK, Credit, Thing, World
from tests.chaos.stack import Stack

_LEADS = """
select id, tenant_id, owner_id, team_id, created_by, name from leads where tenant_id = any($1)
"""
_ACTIVITIES = """
select id, tenant_id, rep_id, team_id, recorded_by, lead_id, note from activities where tenant_id = any($1)
"""
_OWNED = {
    "key": "select id, tenant_id, user_id, name as said from api_keys where tenant_id = any($1)",
    "session": "select id, tenant_id, user_id, null as said from sessions where tenant_id = any($1)",
    "import": "select id, tenant_id, user_id, file_name as said from imports where tenant_id = any($1)",
}
_EXPORTS = "select id, tenant_id, user_id, reason from exports where tenant_id = any($1)"
_REASSIGNMENTS = "select id, tenant_id, user_id, reason from reassignments where tenant_id = any($1)"
_WIDE = {
    "gateway": {
        "user": "select id, tenant_id, unit_id from users where tenant_id = any($1)",
        "unit": "select id, tenant_id, id as unit_id from units where tenant_id = any($1)",
        "calendar": "select id, tenant_id, null as unit_id from calendars where tenant_id = any($1)",
        "import mapping": (
            "select id, tenant_id, null as unit_id from import_mappings where tenant_id = any($1)"
        ),
        "form": "select id, tenant_id, null as unit_id from forms where tenant_id = any($1)",
        "code": "select id, tenant_id, null as unit_id from codes where tenant_id = any($1)",
    },
    "leads": {
        "pipeline": "select id, tenant_id, null as unit_id from pipelines where tenant_id = any($1)",
        "rule": "select id, tenant_id, null as unit_id from assignment_rules where tenant_id = any($1)",
        "response rule": (
            "select id, tenant_id, null as unit_id from response_rules where tenant_id = any($1)"
        ),
        "custom field": "select id, tenant_id, null as unit_id from custom_fields where tenant_id = any($1)",
        "automation rule": (
            "select id, tenant_id, null as unit_id from automation_rules where tenant_id = any($1)"
        ),
        "classification rule": (
            "select id, tenant_id, null as unit_id from classification_rules where tenant_id = any($1)"
        ),
        "notice": "select id, tenant_id, null as unit_id from notices where tenant_id = any($1)",
        "campaign": "select id, tenant_id, null as unit_id from campaigns where tenant_id = any($1)",
        "campaign cost": (
            "select id, tenant_id, null as unit_id from campaign_costs where tenant_id = any($1)"
        ),
        "listed person": (
            "select id, tenant_id, null as unit_id from do_not_contact_list where tenant_id = any($1)"
        ),
    },
}
_POOLS = """
select id, tenant_id, admin_ids[1] as admin, unit_ids[1] as members from pools where tenant_id = any($1)
"""
_ABSENCES = """
select a.id, a.tenant_id, a.user_id, u.unit_id from absences a
join users u on u.tenant_id = a.tenant_id and u.id = a.user_id where a.tenant_id = any($1)
"""
_STANDING = {
    "gateway": (
        "select id, revoked_at from api_keys where tenant_id = any($1) order by id",
        "select id, revoked_at from sessions where tenant_id = any($1) order by id",
        "select id, version, unit_id, active from users where tenant_id = any($1) order by id",
        "select id, version, active from units where tenant_id = any($1) order by id",
        "select id, version, active from calendars where tenant_id = any($1) order by id",
        "select id, version from import_mappings where tenant_id = any($1) order by id",
        "select id, seq, key, enabled from forms where tenant_id = any($1) order by id",
        "select id, seq, form_id, enabled from codes where tenant_id = any($1) order by id",
        "select user_id, version from profiles where tenant_id = any($1) order by user_id",
        "select id, user_id, from_at from absences where tenant_id = any($1) order by id",
        "select id, state, returned_at from departures where tenant_id = any($1) order by id",
        "select id, seq, closed_through from tenants where id = any($1) order by id",
    ),
    "leads": (
        "select id, seq, owner_id, stage from leads where tenant_id = any($1) order by id",
        "select id, seq from assignment_rules where tenant_id = any($1) order by id",
        "select id, seq from response_rules where tenant_id = any($1) order by id",
        "select id, seq from automation_rules where tenant_id = any($1) order by id",
        "select id, seq from pipelines where tenant_id = any($1) order by id",
        "select id, seq from pools where tenant_id = any($1) order by id",
        "select id, seq from notices where tenant_id = any($1) order by id",
        "select id, seq from campaigns where tenant_id = any($1) order by id",
        "select id, day from campaign_costs where tenant_id = any($1) order by id",
        "select id, kind from do_not_contact_list where tenant_id = any($1) order by id",
        "select id, state from exports where tenant_id = any($1) order by id",
    ),
    "activities": ("select id, seq from activities where tenant_id = any($1) order by id",),
}


async def take(stack: Stack, world: World, tenants: list[UUID]) -> None:
    """Everything that has an id, into the world."""
    async with stack.database("leads") as leads:
        for row in await leads.fetch(_LEADS, tenants):
            world.add(_lead(world, row))
        for row in await leads.fetch(_POOLS, tenants):
            owner = Credit(_text(row["admin"]), _text(row["members"]))
            world.add(Thing("pool", str(row["id"]), str(row["tenant_id"]), owner))
        for kind, query in (("export", _EXPORTS), ("reassignment", _REASSIGNMENTS)):
            for row in await leads.fetch(query, tenants):
                owner = Credit(_text(row["user_id"]), None)
                mark = _mark(row["reason"])
                world.add(Thing(kind, str(row["id"]), str(row["tenant_id"]), owner, mark=mark))
        await _take_wide(leads, world, "leads", tenants)
    async with stack.database("activities") as activities:
        for row in await activities.fetch(_ACTIVITIES, tenants):
            world.add(_activity(row))
    async with stack.database("gateway") as gateway:
        for kind, query in _OWNED.items():
            for row in await gateway.fetch(query, tenants):
                owner = Credit(_text(row["user_id"]), None)
                world.add(Thing(kind, str(row["id"]), str(row["tenant_id"]), owner, mark=_mark(row["said"])))
        for row in await gateway.fetch(_ABSENCES, tenants):
            owner = Credit(_text(row["user_id"]), _text(row["unit_id"]))
            world.add(Thing("absence", str(row["id"]), str(row["tenant_id"]), owner))
        await _take_wide(gateway, world, "gateway", tenants)


async def standing(stack: Stack, tenants: list[UUID]) -> list[tuple[Any, ...]]:
    """What nobody may have changed: versions, owners, ends."""
    found: list[tuple[Any, ...]] = []
    for service, queries in _STANDING.items():
        async with stack.database(service) as database:
            for query in queries:
                found += [tuple(row) for row in await database.fetch(query, tenants)]
    return found


async def _take_wide(database: Any, world: World, service: str, tenants: list[UUID]) -> None:
    for kind, query in _WIDE[service].items():
        for row in await database.fetch(query, tenants):
            credit = Credit(str(row["id"]) if kind == "user" else None, _text(row["unit_id"]))
            world.add(Thing(kind, str(row["id"]), str(row["tenant_id"]), credit))


def _lead(world: World, row: Any) -> Thing:
    owner, creator = Credit(_text(row["owner_id"]), _text(row["team_id"])), _text(row["created_by"])
    made_by = world.people.get(creator or "")
    began = Credit(creator, None if made_by is None else made_by.unit)
    return Thing(
        "lead", str(row["id"]), str(row["tenant_id"]), owner, creator, _mark(row["name"]), (owner, began)
    )


def _activity(row: Any) -> Thing:
    owner = Credit(_text(row["rep_id"]), _text(row["team_id"]))
    return Thing(
        "activity", str(row["id"]), str(row["tenant_id"]), owner, _text(row["recorded_by"]),
        _mark(row["note"]), (owner,), _text(row["lead_id"]),
    )  # fmt: skip


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _mark(said: str | None) -> str:
    found = MARK.search((said or "").encode())
    return found.group().decode() if found else ""
