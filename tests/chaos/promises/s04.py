"""S4: forged, stolen and expired tokens at every route, at every service, and in the middle of a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.gateway.identity.access_tokens import AUDIENCE
from services.gateway.identity.access_tokens import TYPE as ACCESS
from services.gateway.proxy.rules import SERVICES
from shared.access.keys import SigningKey, load_or_make
from shared.access.principal import Principal
from shared.access.roles import SCOPES
from shared.access.tokens import TYPE as SERVICE
from shared.access.tokens import sign_principal
from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.operations import NOWHERE, Document, Operation
from tests.chaos.hostile.streams import Ended, NotOpened, held_open
from tests.chaos.hostile.tokens import ACCESS_TOKEN, SERVICE_TOKEN, claims_of, signed
from tests.chaos.promise import Outcome, Run
from tests.chaos.stack import Stack
from tests.support.speaking import PASSWORD, Person, Tenant

NAME = "S4"
CLAIM = "hostile tokens are refused everywhere, and a stream ends with the token that opened it"

STREAMS = 100
STREAMS_SHORT = 2
LIFETIME_S = 3
LIFETIME_MOST_S = 48
LATE_S = 5.0
_OWN_PATH = {"leads": "/v1/leads", "activities": "/v1/activities", "scoring": "/v1/kpis/definitions"}
_CODES = frozenset({"invalid_token", "token_expired", "grant_revoked", "unauthenticated"})
_SHORT = frozenset({"/v1/me", "/v1/leads", "/v1/kpis/definitions", "/v1/events/stream"})


@dataclass
class _Siege:
    run: Run
    stack: Stack
    asker: Asker
    tenant: Tenant
    key: SigningKey
    outcome: Outcome

    @property
    def token(self) -> str:
        assert self.tenant.admin.token is not None
        return self.tenant.admin.token

    async def at_the_gateway(self) -> None:
        """Every hostile token, service tokens among them, at every route that needs one."""
        document = Document((await self.asker.ask("GET", "/openapi.json")).json)
        routes = [each for each in document.operations() if not each.is_public]
        if not self.run.full:
            routes = [each for each in routes if each.path in _SHORT and each.method == "GET"]
        claims = claims_of(self.token)
        forged = {name: forge(self.key, claims, ACCESS) for name, forge in ACCESS_TOKEN.items()}
        forged |= {f"a token for {each}": self._of_service(each) for each in (*SERVICES, "gateway", AUDIENCE)}
        await asyncio.gather(*(self._refused_at(route, forged) for route in routes))
        if (await self.asker.ask("GET", "/v1/me", token=signed(self.key, claims, ACCESS))).status != 200:
            self.outcome.failures.append("a good token made here is refused: nothing above proves anything")
        self.outcome.figures |= {"tokens": len(forged), "routes": len(routes)}

    async def _refused_at(self, route: Operation, forged: dict[str, str]) -> None:
        target = route.path
        for parameter in route.of_place("path"):
            target = target.replace(f"{{{parameter.name}}}", NOWHERE)
        for name, token in forged.items():
            self._check(f"{name} at {route}", await self.asker.ask(route.method, target, token=token))

    def _of_service(self, audience: str) -> str:
        return sign_principal(self.key, self._admin(), audience)

    def _admin(self) -> Principal:
        claims = claims_of(self.token)
        user = UUID(claims["sub"])
        return Principal(
            tenant_id=self.tenant.id, id=user, kind="user", user_id=user, roles=frozenset({"admin"}),
            scopes=frozenset(SCOPES), visibility="tenant", unit_id=None, org_version=0,
        )  # fmt: skip

    async def at_the_services(self) -> None:
        """The same against what stands behind the gateway, whose tokens are others."""
        for service in SERVICES:
            url = getattr(self.stack.settings, f"service_{service}_url")
            claims = claims_of(self._of_service(service))
            forged = {name: forge(self.key, claims, SERVICE) for name, forge in SERVICE_TOKEN.items()}
            forged |= {f"a token for {each}": self._of_service(each) for each in SERVICES if each != service}
            forged["an access token"] = self.token
            async with Asker(url) as asker:
                for name, token in forged.items():
                    answer = await asker.ask("GET", _OWN_PATH[service], token=token)
                    self._check(f"{name} at {service}", answer)
                good = self._of_service(service)
                await self._allowed(asker, service, good)
                self.outcome.requests += asker.requests

    async def _allowed(self, asker: Asker, service: str, good: str) -> None:
        answer = await asker.ask("GET", _OWN_PATH[service], token=good)
        # An old org version is refused as outdated, by a rule of its own.
        if answer.status != 200 and answer.json["code"] != "token_outdated":
            self.outcome.failures.append(f"{service} refuses a good token: {answer.body[:200]!r}")
        internal = await asker.ask("POST", "/internal/history", token=good, json={})
        if internal.status < 400:
            self.outcome.failures.append(f"{service} lets a person ask what is for services only")

    def _check(self, what: str, answer: Answer) -> None:
        if answer.status != 401 or not answer.is_problem or answer.json["code"] not in _CODES:
            self.outcome.failures.append(f"{what}: {answer.status} {answer.body[:200]!r}")
        elif not answer.headers.get("WWW-Authenticate", "").startswith("Bearer"):
            self.outcome.failures.append(f"{what}: no WWW-Authenticate")

    async def in_mid_stream(self) -> None:
        """Streams whose token expires, whose session ends, whose key is revoked."""
        number = STREAMS if self.run.full else STREAMS_SHORT
        ended, until = await self._expired(number)
        self._ended("an expired token", "token_expired", ended, until)
        await self._signed_out()
        await self._key_revoked()
        self.outcome.figures["streams"] = number + 2

    async def _expired(self, number: int) -> tuple[list[Ended], float]:
        """So many streams whose token was over while they were open, and when it was.

        One that was over before a slow machine had opened all of them proves nothing: the next lives longer.
        """
        lifetime_s = LIFETIME_S
        while True:
            until = int(time.time()) + lifetime_s
            expiring = signed(self.key, claims_of(self.token) | {"exp": until}, ACCESS)
            streams = (held_open(self.stack.url, expiring) for _ in range(number))
            ended = await asyncio.gather(*streams, return_exceptions=True)
            late = [each for each in ended if isinstance(each, BaseException)]
            if not late:
                return [each for each in ended if isinstance(each, Ended)], until
            if not isinstance(late[0], NotOpened) or lifetime_s >= LIFETIME_MOST_S:
                raise late[0]
            lifetime_s *= 2

    async def _signed_out(self) -> None:
        person = Person(self.stack.url)
        await person.sign_in(self.tenant.email, PASSWORD)
        assert person.token is not None
        assert person.refresh_token is not None
        gone = {"token": person.refresh_token}

        async def sign_out() -> None:
            (await person.ask("POST", "/v1/auth/revoke", form=gone)).ok()

        ended = await held_open(self.stack.url, person.token, sign_out)
        self._ended("an ended session", "grant_revoked", [ended], None)

    async def _key_revoked(self) -> None:
        body = {"name": "stream", "scopes": ["admin"]}
        made = await self.tenant.admin.post("/v1/api-keys", body)

        async def revoke() -> None:
            (await self.tenant.admin.ask("DELETE", f"/v1/api-keys/{made['id']}")).ok()

        ended = await held_open(self.stack.url, made["key"], revoke)
        self._ended("a revoked key", "grant_revoked", [ended], None)

    def _ended(self, what: str, code: str, streams: Iterable[Ended], until: float | None) -> None:
        for stream in streams:
            if stream.code != code:
                self.outcome.failures.append(f"{what}: the stream ended with {stream.code}, not {code}")
            if until is not None:
                self.outcome.recovery_s.append(max(0.0, stream.at - until))
                if self.run.full and stream.at - until > LATE_S:
                    self.outcome.failures.append(f"{what}: the stream went on for {stream.at - until:.1f} s")


async def run(run: Run) -> Outcome:
    outcome = Outcome(NAME, run.seed, run.full)
    async with run.stack() as stack, Asker(stack.url) as asker:
        key = load_or_make(stack.settings.signing_key_file or Path())
        siege = _Siege(run, stack, asker, await stack.new_tenant(), key, outcome)
        await siege.at_the_gateway()
        run.say("tokens at the gateway refused; now at the services")
        await stack.quiet()
        await siege.at_the_services()
        await siege.in_mid_stream()
        outcome.requests += asker.requests
    return outcome
