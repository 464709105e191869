"""A tenant with its people, as the users of a run: an admin, and reps in teams with a rule that assigns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.chaos.stack import Stack
from tests.support.speaking import PASSWORD, Person, Tenant

REGIONS = ("north", "south")
CHANNELS = ("web", "exhibition", "referral", "phone")
PRODUCTS = ("crm", "hub", "field")
BY_RULE = ("web", "phone")
"""Leads of these channels are given out by the rule; the others wait for the admin."""

TIMEZONE, CURRENCY = "Asia/Shanghai", "CNY"
# Access tokens last 15 minutes.
_RENEW_AFTER_S = 600.0


@dataclass(slots=True)
class Answer:
    """`status` None: no answer came, or it was cut."""

    status: int | None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class User:
    """Somebody with a token of their own, kept fresh. `id` is the user's."""

    url: str
    id: str
    email: str
    token: str
    signed_in_at: float = field(default_factory=time.monotonic)

    async def ask(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        """One request, never raising for what the network or the product does. Headers by `Cox_Wait_For=`."""
        await self.stay_signed_in(session)
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else orjson.dumps(body)
        try:
            async with session.request(method, self.url + path, data=data, headers=sent) as answer:
                content = await answer.read()
                told = orjson.loads(content) if content else None
                return Answer(answer.status, told, answer.headers)
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError):
            return Answer(None)

    async def stay_signed_in(self, session: aiohttp.ClientSession) -> None:
        if time.monotonic() - self.signed_in_at < _RENEW_AFTER_S:
            return
        # Whoever asks meanwhile goes on with the old token, which is good for some minutes more.
        self.signed_in_at = time.monotonic() - _RENEW_AFTER_S + 10
        form = {"grant_type": "password", "username": self.email, "password": PASSWORD}
        try:
            async with session.post(self.url + "/v1/auth/token", data=form) as answer:
                if answer.status == 200:
                    self.token = (await answer.json())["access_token"]
                    self.signed_in_at = time.monotonic()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return


@dataclass
class Company:
    """`admin` may do everything; `reps` see what is theirs."""

    tenant: Tenant
    admin: User
    reps: list[User]


async def found_company(stack: Stack, *, teams: int = 2, reps: int = 4) -> Company:
    """A tenant with teams below two regions and signed-in reps, known to every service."""
    tenant = await stack.new_tenant(timezone=TIMEZONE, currency=CURRENCY)
    for number in range(teams):
        await tenant.team(f"team{number}")
    people = [await tenant.hire(f"rep{number}", f"team{number % teams}") for number in range(reps)]
    users = [user_of(tenant, f"rep{number}", person) for number, person in enumerate(people)]
    rule = {
        "name": "in turn",
        "strategy": "round_robin",
        "conditions": {"channel": list(BY_RULE)},
        "candidates": {"user_ids": [user.id for user in users]},
    }
    await tenant.admin.post("/v1/assignment-rules", rule)
    # Each service knows them all before the first request is counted.
    await asyncio.gather(*(_known(person) for person in (tenant.admin, *people)))
    assert tenant.admin.token is not None
    admin = User(stack.url, str(tenant.admin_id), tenant.email, tenant.admin.token)
    return Company(tenant, admin, users)


async def _known(person: Person) -> None:
    for path in ("/v1/leads?limit=1", "/v1/activities?limit=1"):
        (await person.ask("GET", path)).ok()


def user_of(tenant: Tenant, name: str, person: Person) -> User:
    """Somebody whom the tenant hired by this name."""
    assert person.token is not None
    email = f"{name}.{tenant.id.hex[-12:]}@example.com"
    return User(person.url, tenant.people[name], email, person.token)
