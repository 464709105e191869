"""Two companies made through the API, with people of every role, and then read back from the databases."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from shared.access.roles import ROLES, scopes_of
from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.world import Credit, Someone, Thing, World
from tests.chaos.stack import Stack, until
from tests.support.speaking import PASSWORD, Tenant

T = TypeVar("T")

_ROLES = ("rep",) * 7 + ("supervisor", "supervisor", "manager", "director", "finance", "inspector", "admin")
_AT_ONCE = 6
_LIMIT_S = 300.0
_SELL = frozenset({"rep", "supervisor", "manager", "director"})


class NotMade(Exception):
    """A step of the making was refused."""


async def each(what: Iterable[T], do: Callable[[T], Awaitable[Any]], at_once: int = _AT_ONCE) -> list[Any]:
    """`do` for each, a few at once; what it gave, in order."""
    turn = asyncio.Semaphore(at_once)

    async def one(item: T) -> Any:
        async with turn:
            return await do(item)

    return list(await asyncio.gather(*(one(item) for item in what)))


@dataclass
class Company:
    """A tenant while it is made."""

    asker: Asker
    world: World
    tenant: Tenant
    chance: random.Random

    @property
    def id(self) -> str:
        return str(self.tenant.id)

    @property
    def people(self) -> list[Someone]:
        return [each for each in self.world.people.values() if each.tenant == self.id]

    @staticmethod
    def mark() -> str:
        """A word that stands nowhere else, in no copy."""
        return f"mk{secrets.token_hex(8)}"

    async def admin(self, method: str, target: str, json: Any = None) -> Any:
        assert self.tenant.admin.token is not None
        return _good(await self.asker.ask(method, target, token=self.tenant.admin.token, json=json)).json

    async def units(self, regions: int) -> list[str]:
        """Regions with two teams, each with one below it."""
        root = await self.tenant.root()
        self.world.parents[root] = None
        made = [root]
        for region in range(regions):
            at = await self._unit("region", f"r{region}", root)
            teams = [await self._unit("team", f"r{region}t{team}", at) for team in range(2)]
            made += [
                at,
                *teams,
                *[await self._unit("team", f"r{region}s{n}", t) for n, t in enumerate(teams)],
            ]
        return made

    async def _unit(self, kind: str, code: str, parent: str) -> str:
        body = {"kind": kind, "name": code, "code": code, "parent_id": parent}
        unit = str((await self.admin("POST", "/v1/org/units", body))["id"])
        self.world.parents[unit] = parent
        return unit

    async def hire(self, unit: str, role: str, number: int) -> None:
        """A person of a role; one in five sees otherwise than the role's people do."""
        widths = [width for width in ("own", "team", "subtree") if self.chance.random() < 0.2]
        visibility = self.chance.choice(widths) if widths else ROLES[role].visibility
        mark = self.mark()
        email = f"{mark}@example.com"
        body = {
            "display_name": f"P{number}", "code": f"p{number}", "unit_id": unit, "roles": [role],
            "visibility": visibility, "email": email, "password": PASSWORD,
        }  # fmt: skip
        made = await self.admin("POST", "/v1/org/users", body)
        person = Someone(made["id"], self.id, unit, role, visibility, scopes_of([role]))
        self.world.people[person.id] = person
        self.world.marks[mark] = Thing("e-mail", person.id, self.id, Credit(person.id, unit))
        form = {"grant_type": "password", "username": email, "password": PASSWORD}
        signed_in = _good(await self.asker.ask("POST", "/v1/auth/token", body=aiohttp.FormData(form)))
        person.token = signed_in.json["access_token"]

    async def work(self, person: Someone) -> None:
        """What a person leaves behind: a lead, an activity, an absence, some a key or an import."""
        times = {"from_at": "2026-03-01T00:00:00Z", "to_at": "2026-03-02T00:00:00Z"}
        await self._as(person, "POST", f"/v1/org/users/{person.id}/absences", {"kind": "leave"} | times)
        if person.role in _SELL:
            body = {"name": self.mark()}
            made = _good(await self.asker.ask("POST", "/v1/leads", token=person.token, json=body))
            await self._known(person, made.position)
            call = {"kind": "call", "lead_id": made.json["id"], "note": self.mark()}
            await self._as(person, "POST", "/v1/activities", call)
            if self.chance.random() < 0.2:
                await self._import(person)
        if self.chance.random() < 0.2:
            await self._as(person, "POST", "/v1/exports", {"reason": self.mark()})
        if person.role in _SELL and person.visibility != "own":
            none = {"filters": {"source": ["nowhere"]}, "to": {"user_id": person.id}, "reason": self.mark()}
            await self._as(person, "POST", "/v1/reassignments", none)
        if self.chance.random() < 0.2:
            await self._as(person, "POST", "/v1/api-keys", {"name": self.mark(), "scopes": ["leads:read"]})

    async def _known(self, person: Someone, position: str) -> None:
        """Wait until activities have heard of a lead: whoever records for it is let wait two seconds only."""
        headers = {"Cox-Wait-For": position, "Cox-Wait-Ms": "30000"}

        async def so() -> bool:
            path = "/v1/activities?limit=1"
            return (await self.asker.ask("GET", path, token=person.token, headers=headers)).status == 200

        await until(so, "activities know the lead", _LIMIT_S)

    async def _import(self, person: Someone) -> None:
        form = aiohttp.FormData()
        form.add_field("kind", "leads")
        form.add_field(
            "file", f"name,value\n{self.mark()},1\nbad,x\n".encode(), filename=f"{self.mark()}.csv"
        )
        mapping = 'columns: {name: name, value: value}\ncurrency: "USD"\n'
        form.add_field("mapping", mapping)
        _good(await self.asker.ask("POST", "/v1/imports", token=person.token, body=form))

    async def _as(self, person: Someone, method: str, target: str, json: Any) -> Any:
        return _good(await self.asker.ask(method, target, token=person.token, json=json)).json

    async def settle(self, leads: list[str]) -> None:
        """Some leads get owners, some people a planned transfer and departure; then rules and what goes with
        them, profiles.
        """
        reps = [person.id for person in self.people if person.role == "rep"]
        chosen = self.chance.sample(leads, len(leads) // 2)
        pairs = [(lead, self.chance.choice(reps)) for lead in chosen]
        await each(
            pairs,
            lambda pair: self.admin(
                "POST", f"/v1/leads/{pair[0]}/assign", {"owner_id": pair[1], "reason": "chaos"}
            ),
        )
        unit = self.people[0].unit
        for person in self.people[1:4]:
            if person.unit != unit:
                body = {"to_unit_id": unit, "effective_at": "2199-01-01T00:00:00Z"}
                await self.admin("POST", f"/v1/org/users/{person.id}/transfer", body)
                gone = {"effective_at": "2199-02-01T00:00:00Z", "handover": {"candidates": {"unit_id": unit}}}
                await self.admin("POST", f"/v1/org/users/{person.id}/leave", gone)
        await self._rules(reps)
        members = {"unit_ids": [person.unit for person in self.people if person.role == "rep"][:1]}
        admins = [person.id for person in self.people if person.role in _SELL and person.visibility == "own"]
        pool = {"name": "p", "members": members, "admin_ids": admins[-1:]}
        await self.admin("POST", "/v1/pools", pool)
        hours = {"monday": [{"start": "09:00", "end": "18:00"}]}
        calendar = {"name": "c", "timezone": "Asia/Shanghai", "week": hours}
        own = {"calendar_id": (await self.admin("POST", "/v1/org/calendars", calendar))["id"]}
        for person in self.people:
            await self.admin("PUT", f"/v1/org/users/{person.id}/profile", own)

    async def _rules(self, reps: list[str]) -> None:
        candidates = {"user_ids": reps[:1]}
        rule = {"name": "off", "strategy": "round_robin", "candidates": candidates, "active": False}
        await self.admin("POST", "/v1/assignment-rules", rule)
        await self.admin("POST", "/v1/response-rules", {"name": "r", "due_minutes": 15, "warn_minutes": 12})
        tag = {"name": "t", "when": {"event": "lead_lost"}, "actions": [{"do": "tag", "add": ["lost"]}]}
        await self.admin("POST", "/v1/automation-rules", tag)
        await self.admin("POST", "/v1/classification-rules", {"name": "c", "label": "general"})
        saved = {"name": "old", "kind": "leads", "content": "columns: {name: name}"}
        await self.admin("POST", "/v1/import-mappings", saved)
        asked = {"name": "f", "title": {"en": "Write to us"}, "fields": [{"field": "name"}]}
        form = await self.admin("POST", "/v1/forms", asked)
        await self.admin("POST", "/v1/codes", {"name": "c", "form_id": form["id"]})
        await self.admin("POST", "/v1/notices", {"basis": "consent", "wording": "We call you."})
        await self.admin("POST", "/v1/do-not-contact", {"phone": "+8613800000001"})
        campaign = await self.admin("POST", "/v1/campaigns", {"name": "spring"})
        currency = (await self.admin("GET", "/v1/org/tenant"))["currency"]
        cost = {"on": "2026-03-01", "amount": {"amount": "10.00", "currency": currency}}
        await self.admin("POST", f"/v1/campaigns/{campaign['id']}/costs", cost)


def _good(answer: Answer) -> Answer:
    if answer.status >= 300:
        raise NotMade(f"{answer.status} {answer.body[:500]!r}")
    return answer


async def founded(
    stack: Stack, asker: Asker, world: World, chance: random.Random, size: int, regions: int
) -> Company:
    """A company of so many people, each with their own, everything applied everywhere."""
    company = Company(asker, world, await stack.new_tenant(), chance)
    units = await company.units(regions)
    roles = [*dict.fromkeys(_ROLES), *(chance.choice(_ROLES) for _ in range(size))][:size]
    places = [(chance.choice(units), role, number) for number, role in enumerate(roles)]
    await each(places, lambda place: company.hire(*place))
    await stack.quiet()
    await each(company.people, company.work)
    await stack.quiet()
    async with stack.database("leads") as leads:
        ids = [
            str(row[0])
            for row in await leads.fetch("select id from leads where tenant_id = $1", company.tenant.id)
        ]
    await company.settle(sorted(ids))
    await stack.quiet()
    return company
