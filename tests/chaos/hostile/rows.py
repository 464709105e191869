"""What writes left in the databases: a tenant's rows by the path that makes them, rows without an event."""

from __future__ import annotations

from uuid import UUID

from tests.chaos.stack import Stack

TABLES = {
    "/v1/leads": ("leads", "leads"),
    "/v1/activities": ("activities", "activities"),
    "/v1/org/units": ("gateway", "units"),
    "/v1/org/users": ("gateway", "users"),
    "/v1/org/calendars": ("gateway", "calendars"),
    "/v1/import-mappings": ("gateway", "import_mappings"),
    "/v1/forms": ("gateway", "forms"),
    "/v1/codes": ("gateway", "codes"),
    "/v1/org/users/{user_id}/absences": ("gateway", "absences"),
    "/v1/api-keys": ("gateway", "api_keys"),
    "/v1/assignment-rules": ("leads", "assignment_rules"),
    "/v1/response-rules": ("leads", "response_rules"),
    "/v1/automation-rules": ("leads", "automation_rules"),
    "/v1/classification-rules": ("leads", "classification_rules"),
    "/v1/pipelines": ("leads", "pipelines"),
}
_HALF = """
select count(*) from {table} t where t.tenant_id = $1 and not exists (
  select from events e where e.tenant_id = t.tenant_id and e.aggregate_id = t.id and e.seq = 1)
"""
_JOURNALLED = (("leads", "leads"), ("activities", "activities"))


async def counted(stack: Stack, tenant_id: UUID) -> dict[str, int]:
    """How many rows there are of what each path makes."""
    found: dict[str, int] = {}
    for path, (service, table) in TABLES.items():
        async with stack.database(service) as database:
            query = f"select count(*) from {table} where tenant_id = $1"  # noqa: S608 - names of ours
            found[path] = await database.fetchval(query, tenant_id)
    return found


async def half_stored(stack: Stack, tenant_id: UUID) -> dict[str, int]:
    """How many rows have no event, by table; tables where all have one are left out."""
    found: dict[str, int] = {}
    for service, table in _JOURNALLED:
        async with stack.database(service) as database:
            half = await database.fetchval(_HALF.format(table=table), tenant_id)
        if half:
            found[table] = half
    return found
