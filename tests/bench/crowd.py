"""Leads by the million, put into the leads service's tables as the service itself would have stored them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.capture.custom_fields.finding import found_by as found_by_custom
from services.leads.capture.custom_fields.models import CustomFieldIn
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.preparing import created_event
from services.leads.capture.intake.rules import Contact, found_by
from services.leads.capture.normalising.phones import Phone
from shared.contracts.base import Credit
from shared.ids import new_id
from tests.bench.history import JOURNAL

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PORTION = 10_000
STAGES = ("prospecting", "first_contact", "needs_analysis", "product_demo", "negotiation", "contract")
SOURCES = tuple(f"source-{number}" for number in range(20))
REGIONS = ("north", "south", "east", "west", "centre")
PRODUCTS = tuple(f"product-{number}" for number in range(8))
CHANNELS = ("web", "phone", "exhibition", "referral", "partner")
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
TRADES = ("科技", "贸易", "食品", "建材", "软件", "物流", "电器", "服装")
FIRST = ("Olivia", "Noah", "Emma", "Liam", "Ava", "Ethan", "Mia", "Jack", "Zoe", "Leo", "Anna", "Tom")
LAST = ("Smith", "Garcia", "Rossi", "Novak", "Dubois", "Jensen", "Brown", "Silva", "Kim", "Weber")
SITES = ("steelworks", "glassworks", "华东工厂", "office")
FIELDS = (
    {"key": "industry", "labels": {"en": "Industry"}, "type": "choice",
     "options": [{"key": key, "labels": {"en": key.title()}} for key in ("steel", "glass", "food")]},
    {"key": "employees", "labels": {"en": "Employees"}, "type": "integer"},
    {"key": "founded", "labels": {"en": "Founded"}, "type": "date"},
    {"key": "site", "labels": {"en": "Site"}, "type": "text", "searchable": True},
)  # fmt: skip
"""The custom fields of these leads, as they are defined at the door."""
_FIELDS = tuple(
    replace(defined, type=defined.wanted, wanted=None)
    for defined in (CustomFieldIn.model_validate(each).field(new_id()) for each in FIELDS)
)
_COLUMNS = (*Lead._fields, "search_text", "terms")
_GIN = "ix_leads_terms"


@dataclass(frozen=True, slots=True)
class People:
    """Whose leads they are: the tenant, its pipeline, and (rep, team) pairs."""

    tenant: UUID
    pipeline: UUID
    owners: Sequence[tuple[UUID, UUID]]


async def load(connection: Connection, people: People, count: int) -> None:
    """So many leads with their keys and their journal, older than anything that is there. Not pending: what
    was published long ago is no longer.
    """
    definition = await connection.fetchval("select pg_get_indexdef($1::regclass)", _GIN)
    await connection.execute(f"drop index {_GIN}")
    portions = [(people, at, min(PORTION, count - at)) for at in range(0, count, PORTION)]
    loop = asyncio.get_running_loop()
    # Spawned: this process has a loop and connections that must not be forked.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = [loop.run_in_executor(pool, _portion, *portion) for portion in portions[:3]]
        for number in range(len(portions)):
            made = await waiting.pop(0)
            if number + 3 < len(portions):
                waiting.append(loop.run_in_executor(pool, _portion, *portions[number + 3]))
            await _store(connection, made)
    await connection.execute("set maintenance_work_mem = '512MB'")
    await connection.execute(definition)
    for table in ("leads", "events", "duplicate_keys"):
        await connection.execute(f"vacuum analyze {table}")


@dataclass(frozen=True, slots=True)
class _Made:
    leads: list[tuple[Any, ...]]
    keys: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]


async def _store(connection: Connection, made: _Made) -> None:
    copy = connection.copy_records_to_table
    await copy("leads", records=made.leads, columns=_COLUMNS)
    await copy("duplicate_keys", records=made.keys, columns=("tenant_id", "kind", "value", "lead_id"))
    await copy("events", records=made.events, columns=JOURNAL)


def _portion(people: People, first: int, count: int) -> _Made:
    """Leads number `first` and on, with all that follows from each."""
    made = _Made([], [], [])
    for number in range(first, first + count):
        lead, contact = _lead(people, number)
        custom = found_by_custom(people.tenant, _FIELDS, lead.custom)
        text, terms = found_by(people.tenant, lead.name, lead.company, contact, lead.tags, custom)
        values = lead._asdict() | {"custom": json_text(lead.custom)}
        made.leads.append((*values.values(), text, [int(term) for term in terms[1:-1].split(",")]))
        made.keys.extend((people.tenant, key.kind, key.value, lead.id) for key in contact.keys)
        made.events.append(_event(lead))
    return made


def _lead(people: People, number: int) -> tuple[Lead, Contact]:
    chance = random.Random(number)
    at = datetime.now(UTC) - timedelta(days=400) + timedelta(seconds=number * 30)
    owner, team = people.owners[number % len(people.owners)]
    contact = Contact(Phone(f"+86159{number:08d}", None), f"crowd.{number}@example.com")
    name, company = _names(chance, number)
    minor = chance.randrange(10_000, 5_000_000)
    lead = Lead(
        tenant_id=people.tenant, id=new_id(), seq=1, name=name, phone=f"+86159{number:08d}",
        phone_extension=None, phone_text=f"159 {number:08d}", email=contact.email, email_text=contact.email,
        company=company, source=chance.choice(SOURCES), channel=chance.choice(CHANNELS),
        region=chance.choice(REGIONS), product=chance.choice(PRODUCTS), value_minor=minor,
        value_currency="USD", value_tenant_minor=minor, tags=("a", "hot") if number % 10 == 0 else ("a",),
        custom=_custom(chance, number), label=chance.choice(("key", "potential", "general")),
        score=chance.randrange(1000) if number % 4 else None, pipeline_id=people.pipeline,
        stage=chance.choice(STAGES), status="open", stage_entered_at=at, owner_id=owner, team_id=team,
        created_by=owner, duplicate_of=None, started_at=at, start_known=True, created_at=at, updated_at=at,
        closed_at=None, lost_reason=None,
    )  # fmt: skip
    return lead, contact


def _custom(chance: random.Random, number: int) -> dict[str, Any]:
    """One in ten thousand is a company of more than a million, and lies somewhere of its own."""
    rare = number % 10_000 == 0
    return {
        "industry": chance.choice(("steel", "glass", "food")),
        "employees": 1_000_000 + number if rare else chance.randrange(1, 5000),
        "founded": (date(1980, 1, 1) + timedelta(days=chance.randrange(15_000))).isoformat(),
        "site": "lighthouse" if rare else chance.choice(SITES),
    }


def _names(chance: random.Random, number: int) -> tuple[str, str]:
    """Half of them Chinese, half not; common characters are common."""
    if number % 2:
        surname = chance.choice(SURNAMES)
        company = f"{chance.choice(SURNAMES)}{chance.choice(SURNAMES)}{chance.choice(TRADES)}{number}有限公司"
        return f"{surname}{chance.choice(SURNAMES)}", company
    return f"{chance.choice(FIRST)} {chance.choice(LAST)}", f"{chance.choice(LAST)} Trading {number} Ltd"


def _event(lead: Lead) -> tuple[Any, ...]:
    event = created_event(lead, Credit(rep_id=lead.owner_id, team_id=lead.team_id), "USD")
    row = {
        "tenant_id": lead.tenant_id, "event_id": new_id(), "type": event.type_name(),
        "aggregate_type": event.aggregate_type, "aggregate_id": lead.id, "seq": 1,
        "occurred_at": lead.created_at, "causation_id": None, "traceparent": None, "historic": False,
        "payload": event.model_dump_json(),
    }  # fmt: skip
    return tuple(row[name] for name in JOURNAL)
