"""Many users at once: what they ask for is chosen by chance, at a fixed rate, and kept in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp

from tests.chaos.company import CHANNELS, PRODUCTS, REGIONS, Answer, Company, User
from tests.chaos.known import Known, Lead
from tests.chaos.ledger import Entry, Kind, Ledger, Verdict
from tests.chaos.stored import UNDO

STAGES = ("first_contact", "needs_analysis", "product_demo")
ACTIVITIES = ("call", "visit", "task", "email")
_TIMEOUT_S = 30.0
_MOST_AT_ONCE = 200
_TICK_S = 0.02
_RETRIES = 40
_RETRY_AFTER_S = (0.2, 2.0)

Body = dict[str, Any]


class Traffic:
    """Users of one company; `async with flowing()` they ask for `rate` changes a second.

    Half of what got no clear answer is sent again with the same Idempotency-Key until it gets one: then the
    effect must exist exactly once. The other half stays unknown: once or not at all.
    """

    def __init__(
        self, company: Company, chance: Random, rate: float, *, read_share: float = 0.03,
        patience_s: float = _TIMEOUT_S, at_once: int = _MOST_AT_ONCE,
    ) -> None:  # fmt: skip
        self.ledger = Ledger()
        self.late = 0
        """Requests not sent at their time, because too many were waiting for answers."""
        self.reads: dict[str, int] = {}
        self.rate = rate
        self._company = company
        self._chance = chance
        self._read_share = read_share
        self._patience_s = patience_s
        self._at_once = at_once
        self._known = Known(chance)
        self._asking: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._session: aiohttp.ClientSession
        self._numbers = 0
        self._name = f"{chance.getrandbits(40):010x}"
        self._acts: list[tuple[int, Callable[[], Coroutine[None, None, None]]]] = [
            (30, self._create),
            (1, self._batch),
            (12, self._assign),
            (20, self._move),
            (9, self._win),
            (7, self._lose),
            (5, self._reopen),
            (16, self._act),
            (4, self._merge),
            (3, self._unmerge),
        ]

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Load while the block runs; at the end every answer has come or is known to be lost. Any number of
        times, one after the other.
        """
        self._stopping.clear()
        timeout = aiohttp.ClientTimeout(total=self._patience_s)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as self._session:
            pacing = asyncio.create_task(self._pace(), name="traffic")
            try:
                yield
            finally:
                self._stopping.set()
                await pacing
                while self._asking:
                    await asyncio.wait(set(self._asking))

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while not self._stopping.is_set():
            due = int((loop.time() - began) * self.rate) - sent
            room = min(due, self._at_once - len(self._asking))
            # What could not be sent in its time is not made up for: the users are as many as they are.
            self.late += max(due - max(room, 0), 0)
            sent += due
            for _ in range(room):
                self._begin()
            await asyncio.sleep(_TICK_S)

    def _begin(self) -> None:
        if self._chance.random() < self._read_share:
            act = self._read
        else:
            weights = [weight for weight, _ in self._acts]
            act = self._chance.choices([act for _, act in self._acts], weights)[0]
        task = asyncio.create_task(act())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _mark(self) -> str:
        self._numbers += 1
        return f"{self._name}-{self._numbers}"

    def _somebody(self) -> User:
        return self._chance.choice([self._company.admin, *self._company.reps])

    async def _ask(self, user: User, path: str, body: Body | None, entries: list[Entry], key: str) -> Answer:
        """Send it, and perhaps again while nobody knows what became of it."""
        persistent = self._chance.random() < 0.5
        for attempt in range(_RETRIES):
            answer = await user.ask(self._session, "POST", path, body, Idempotency_Key=key)
            self.ledger.answered(entries, answer.status, _failed(answer))
            unknown = bool(entries) and entries[0].verdicts[-1] is Verdict.UNKNOWN
            if not (unknown and persistent) or attempt == _RETRIES - 1:
                break
            await asyncio.sleep(self._chance.uniform(*_RETRY_AFTER_S))
        return answer

    def _fields(self, mark: str) -> Body:
        chance = self._chance
        body: Body = {
            "name": f"Customer {mark}",
            "channel": chance.choice(CHANNELS),
            "region": chance.choice(REGIONS),
            "product": chance.choice(PRODUCTS),
            "custom": {"mark": mark},
        }
        if chance.random() < 0.7:
            body["value"] = {"amount": f"{chance.randrange(100, 90_000)}.50", "currency": "CNY"}
        if chance.random() < 0.5:
            body["phone"] = f"+86138{chance.randrange(10**8):08d}"
        return body

    async def _create(self) -> None:
        mark = self._mark()
        entry = self.ledger.open("create", mark)
        answer = await self._ask(self._somebody(), "/v1/leads", self._fields(mark), [entry], mark)
        if answer.status == 201:
            self._known.remember(answer.json["id"])

    async def _batch(self) -> None:
        marks = [self._mark() for _ in range(self._chance.randrange(2, 12))]
        entries = [self.ledger.open("create", mark) for mark in marks]
        items = [self._fields(mark) for mark in marks]
        # One that is refused: it must leave nothing, and keep nobody out.
        items[-1]["email"] = "not an address"
        answer = await self._ask(
            self._company.admin, "/v1/leads/batch", {"items": items}, entries, f"batch-{marks[0]}"
        )
        if answer.status == 200:
            for item in answer.json["items"]:
                if item["id"]:
                    self._known.remember(item["id"])

    async def _change(self, kind: Kind, lead: Lead | None, path: str, body: Body, field: str) -> None:
        """A change of a lead by the admin, its mark in that field; a lead must be known first."""
        if lead is None:
            await self._create()
            return
        mark = self._mark()
        body = {**body, field: mark}
        entry = self.ledger.open(kind, mark)
        answer = await self._ask(self._company.admin, path, body, [entry], mark)
        if answer.status == 200 and isinstance(answer.json, dict):
            lead.status = answer.json.get("status", lead.status)

    async def _assign(self) -> None:
        lead = self._known.lead("open")
        owner = self._chance.choice(self._company.reps).id
        path = f"/v1/leads/{lead.id if lead else ''}/assign"
        await self._change("assign", lead, path, {"owner_id": owner}, "reason")

    async def _moved(self, to: str, *statuses: str) -> None:
        lead = self._known.lead(*statuses)
        await self._change("move", lead, f"/v1/leads/{lead.id if lead else ''}/move", {"to": to}, "reason")

    async def _move(self) -> None:
        await self._moved(self._chance.choice(STAGES), "open")

    async def _win(self) -> None:
        await self._moved("won", "open")

    async def _lose(self) -> None:
        await self._moved("lost", "open")

    async def _reopen(self) -> None:
        await self._moved(self._chance.choice(STAGES), "won", "lost")

    async def _merge(self) -> None:
        """Two leads are found to be one; the admin sees both."""
        two = self._known.two()
        if two is None:
            await self._create()
            return
        (one, other), mark = two, self._mark()
        entry = self.ledger.open("merge", mark)
        body: Body = {"into": other.id, "reason": mark}
        answer = await self._ask(self._company.admin, f"/v1/leads/{one.id}/merge", body, [entry], mark)
        if answer.status == 200:
            self._known.merged(one, mark)

    async def _unmerge(self) -> None:
        """They were two after all. What is undone tells which merge it was, so that is its mark."""
        merge = self._known.merge()
        if merge is None:
            await self._merge()
            return
        lead, mark = merge[0], f"{UNDO}{merge[1]}"
        entry = self.ledger.open("unmerge", mark)
        answer = await self._ask(
            self._company.admin, f"/v1/leads/{lead.id}/unmerge", None, [entry], self._mark()
        )
        if answer.status == 200 and isinstance(answer.json, dict):
            lead.status = answer.json["status"]

    async def _act(self) -> None:
        lead, mark = self._known.lead("open", "won", "lost", "merged"), self._mark()
        if lead is None:
            await self._create()
            return
        body: Body = {
            "kind": self._chance.choice(ACTIVITIES),
            "lead_id": lead.id,
            "outcome": self._chance.choice(["connected", "done", "no_answer"]),
            "duration_s": self._chance.randrange(0, 900),
            "note": mark,
        }
        entry = self.ledger.open("activity", mark)
        await self._ask(self._somebody(), "/v1/activities", body, [entry], mark)

    async def _read(self) -> None:
        path = self._chance.choice(["/v1/leads?limit=20", "/v1/kpis?metric=won_revenue&by=rep&grain=day"])
        answer = await self._somebody().ask(self._session, "GET", path)
        status = str(answer.status)
        self.reads[status] = self.reads.get(status, 0) + 1


def _failed(answer: Answer) -> list[int]:
    """The items of a batch that were refused; none of a single request."""
    if answer.status == 200 and isinstance(answer.json, dict) and "items" in answer.json:
        return [item["index"] for item in answer.json["items"] if item["status"] == "failed"]
    return []
