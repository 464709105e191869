"""S3: people are moved, demoted, signed out and let go, and ask on with what they had, at every door."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from services.gateway.proxy.rules import SERVICES
from shared.access.keys import SigningKey, load_or_make
from shared.access.principal import Principal
from shared.access.roles import scopes_of
from shared.access.tokens import sign_principal
from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.company import each
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import NeverSo, Stack, until
from tests.support.speaking import PASSWORD, Person, Tenant

NAME = "S3"
CLAIM = "rights that were taken away are gone within 5 s at every door"

MOVED = 1000
MOVED_SHORT = 3
P99_S = 5.0
GIVE_UP_S = 60.0
_AT_ONCE = 12
_PAUSE_S = 0.1
_AGAIN_S = 1.0
_OWN_PATH = {"leads": "/v1/leads", "activities": "/v1/activities", "scoring": "/v1/kpis/definitions"}


@dataclass
class Member:
    """A supervisor of a team, who sees its lead. `stale` is what the gateway told each service of them."""

    id: str
    email: str
    person: Person
    stale: dict[str, str] = field(default_factory=dict)


@dataclass
class _Test:
    run: Run
    stack: Stack
    asker: Asker
    tenant: Tenant
    key: SigningKey
    lead: str = ""
    teams: list[str] = field(default_factory=list)
    left_s: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    async def set_up(self, number: int) -> list[Member]:
        self.teams = [await self.tenant.team(name) for name in ("A", "B")]
        rep = await self.tenant.hire("Rep", "A")
        self.lead = str((await rep.create_lead("of team A"))["id"])
        await self.tenant.admin.assign(self.lead, self.tenant.people["Rep"])
        members: list[Member] = await each(range(number), self._member)
        await self.stack.quiet()
        return members

    async def _member(self, number: int) -> Member:
        email = f"m{number}.{self.tenant.id.hex[-12:]}@example.com"
        body = {
            "display_name": f"M{number}", "code": f"m{number}", "unit_id": self.teams[0],
            "roles": ["supervisor"], "email": email, "password": PASSWORD,
        }  # fmt: skip
        made = await self._admin("POST", "/v1/org/users", body)
        person = Person(self.stack.url)
        form = aiohttp.FormData({"grant_type": "password", "username": email, "password": PASSWORD})
        told = (await self.asker.ask("POST", "/v1/auth/token", body=form)).json
        person.token, person.refresh_token = told["access_token"], told["refresh_token"]
        return Member(made["id"], email, person)

    async def _admin(self, method: str, target: str, json: Any) -> Any:
        assert self.tenant.admin.token is not None
        answer = await self.asker.ask(method, target, token=self.tenant.admin.token, json=json)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target}: {answer.status} {answer.body[:300]!r}")
        return answer.json

    async def _tell_services(self, member: Member) -> None:
        """What the gateway tells the services about a member now, good for a minute."""
        me = (await self.asker.ask("GET", "/v1/me", token=member.person.token)).json
        principal = Principal(
            tenant_id=self.tenant.id, id=UUID(member.id), kind="user", user_id=UUID(member.id),
            roles=frozenset(me["roles"]), scopes=scopes_of(me["roles"]), visibility=me["visibility"],
            unit_id=UUID(me["unit_id"]), org_version=me["org_version"],
        )  # fmt: skip
        member.stale = {each: sign_principal(self.key, principal, each) for each in SERVICES}

    async def taken(self, how: str, member: Member, take: Callable[[], Awaitable[Any]], stays: bool) -> None:
        """Take something away, and ask on until every door is closed. `stays`: the token is still good."""
        await self._tell_services(member)

        async def in_everywhere() -> bool:
            doors = [self._still_in(member.person.token), *(self._at_service(s, member)() for s in SERVICES)]
            return all(await asyncio.gather(*doors))

        try:
            # Services that are still hearing of somebody else's move let nobody in for a moment.
            await until(in_everywhere, "let in before", GIVE_UP_S, pause_s=_PAUSE_S)
        except NeverSo:
            self.failures.append(f"{how}: not let in even before")
            return
        await take()
        began = time.monotonic()
        await asyncio.gather(
            self._until_out(f"{how}, gateway", began, lambda: self._still_in(member.person.token)),
            *(
                self._until_out(f"{how}, {service}", began, self._at_service(service, member))
                for service in SERVICES
                if how != "signed out"
            ),
        )
        if stays and (await self._ask("/v1/me", member.person.token)).status != 200:
            self.failures.append(f"{how}: the token itself is refused, though only its sight changed")

    def _at_service(self, service: str, member: Member) -> Callable[[], Awaitable[bool]]:
        url: str = getattr(self.stack.settings, f"service_{service}_url")

        async def still_in() -> bool:
            return (await self._ask(_OWN_PATH[service], member.stale[service], url)).status == 200

        return still_in

    async def _still_in(self, token: str | None) -> bool:
        return (await self._ask(f"/v1/leads/{self.lead}", token)).status == 200

    async def _ask(self, target: str, token: str | None, url: str | None = None) -> Answer:
        """On a connection of its own, so that any process may get it."""
        async with Asker(url or self.stack.url) as asker:
            answer = await asker.ask("GET", target, token=token)
        self.asker.requests += 1
        if answer.status >= 500 and answer.status != 503:
            self.failures.append(f"{target}: {answer.status}")
        return answer

    async def _until_out(self, door: str, began: float, still_in: Callable[[], Awaitable[bool]]) -> None:
        """Ask until refused, and once more a second later; what counts is the last request let in."""
        last, quiet_since = 0.0, None
        while time.monotonic() - began < GIVE_UP_S:
            asked = time.monotonic()
            if await still_in():
                last, quiet_since = asked - began, None
            elif quiet_since is None:
                quiet_since = asked
            elif asked - quiet_since > _AGAIN_S:
                break
            await asyncio.sleep(_PAUSE_S if quiet_since is None else _AGAIN_S)
        else:
            self.failures.append(f"{door}: still let in after {GIVE_UP_S:.0f} s")
        self.left_s.setdefault(door, []).append(last)

    async def moved(self, member: Member) -> None:
        transfer = {"to_unit_id": self.teams[1]}
        await self.taken(
            "moved",
            member,
            lambda: self._admin("POST", f"/v1/org/users/{member.id}/transfer", transfer),
            True,
        )
        await self._admin("POST", f"/v1/org/users/{member.id}/transfer", {"to_unit_id": self.teams[0]})

    async def demoted(self, member: Member) -> None:
        body = {"roles": ["rep"], "visibility": None}
        await self.taken(
            "role taken", member, lambda: self._admin("PATCH", f"/v1/org/users/{member.id}", body), True
        )

    async def let_go(self, member: Member) -> None:
        await self.taken(
            "deactivated",
            member,
            lambda: self._admin("PATCH", f"/v1/org/users/{member.id}", {"active": False}),
            False,
        )

    async def signed_out(self, member: Member) -> None:
        form = aiohttp.FormData({"token": member.person.refresh_token or ""})
        await self.taken(
            "signed out", member, lambda: self.asker.ask("POST", "/v1/auth/revoke", body=form), False
        )


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full)
    # Two processes each: one of them hears of a change from the database only.
    async with run.stack(scale="gateway-app=2,leads-app=2") as stack, Asker(stack.url) as asker:
        key = load_or_make(stack.settings.signing_key_file or Path())
        test = _Test(run, stack, asker, await stack.new_tenant(), key)
        members = await test.set_up(MOVED if run.full else MOVED_SHORT)
        run.say(f"{len(members)} people are there; now they are moved")
        await each(members, test.moved, _AT_ONCE)
        await stack.quiet()
        await _others(test, members, run.rng())
        outcome.requests = asker.requests
        outcome.failures = test.failures
        _judge(run, outcome, test.left_s)
    return outcome


async def _others(test: _Test, members: list[Member], chance: random.Random) -> None:
    """Whoever was moved and came back loses something else."""
    ways = (test.demoted, test.let_go, test.signed_out)
    chosen = [(member, chance.choice(ways)) for member in members]
    chosen[: len(ways)] = list(zip(members, ways, strict=False))
    await each(chosen, lambda pair: pair[1](pair[0]), _AT_ONCE)


def _judge(run: Run, outcome: Outcome, left_s: dict[str, list[float]]) -> None:
    for door, seconds in sorted(left_s.items()):
        worst = statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]
        outcome.figures[door] = f"n={len(seconds)} p50={statistics.median(seconds):.2f} p99={worst:.2f} s"
        if run.full and worst > P99_S:
            outcome.failures.append(f"{door}: access was gone after {worst:.2f} s at p99")
    together = [second for seconds in left_s.values() for second in seconds]
    outcome.recovery_s = together
    outcome.figures["p99_s"] = round(statistics.quantiles(together, n=100)[98], 3)
