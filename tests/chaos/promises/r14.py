"""R14: the same request is sent many times at once, with one Idempotency-Key."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import aiohttp
import orjson

from tests.chaos import stored
from tests.chaos.company import Answer, Company, User, found_company
from tests.chaos.findings import doubled, lost, mismatch, note
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack, until

NAME = "R14"
CLAIM = "the API is idempotent (100 keys, each sent 50 times at once: one effect, one answer)"

AT_ONCE = 4
_SHOWN = ("Cox-Position", "ETag", "Location")
_WAITING = """select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'"""
_USERS = "select code, count(*) from users where tenant_id = $1 group by code"
_LOCK_LEAD = "select from leads where tenant_id = $1 and id = $2 for update"
_LOCK_TENANT = "select from tenants where id = $1 for update"
_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Form:
    """So many keys of each kind of write, each sent `sends` times at once."""

    keys: int
    sends: int


SHORT = Form(keys=1, sends=8)
FULL = Form(keys=20, sends=50)
KINDS = ("create", "batch", "move", "activity", "user")


@dataclass
class Request:
    """What is sent; `marks` are stored once each with its effect. `other` is another body of that kind,
    `answers` every answer so far.
    """

    user: User
    path: str
    body: dict[str, Any]
    other: dict[str, Any]
    marks: list[str]
    answers: list[Answer] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.marks[0]

    @property
    def said(self) -> Counter[bytes]:
        """The distinct answers of 2xx: status, body and the headers that a client goes by."""
        return Counter(
            orjson.dumps([a.status, a.json, *(a.headers.get(name) for name in _SHOWN)])
            for a in self.answers
            if a.status is not None and a.status < 300
        )


class Sender:
    """Makes requests of each kind, and sends them many times at once."""

    def __init__(self, company: Company, session: aiohttp.ClientSession, chance: Random) -> None:
        self._company = company
        self._session = session
        self._name = f"{chance.getrandbits(40):010x}"
        self._made = 0
        self.sent: list[Request] = []

    async def request(self, kind: str) -> Request:
        """A new one, whose effect nobody has asked for yet."""
        made = await self._of_kind(kind, self._mark())
        self.sent.append(made)
        return made

    async def send(self, request: Request, times: int, *, body: dict[str, Any] | None = None) -> list[Answer]:
        """All at once, with the request's key; the answers of this time."""
        one = request.body if body is None else body
        answers = await asyncio.gather(
            *(
                request.user.ask(self._session, "POST", request.path, one, Idempotency_Key=request.key)
                for _ in range(times)
            )
        )
        if body is None:
            request.answers += answers
        return answers

    async def lead(self, known_at: str | None = None) -> str:
        """The id of a new one; `known_at`: what reads from a service that must have heard of it."""
        admin = self._company.admin
        answer = await admin.ask(self._session, "POST", "/v1/leads", {"name": "To be changed"})
        if answer.status != 201:
            raise RuntimeError(f"no lead could be made: {answer}")
        if known_at is not None:
            waits = {"Cox_Wait_For": answer.headers["Cox-Position"], "Cox_Wait_Ms": "30000"}

            async def known() -> bool:
                return (await admin.ask(self._session, "GET", known_at, **waits)).status == 200

            await until(known, "the lead is known", _LIMIT_S)
        lead_id: str = answer.json["id"]
        return lead_id

    def _mark(self) -> str:
        self._made += 1
        return f"{self._name}-{self._made}"

    async def _of_kind(self, kind: str, mark: str) -> Request:
        user, path, marks = self._company.admin, "/v1/leads", [mark]
        body: dict[str, Any]
        match kind:
            case "create":
                user = self._company.reps[0]
                body, other = {"name": "New", "custom": {"mark": mark}}, {"name": "Somebody else"}
            case "batch":
                path, marks = "/v1/leads/batch", [mark, *(self._mark() for _ in range(4))]
                body = {"items": [{"name": "One of many", "custom": {"mark": each}} for each in marks]}
                other = {"items": body["items"][:1]}
            case "move":
                path = f"/v1/leads/{await self.lead()}/move"
                body, other = {"to": "won", "reason": mark}, {"to": "lost"}
            case "activity":
                path = "/v1/activities"
                lead_id = await self.lead(known_at="/v1/activities?limit=1")
                body, other = {"kind": "call", "lead_id": lead_id, "note": mark}, {"kind": "visit"}
            case _:
                path, unit_id = "/v1/org/users", self._company.tenant.units["team0"]
                body = {"display_name": mark, "code": mark, "unit_id": unit_id, "roles": ["rep"]}
                other = {"display_name": "Somebody else"}
        return Request(user, path, body, {**body, **other}, marks)


