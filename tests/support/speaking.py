"""What tests say: people sign in, leads are created, moved and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import orjson

PASSWORD = "correct horse battery"
_WAIT_MS = 30_000
_LIMIT_S = 240.0

_TODAY = datetime.now(UTC).date()
NOWADAYS = {"from": str(_TODAY - timedelta(days=1)), "to": str(_TODAY + timedelta(days=2))}
"""The days in which this run takes place, in every zone: it may begin on one and end on the next."""

_NOT_YET = frozenset({"not_yet_applied", "directory_behind"})
"""Refusals before anything was done: what happened elsewhere has not arrived here. A slow machine needs more
time for that than a request may wait.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `json` is None where there is no body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else None

    @property
    def position(self) -> str:
        return self.headers["Cox-Position"]

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json", self
        code: str = self.json["code"]
        return code

    def ok(self) -> Answer:
        assert 200 <= self.status < 300, self
        return self


@dataclass
class Person:
    """Somebody at the gateway. Follows their own writes: each request waits for the last position seen."""

    url: str
    token: str | None = None
    position: str | None = None
    refresh_token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        query: Mapping[str, str | int] | None = None,
        wait_for: str | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; waits for `wait_for`, by default the last position seen, as long as it takes."""
        sent = dict(self.headers) | dict(headers or {})
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        wanted = wait_for or self.position
        if wanted is not None and form is None:
            sent |= {"Cox-Wait-For": wanted}
            sent.setdefault("Cox-Wait-Ms", str(_WAIT_MS))
        data = None if json is None else orjson.dumps(json)
        if data is not None:
            sent["Content-Type"] = "application/json"
        async with asyncio.timeout(_LIMIT_S):
            told = await self._once(method, path, query, data or form, sent)
            while told.status in (503, 504) and told.code in _NOT_YET:
                told = await self._once(method, path, query, data or form, sent)
        if method != "GET" and told.headers.get("Cox-Position"):
            self.position = told.position
        return told

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        data: bytes | Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> Answer:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session,
            session.request(method, self.url + path, params=query, data=data, headers=headers) as answer,
        ):
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON of a GET that must succeed."""
        return (await self.ask("GET", path, query=query)).ok().json

    async def post(self, path: str, json: Any) -> Any:
        """The JSON of a POST that must succeed."""
        return (await self.ask("POST", path, json)).ok().json

    async def patch(self, path: str, json: Any) -> Any:
        return (await self.ask("PATCH", path, json)).ok().json

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        form = {"grant_type": "password", "username": email, "password": password}
        told = (await self.ask("POST", "/v1/auth/token", form=form)).ok().json
        self.token, self.refresh_token = told["access_token"], told["refresh_token"]

    async def create_lead(self, name: str = "A lead", **fields: Any) -> Any:
        return await self.post("/v1/leads", {"name": name} | fields)

    async def assign(self, lead_id: str, owner_id: str, reason: str = "test") -> Any:
        return await self.post(f"/v1/leads/{lead_id}/assign", {"owner_id": owner_id, "reason": reason})

    async def move(self, lead_id: str, to: str, **more: Any) -> Any:
        return await self.post(f"/v1/leads/{lead_id}/move", {"to": to} | more)

    async def record(self, kind: str, lead_id: str, **more: Any) -> Any:
        return await self.post("/v1/activities", {"kind": kind, "lead_id": lead_id} | more)

    async def lead_when(self, lead_id: str, so: Callable[[Any], bool]) -> Any:
        """The lead as soon as it is so: by asking for its next change, never by sleeping."""
        tag: str | None = None
        for _ in range(50):
            headers = {} if tag is None else {"If-None-Match": tag, "Cox-Wait-Ms": str(_WAIT_MS)}
            told = await self.ask("GET", f"/v1/leads/{lead_id}", headers=headers)
            assert told.status in (200, 304), told
            if told.status == 200:
                if so(told.json):
                    # What caused it is what later requests wait for.
                    self.position = told.position
                    return told.json
                tag = told.headers["ETag"]
        raise AssertionError(f"lead {lead_id} never became what was waited for")

    async def kpis(self, metric: str, by: str, **query: str | int) -> dict[str, Any]:
        """Values by key, of all periods asked for."""
        page = await self.get("/v1/kpis", metric=metric, by=by, **query)
        return {item["key"]: item["value"] for item in page["items"]}

    @asynccontextmanager
    async def listening(
        self, query: str = "", last_event_id: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
        """Server-sent events as dicts of `id`, `event`, `data`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        timeout = aiohttp.ClientTimeout(total=None, sock_read=120)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self.url}/v1/events/stream{query}", headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            yield _events(answer)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


@dataclass
class Tenant:
    """A tenant with its admin signed in; units and people are made by what they are called."""

    id: UUID
    admin_id: UUID
    email: str
    admin: Person
    units: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    async def root(self) -> str:
        found = await self.admin.get("/v1/org/units")
        return next(str(unit["id"]) for unit in found["items"] if unit["parent_id"] is None)

    async def team(self, name: str, parent: str | None = None, kind: str = "team") -> str:
        parent_id = self.units[parent] if parent else await self.root()
        body = {"kind": kind, "name": name, "code": name, "parent_id": parent_id}
        self.units[name] = (await self.admin.post("/v1/org/units", body))["id"]
        return self.units[name]

    async def hire(self, name: str, team: str | None = None, role: str = "rep") -> Person:
        """A user of that role, signed in; they wait for what made them."""
        unit_id = self.units[team] if team else await self.root()
        email = f"{name.lower()}.{self.id.hex[-12:]}@example.com"
        body = {
            "display_name": name, "code": name, "unit_id": unit_id, "roles": [role], "email": email,
            "password": PASSWORD,
        }  # fmt: skip
        self.people[name] = (await self.admin.post("/v1/org/users", body))["id"]
        person = Person(self.admin.url)
        await person.sign_in(email)
        person.position = self.admin.position
        return person
