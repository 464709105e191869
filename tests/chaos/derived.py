"""What follows from the journals: rows, counters, projections and positions, each against what is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from deploy.local.topology import SERVICES
from shared.contracts.scoring import KpiRecalculated
from shared.events.streams import PUBLISHED, stream_of_type
from tests.chaos.checks import check_equal
from tests.chaos.company import BY_RULE
from tests.chaos.findings import Finding, doubled, lost, mismatch
from tests.chaos.stack import Connection, Stack
from tests.chaos.stored import Row, pairs

Journals = Mapping[str, Sequence[Row]]

_POSITIONS = """
select p.consumer, p.stream, p.aggregate_id, p.epoch, p.seq, p.dead_seq, p.parked from positions p
join consumers c
    on p.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
where p.tenant_id = $1
"""
_EPOCH = "select epoch from relay_state"
_DEAD = """
select consumer || ': ' || coalesce(type, '?') || ' ' || reason from dead_letters
where resolved_at is null and (tenant_id = $1 or tenant_id is null)
"""


async def check_derived(
    stack: Stack, tenant_id: UUID, journals: Journals, parted: Mapping[UUID, int]
) -> list[Finding]:
    """Everything that the tenant's journals imply, in every service's database. `parted`: how often anybody
    was told of a lead that it is one of its own again, by journals that were lost too.
    """
    found = []
    async with stack.database("leads") as leads, stack.database("activities") as activities:
        found += await _check_leads(leads, tenant_id, journals["leads"])
        found += await _check_work(leads, tenant_id, parted)
        found += await _check_activities(leads, activities, tenant_id, journals["activities"])
        found += await _check_known(leads, activities, tenant_id)
    epochs: dict[str, int] = {}
    for service in SERVICES:
        async with stack.database(service) as connection:
            epochs |= dict.fromkeys(PUBLISHED[service], await connection.fetchval(_EPOCH))
    for service in SERVICES:
        async with stack.database(service) as connection:
            found += await check_consumers(connection, service, tenant_id, journals, epochs)
    return found


async def _check_leads(connection: Connection, tenant_id: UUID, journal: Sequence[Row]) -> list[Finding]:
    standings, moves, given = _leads_of(journal)
    rows = await connection.fetch(
        "select id, seq, stage, status, owner_id from leads where tenant_id = $1", tenant_id
    )
    stored = {row["id"]: (row["seq"], row["stage"], row["status"], _text(row["owner_id"])) for row in rows}
    history = await connection.fetch(
        "select lead_id, seq, to_stage from stage_history where tenant_id = $1", tenant_id
    )
    passed = {(row["lead_id"], row["seq"]): row["to_stage"] for row in history}
    owners = await pairs(
        connection,
        "select lead_id, count(*) from assignments where tenant_id = $1 and owner_id is not null group by 1",
        tenant_id,
    )
    return [
        *check_equal("lead", standings, stored),
        *check_equal("move", moves, passed),
        *check_equal("assignments of", given, owners),
    ]


def _leads_of(journal: Sequence[Row]) -> tuple[Any, Any, Any]:
    """(seq, stage, status, owner) by lead; stage by (lead, seq) of a move; number of owners by lead."""
    standings: dict[UUID, tuple[int, str, str, str | None]] = {}
    moves: dict[tuple[UUID, int], str] = {}
    given: Counter[UUID] = Counter()
    for event in journal:
        lead, name, data = event.aggregate_id, event.type.split(".")[2], orjson.loads(event.value)
        _, stage, status, owner = standings.get(lead, (0, "", "", None))
        match name:
            case "lead_created":
                stage, status = data["stage"], "open"
            case "lead_assigned":
                owner = data["credit"]["rep_id"]
                given[lead] += 1
            case "lead_pooled" | "lead_merged":
                owner = None
            case "lead_unmerged":
                owner = data["credit"]["rep_id"]
                if owner is not None:
                    given[lead] += 1
            case "lead_absorbed" | "lead_separated":
                pass
            case "stage_changed":
                stage, status = data["to_stage"], data["to_status"]
                moves[lead, event.seq] = stage
            case "lead_updated":
                pass
            case _:
                continue
        standings[lead] = (event.seq, stage, status, owner)
    return standings, moves, given


async def _check_work(connection: Connection, tenant_id: UUID, parted: Mapping[UUID, int]) -> list[Finding]:
    """Counters of open leads, and the reaction that assigns: once for each lead that it had to, and once more
    for each time that it became a lead of its own again. Where nobody was found, the lead may be decided
    about again for what a lost journal told.
    """
    counted = await pairs(
        connection,
        "select owner_id, count(*) from leads"
        " where tenant_id = $1 and status = 'open' and owner_id is not null group by 1",
        tenant_id,
    )
    loads = await pairs(
        connection,
        "select user_id, open_leads from rep_loads where tenant_id = $1 and open_leads <> 0",
        tenant_id,
    )
    twice = await pairs(
        connection,
        "select lead_id, count(*) from assignments a where tenant_id = $1 and how = 'rule'"
        " and owner_id is not null group by 1"
        " having count(*) > 1 + (select count(undone_at) from merges m"
        " where m.tenant_id = $1 and m.lead_id = a.lead_id)",
        tenant_id,
    )
    decided = await connection.fetch(
        "select lead_id, count(*) from assignments where tenant_id = $1 and how = 'rule' group by 1",
        tenant_id,
    )
    too_often = {lead: count for lead, count in decided if count > 1 + parted.get(lead, 0)}
    # One that was closed before its turn came is nobody's to give, nor is it when it is reopened.
    waiting = await connection.fetch(
        "select id from leads where tenant_id = $1 and owner_id is null and status = 'open'"
        " and merged_into is null"
        " and channel = any($2::text[]) and not exists (select from stage_history h"
        " where h.tenant_id = $1 and h.lead_id = leads.id and h.to_status <> 'open')",
        tenant_id,
        list(BY_RULE),
    )
    return [
        *check_equal("open leads of", counted, loads),
        *(doubled(f"lead {lead} was assigned by rule {count} times") for lead, count in twice.items()),
        *(doubled(f"lead {lead} was decided about {count} times") for lead, count in too_often.items()),
        *(lost(f"lead {row['id']} was never assigned by the rule") for row in waiting),
    ]


async def _check_activities(
    leads: Connection, activities: Connection, tenant_id: UUID, journal: Sequence[Row]
) -> list[Finding]:
    told: dict[UUID, str] = {}
    about: dict[UUID, str] = {}
    for event in journal:
        if event.type.split(".")[2] == "activity_recorded":
            data = orjson.loads(event.value)
            told[event.aggregate_id] = data["kind"]
            if data["lead_id"] is not None:
                about[event.aggregate_id] = data["lead_id"]
    stored = await pairs(activities, "select id, kind from activities where tenant_id = $1", tenant_id)
    touches = await pairs(
        leads, "select activity_id, lead_id::text from lead_activities where tenant_id = $1", tenant_id
    )
    return [*check_equal("activity", told, stored), *check_equal("timeline entry", about, touches)]


async def _check_known(leads: Connection, activities: Connection, tenant_id: UUID) -> list[Finding]:
    query = (
        "select {id}, (owner_id, team_id, region, product, channel)::text from {table} where tenant_id = $1"
    )
    owned = await pairs(leads, query.format(id="id", table="leads"), tenant_id)
    known = await pairs(activities, query.format(id="lead_id", table="known_leads"), tenant_id)
    return check_equal("lead as activities know it", owned, known)


async def check_consumers(
    connection: Connection, service: str, tenant_id: UUID, journals: Journals, epochs: Mapping[str, int]
) -> list[Finding]:
    """Each consumer stands at every aggregate's newest event, with nothing parked or set aside. `epochs`: of
    each stream, as its publisher has it.
    """
    newest: dict[str, dict[UUID, int]] = defaultdict(dict)
    for rows in journals.values():
        for event in rows:
            newest[stream_of_type(event.type)][event.aggregate_id] = event.seq
    positions = await connection.fetch(_POSITIONS, tenant_id)
    found = [
        mismatch(f"{row['consumer']}: {row['aggregate_id']} waits behind seq {row['seq']}")
        for row in positions
        if row["parked"] or row["dead_seq"] is not None
    ]
    for (consumer, stream), reached in places_of(positions, epochs).items():
        told = _as_of(newest[stream], stream, reached)
        found += check_equal(f"{consumer} at {stream}", newest[stream], told)
    for row in await connection.fetch(_DEAD, tenant_id):
        found.append(lost(f"dead letter in {service}: {row[0]}"))
    return found


def _as_of(newest: Mapping[UUID, int], stream: str, reached: Mapping[UUID, int]) -> Mapping[UUID, int]:
    """Notices come when they come: consumers of scoring's may stand beyond what its journal held then."""
    if stream != KpiRecalculated.topic:
        return reached
    return {each: min(seq, newest[each]) for each, seq in reached.items() if each in newest}


def places_of(positions: Iterable[Any], epochs: Mapping[str, int]) -> dict[tuple[str, str], dict[UUID, int]]:
    """The seq by aggregate, of each (consumer, stream), in the epoch that the stream has now.

    What is of an older epoch counts for nothing: a reaction met, before its publisher was restored, events
    that no journal has any more, and remembers them. One that stayed there lacks the place it should have.
    """
    places: dict[tuple[str, str], dict[UUID, int]] = defaultdict(dict)
    for row in positions:
        place = places[row["consumer"], row["stream"]]
        if row["epoch"] == epochs[row["stream"]]:
            place[row["aggregate_id"]] = row["seq"]
    return places


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
