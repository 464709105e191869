"""Many transactions at once, some of which commit seconds after they drew their events' ids, some never."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.gateway import ImportStarted
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.journal import NewEvent, Stream, record_events
from shared.ids import new_id
from shared.settings import Settings
from tests.chaos.order import published
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack, until
from tests.chaos.thelog import read_all

NAME = "R5"
CLAIM = "an event whose transaction commits late is never skipped"

SERVICE, STREAM = "gateway", "cox.gateway"
PUBLISH_LIMIT_S = 300.0
_IMPORTS = Stream("import")


@dataclass(frozen=True, slots=True)
class Form:
    """So many writers, each with so many transactions; the shares that commit late and that never do."""

    writers: int
    transactions: int
    late: float
    latest_s: float
    rolled_back: float = 0.05
    aggregates: int = 5
    """Of each writer's own, over which its events are spread."""


SHORT = Form(writers=10, transactions=40, late=0.05, latest_s=0.3)
FULL = Form(writers=50, transactions=10_000, late=0.01, latest_s=5.0)


@dataclass
class Ledger:
    """What the writers were told. Every transaction's events carry its number."""

    last: dict[Hashable, int] = field(default_factory=dict)
    committed: int = 0
    late: int = 0
    rolled_back: set[int] = field(default_factory=set)


class _RolledBack(Exception):
    """This transaction is not to be committed."""


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full, requests=form.writers * form.transactions)
    async with run.stack() as stack:
        ledger = await _written(stack.settings, form, run)
        run.say(f"{ledger.committed} committed, {len(ledger.rolled_back)} rolled back; reading the topic")
        await until(lambda: _nothing_pending(stack), "everything is published", PUBLISH_LIMIT_S)
        await _check(stack.settings, ledger, outcome)
    outcome.faults = ledger.late + len(ledger.rolled_back)
    outcome.figures |= {
        "writers": form.writers,
        "events": sum(ledger.last.values()),
        "late_commits": ledger.late,
        "rolled_back": len(ledger.rolled_back),
    }
    return outcome


async def _written(settings: Settings, form: Form, run: Run) -> Ledger:
    """All writers at once; what came of it."""
    database = Database(make_engine(settings, SERVICE, "app", pool_size=form.writers))
    ledger, tenant = Ledger(), new_id()
    seeds = run.rng()
    try:
        await asyncio.gather(
            *(
                _write(database, tenant, number, form, random.Random(seeds.random()), ledger)
                for number in range(form.writers)
            )
        )
    finally:
        await database.dispose()
    return ledger


async def _write(
    database: Database, tenant: UUID, writer: int, form: Form, chance: random.Random, ledger: Ledger
) -> None:
    """One writer's transactions, one after the other."""
    mine = [new_id() for _ in range(form.aggregates)]
    for turn in range(form.transactions):
        number, aggregate, count = (
            writer * form.transactions + turn,
            chance.choice(mine),
            chance.choice((1, 1, 2)),
        )
        event = NewEvent(aggregate, ImportStarted(kind="leads", rows_total=number), datetime.now(UTC))
        late, undone = chance.random() < form.late, chance.random() < form.rolled_back
        try:
            async with database.transaction(Access(tenant)) as tx:
                await record_events(tx, _IMPORTS, [event] * count)
                if late:
                    await asyncio.sleep(chance.uniform(0, form.latest_s))
                if undone:
                    raise _RolledBack
        except _RolledBack:
            ledger.rolled_back.add(number)
        else:
            ledger.committed += 1
            ledger.last[aggregate] = ledger.last.get(aggregate, 0) + count
        ledger.late += late


async def _nothing_pending(stack: Stack) -> bool:
    async with stack.database(SERVICE) as connection:
        return not await connection.fetchval("select exists (select from outbox_pending)")


async def _check(settings: Settings, ledger: Ledger, outcome: Outcome) -> None:
    """The topic against what the writers were told."""
    seen: list[tuple[Hashable, int]] = []
    undone = 0
    async for records in read_all(settings, [STREAM]):
        mine = [record for record in records if record.aggregate_id in ledger.last]
        seen += [(record.aggregate_id, record.seq) for record in mine]
        undone += sum(1 for record in mine if record.data["rows_total"] in ledger.rolled_back)
    tally = published(seen, ledger.last)
    tally.told_to(outcome, STREAM)
    outcome.figures |= {"sent_again": tally.again, "overtaken_in_the_log": tally.overtaken}
    if undone:
        outcome.mismatches += undone
        outcome.failures.append(f"{undone} events of transactions that were rolled back are in {STREAM}")
