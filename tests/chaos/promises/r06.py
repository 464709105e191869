"""Hot leads, changed by many clients at the same moment: every consumer applies their events in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp

from shared.contracts.leads import LeadAssigned, LeadCreated, LeadUpdated, StageChanged
from tests.chaos.company import User, user_of
from tests.chaos.order import applied_once, published
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.chaos.thelog import read_all
from tests.chaos.witness import Witness, witnessing
from tests.support.speaking import Tenant

NAME = "R6"
CLAIM = "events of one aggregate are applied in their order, however many change it at once"

STREAM = "cox.leads"
_PARKED = "select count(*) from parked where aggregate_id = any($1::uuid[])"
_DEAD = "select count(*) from dead_letters where aggregate_id = any($1::uuid[])"
_CHANNELS = {
    "leads": "select id, channel from leads where id = any($1::uuid[])",
    "activities": "select lead_id, channel from known_leads where lead_id = any($1::uuid[])",
}


@dataclass(frozen=True, slots=True)
class Form:
    """So many leads, each changed so often, by so many clients."""

    leads: int
    updates: int
    clients: int


SHORT = Form(leads=5, updates=20, clients=4)
FULL = Form(leads=100, updates=1000, clients=20)


@dataclass
class Ledger:
    """Of each lead, how many changes were answered with success; and what was answered otherwise."""

    changed: dict[UUID, int]
    refused: dict[int | None, int] = field(default_factory=dict)


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full, requests=form.leads * form.updates)
    async with (
        run.stack() as stack,
        witnessing(stack.settings, LeadCreated, LeadAssigned, LeadUpdated, StageChanged) as witness,
    ):
        tenant = await stack.new_tenant()
        leads = [UUID((await tenant.admin.create_lead(f"Hot {n}"))["id"]) for n in range(form.leads)]
        clients = [await _admin(tenant, number) for number in range(form.clients)]
        # A request waits for what made its client no longer than two seconds.
        await stack.quiet()
        ledger = await _updated(stack, clients, leads, form, run)
        run.say("all answered; waiting until all is applied")
        await stack.quiet()
        await witness.caught_up()
        await _check(stack, witness, ledger, outcome)
    outcome.figures |= {"aggregates": form.leads, "clients": form.clients}
    return outcome


@dataclass(frozen=True, slots=True)
class _Client:
    """`position` is where its user was made."""

    user: User
    position: str


async def _admin(tenant: Tenant, number: int) -> _Client:
    """A client of its own, since limits are per principal."""
    person = await tenant.hire(f"client{number}", role="admin")
    return _Client(user_of(tenant, f"client{number}", person), person.position or "")


async def _updated(
    stack: Stack, clients: Sequence[_Client], leads: Sequence[UUID], form: Form, run: Run
) -> Ledger:
    """Each client changes leads in an order of its own; together every lead equally often."""
    work = [lead for lead in leads for _ in range(form.updates)]
    run.rng().shuffle(work)
    ledger = Ledger(dict.fromkeys(leads, 0))
    shares = [work[number :: len(clients)] for number in range(len(clients))]
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=60)) as session:
        await asyncio.gather(
            *(
                _change(session, client, share, random.Random(number), ledger)
                for number, (client, share) in enumerate(zip(clients, shares, strict=True))
            )
        )
    return ledger


async def _change(
    session: aiohttp.ClientSession,
    client: _Client,
    leads: Sequence[UUID],
    chance: random.Random,
    ledger: Ledger,
) -> None:
    for lead in leads:
        # Another value each time, so that each change is one and the last one can be told.
        body = {"channel": f"c{chance.randrange(10**9)}"}
        answer = await client.user.ask(
            session, "PATCH", f"/v1/leads/{lead}", body, Cox_Wait_For=client.position
        )
        if answer.status == 200:
            ledger.changed[lead] += 1
        else:
            ledger.refused[answer.status] = ledger.refused.get(answer.status, 0) + 1


async def _check(stack: Stack, witness: Witness, ledger: Ledger, outcome: Outcome) -> None:
    last: dict[Hashable, int] = {lead: 1 + count for lead, count in ledger.changed.items()}
    applied = [(lead, seq) for lead, seq in await witness.applied() if lead in last]
    applied_once(applied, last).told_to(outcome, "a consumer")
    seen: list[tuple[Hashable, int]] = []
    async for records in read_all(stack.settings, [STREAM]):
        seen += [(each.aggregate_id, each.seq) for each in records if each.aggregate_id in last]
    tally = published(seen, last)
    tally.told_to(outcome, STREAM)
    outcome.figures |= {"applied": len(applied), "overtaken_in_the_log": tally.overtaken}
    if ledger.refused:
        outcome.failures.append(f"changes were not accepted: {ledger.refused}")
    await _check_products(stack, list(ledger.changed), outcome)


async def _check_products(stack: Stack, leads: list[UUID], outcome: Outcome) -> None:
    """The product's own consumers: the last value, nothing parked, nothing set aside."""
    found = {}
    for service, query in _CHANNELS.items():
        async with stack.database(service) as connection:
            found[service] = {row[0]: row[1] for row in await connection.fetch(query, leads)}
    wrong = [lead for lead in leads if found["leads"].get(lead) != found["activities"].get(lead)]
    if wrong:
        outcome.mismatches += len(wrong)
        outcome.failures.append(f"{len(wrong)} leads are not known by their last value, such as {wrong[0]}")
    for service in ("leads", "activities", "scoring"):
        async with stack.database(service) as connection:
            parked, dead = [await connection.fetchval(query, leads) for query in (_PARKED, _DEAD)]
        if parked or dead:
            outcome.failures.append(f"{service} has {parked} events parked and {dead} set aside")