async def run(run: Run) -> Outcome:
    form = FULL if run.full else SHORT
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack:
        company = await found_company(stack, teams=1, reps=1)
        timeout, connector = aiohttp.ClientTimeout(total=90), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            sender = Sender(company, session, run.rng())
            run.say(f"{form.keys * len(KINDS)} keys, each {form.sends} times at once")
            await _many(sender, form, outcome)
            run.say("rivals inside the first one's transaction, then the process killed in it")
            for killed in (False, True):
                await _rivals(stack, company, sender, form.sends, killed, outcome)
        await _check(stack, company, sender.sent, outcome)
    return outcome


async def _many(sender: Sender, form: Form, outcome: Outcome) -> None:
    """Every key many times at once; then with another body; then once more as it was."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(kind: str) -> None:
        async with turn:
            request = await sender.request(kind)
            answers = await sender.send(request, form.sends)
            outcome.failures += [
                f"{kind} {request.key} was answered {a.status}" for a in answers if not _is_ok(a)
            ]
            [other] = await sender.send(request, 1, body=request.other)
            if other.status != 422 or other.json["code"] != "idempotency_key_reused":
                outcome.failures.append(f"another body with the key of {kind} {request.key} got {other}")
            await sender.send(request, 1)

    await asyncio.gather(*(one(kind) for kind in KINDS * form.keys))
    await _two_bodies(sender, form.sends, outcome)


async def _two_bodies(sender: Sender, sends: int, outcome: Outcome) -> None:
    """Two bodies race for one key: one of them wins, and every send of the other is refused."""
    request = await sender.request("create")
    mine, theirs = await asyncio.gather(
        sender.send(request, sends // 2), sender.send(request, sends // 2, body=request.other)
    )
    winners, refused = (mine, theirs) if _is_ok(mine[0]) else (theirs, mine)
    request.answers = list(winners)
    if not all(map(_is_ok, winners)) or any(answer.status != 422 for answer in refused):
        outcome.failures.append(f"two bodies with one key: {[a.status for a in (*mine, *theirs)]}")


async def _rivals(
    stack: Stack, company: Company, sender: Sender, sends: int, killed: bool, outcome: Outcome
) -> None:
    """The first one waits inside its transaction while the others come; `killed`: its process dies there."""
    move, user = await sender.request("move"), await sender.request("user")
    tenant, lead_id = company.tenant.id, move.path.split("/")[3]
    for request, service, lock in (
        (move, "leads", (_LOCK_LEAD, tenant, lead_id)),
        (user, "gateway", (_LOCK_TENANT, tenant)),
    ):
        async with _held(stack, service, lock):
            sending = asyncio.create_task(sender.send(request, sends))
            await until(partial(_is_waiting, stack, service), "rivals wait", _LIMIT_S)
            if killed:
                former = stack.kill(f"{service}-app-1")
                outcome.faults += 1
                await stack.replaced(f"{service}-app-1", former)
        answers = await sending
        if killed:
            answers = await _again(sender, request, sends)
        outcome.failures += [f"{request.path} was answered {a.status}" for a in answers if not _is_ok(a)]


async def _again(sender: Sender, request: Request, sends: int) -> list[Answer]:
    """As clients do whose connection was cut: the same key again, until there is an answer."""
    answers: list[Answer] = []

    async def so() -> bool:
        nonlocal answers
        answers = await sender.send(request, sends)
        return all(answer.status is not None and answer.status < 500 for answer in answers)

    await until(so, "an answer after the kill", _LIMIT_S)
    return answers


@asynccontextmanager
async def _held(stack: Stack, service: str, lock: tuple[Any, ...]) -> AsyncIterator[None]:
    """A row that the effect needs is locked by somebody else while the block runs."""
    async with stack.database(service) as connection, connection.transaction():
        await connection.execute(*lock)
        yield


async def _is_waiting(stack: Stack, service: str) -> bool:
    """The first one for the row, and a rival for the first one."""
    async with stack.database(service) as connection:
        return int(await connection.fetchval(_WAITING)) >= 2


def _is_ok(answer: Answer) -> bool:
    return answer.status is not None and answer.status < 300


async def _check(stack: Stack, company: Company, sent: list[Request], outcome: Outcome) -> None:
    effects = await stored.effects(stack, company.tenant.id)
    async with stack.database("gateway") as connection:
        for code, count in await connection.fetch(_USERS, company.tenant.id):
            effects[code] += count
    statuses = Counter(str(answer.status) for request in sent for answer in request.answers)
    for request in sent:
        for mark in request.marks:
            count = effects[mark]
            if count == 0:
                note(outcome, [lost(f"{request.path} {mark} has no effect")])
            elif count > 1:
                note(outcome, [doubled(f"{request.path} {mark} has {count} effects")])
        if len(request.said) > 1:
            note(outcome, [mismatch(f"{request.path} {request.key} got different answers: {request.said}")])
    outcome.requests = statuses.total()
    outcome.figures |= {
        "keys": len(sent),
        "effects": sum(effects[mark] for request in sent for mark in request.marks),
        "different_answers": sum(max(len(request.said) - 1, 0) for request in sent),
        "answers": " ".join(f"{status}:{n}" for status, n in sorted(statuses.items())),
    }
