"""R13: everybody claims the same lead at once, again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp

from deploy.local.topology import SERVICES
from tests.chaos import stored
from tests.chaos.company import Company, User, found_company
from tests.chaos.derived import check_derived
from tests.chaos.findings import Finding, doubled, lost, mismatch, note
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack

NAME = "R13"
CLAIM = "of all reps who claim a lead at once one gets it, and nobody gets more than their quota and cap"

REFUSALS = frozenset({"lead_already_claimed", "daily_quota", "cap_in_hand"})
_CLAIMED = "select user_id, claims from pool_claims where tenant_id = $1 and pool_id = $2"
_OWNED = """select owner_id, count(*) from leads
where tenant_id = $1 and pool_id = $2 and owner_id is not null group by 1"""
_GIVEN = """select aggregate_id, count(*) from events
where tenant_id = $1 and type = 'cox.leads.lead_assigned.v1' group by 1"""


@dataclass(frozen=True, slots=True)
class Form:
    """So many reps claim each of so many leads; nobody may get more than `quota` a day, nor hold more than
    `cap`. There is room for all leads: what the ones may not have, the others take.
    """

    reps: int
    leads: int
    quota: int
    cap: int


SHORT = Form(reps=8, leads=10, quota=3, cap=2)
FULL = Form(reps=200, leads=1000, quota=8, cap=7)


@dataclass
class Told:
    """What was answered: the winners of each lead, and how often what."""

    winners: dict[str, list[str]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack:
        company = await found_company(stack, teams=4, reps=form.reps)
        timeout, connector = aiohttp.ClientTimeout(total=90), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            pool, leads = await _fill(stack, company, session, form)
            run.say(f"{len(leads)} leads lie in the pool; {form.reps} reps claim each of them at once")
            told = await _claim_all(run, session, company.reps, leads)
        await stack.quiet()
        note(outcome, [*_check_answers(told), *await _check_stored(stack, company, pool, form, told)])
    outcome.requests = told.answers.total()
    outcome.figures |= {
        "leads": len(leads),
        "reps": form.reps,
        "answers": " ".join(f"{code}:{count}" for code, count in sorted(told.answers.items())),
    }
    return outcome


async def _fill(
    stack: Stack, company: Company, session: aiohttp.ClientSession, form: Form
) -> tuple[str, list[str]]:
    """A pool that is everybody's, and the leads that lie in it because no rule wants them."""
    admin = company.admin
    body = {
        "name": "everybody's",
        "is_default": True,
        "members": {"user_ids": [rep.id for rep in company.reps]},
        "daily_claims": form.quota,
        "max_in_hand": {"default": form.cap},
    }
    pool = await admin.ask(session, "POST", "/v1/pools", body)
    items = [{"name": f"Lead {number}", "channel": "exhibition"} for number in range(form.leads)]
    made = await admin.ask(session, "POST", "/v1/leads/batch", {"items": items})
    await stack.quiet()
    if pool.status != 201 or made.status != 200:
        raise RuntimeError(f"the pool was not filled: {pool}, {made.status}")
    return pool.json["id"], [item["id"] for item in made.json["items"]]


async def _claim_all(
    run: Run, session: aiohttp.ClientSession, reps: Sequence[User], leads: Sequence[str]
) -> Told:
    told, chance = Told(), run.rng()
    for number, lead in enumerate(leads, 1):
        order = chance.sample(list(reps), len(reps))
        answers = await asyncio.gather(
            *(rep.ask(session, "POST", f"/v1/leads/{lead}/claim") for rep in order)
        )
        told.winners[lead] = []
        for rep, answer in zip(order, answers, strict=True):
            if answer.status == 200:
                told.winners[lead].append(rep.id)
            code = "claimed" if answer.status == 200 else str((answer.json or {}).get("code", answer.status))
            told.answers[code] += 1
        if number % 100 == 0:
            run.say(f"{number} leads claimed")
    return told


def _check_answers(told: Told) -> list[Finding]:
    found = [
        mismatch(f"{count} claims were answered with {code}")
        for code, count in told.answers.items()
        if code not in REFUSALS | {"claimed"}
    ]
    for lead, winners in told.winners.items():
        if len(winners) > 1:
            found.append(doubled(f"{len(winners)} reps were told that {lead} is theirs"))
        elif not winners:
            found.append(lost(f"nobody got {lead}"))
    return found


async def _check_stored(stack: Stack, company: Company, pool: str, form: Form, told: Told) -> list[Finding]:
    tenant = company.tenant.id
    async with stack.database("leads") as connection:
        owners = await stored.pairs(connection, "select id, owner_id from leads where tenant_id = $1", tenant)
        claims = await connection.fetch(_CLAIMED, tenant, UUID(pool))
        owned = {row[0]: row[1] for row in await connection.fetch(_OWNED, tenant, UUID(pool))}
        given = await stored.pairs(connection, _GIVEN, tenant)
    found = [
        mismatch(f"{lead} was given to {winners[0]} and is {owners[UUID(lead)]}'s")
        for lead, winners in told.winners.items()
        if len(winners) == 1 and str(owners[UUID(lead)]) != winners[0]
    ]
    found += [doubled(f"{lead} was assigned {count} times") for lead, count in given.items() if count != 1]
    found += _check_limits({row["user_id"]: row["claims"] for row in claims}, owned, form)
    journals = {name: await stored.journal(stack, name, tenant) for name in SERVICES}
    return [*found, *await check_derived(stack, tenant, journals, {})]


def _check_limits(claims: Mapping[Any, int], owned: Mapping[Any, int], form: Form) -> list[Finding]:
    """Nobody claims leads that they lose again here: what is counted is what they have."""
    found = [mismatch(f"{user} claimed {n} and owns {owned.get(user, 0)}")
             for user, n in claims.items() if owned.get(user, 0) != n]  # fmt: skip
    most = min(form.quota, form.cap)
    return found + [mismatch(f"{user} has {n}, {most} allowed") for user, n in owned.items() if n > most]
