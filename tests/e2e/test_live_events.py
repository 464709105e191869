"""Live events: told to whoever may see them, resumable, ended with the token."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.gateway.identity.access_tokens import LIFETIME_S
from services.gateway.live.marks import PLACES, encode
from tests.e2e.support.house import House
from tests.support.speaking import Person, Tenant

Event = dict[str, str]
CREATED = "cox.leads.lead_created.v1"
ASSIGNED = "cox.leads.lead_assigned.v1"
RECORDED = "cox.activities.activity_recorded.v1"
SECOND = timedelta(seconds=1)
LIFETIME = timedelta(seconds=LIFETIME_S)


async def first(events: AsyncIterator[Event], *names: str) -> Event:
    """The next event of one of these names."""
    async with asyncio.timeout(240):
        async for event in events:
            if event.get("event") in names:
                return event
    raise AssertionError("the stream ended")


def subject(event: Event) -> str:
    return str(orjson.loads(event["data"])["aggregate_id"])


class TestListening:
    async def test_event_is_told_when_it_happens(self, tenant: Tenant) -> None:
        async with tenant.admin.listening("?types=cox.leads.*") as events:
            lead = await tenant.admin.create_lead("Acme")
            told = await first(events, CREATED)
        assert subject(told) == lead["id"]
        data = orjson.loads(told["data"])
        assert (data["type"], data["seq"]) == (CREATED, 1)
        assert "Acme" not in told["data"]

    async def test_types_are_told_as_asked_when_filtered(self, tenant: Tenant) -> None:
        async with tenant.admin.listening(f"?types={ASSIGNED}") as events:
            rep = await tenant.hire("Lin")
            lead = await tenant.admin.create_lead("Acme")
            await tenant.admin.assign(lead["id"], tenant.people["Lin"])
            told = await first(events, CREATED, ASSIGNED)
        assert told["event"] == ASSIGNED
        assert rep.token is not None

    async def test_only_the_visible_is_told_when_caller_is_a_rep(self, tenant: Tenant) -> None:
        await tenant.team("North")
        await tenant.team("South")
        lin = await tenant.hire("Lin", "North")
        await tenant.hire("Max", "South")
        chief = await tenant.hire("Chief", "North", "supervisor")
        async with lin.listening() as mine, chief.listening() as teams:
            theirs = await tenant.admin.create_lead("Theirs")
            await tenant.admin.assign(theirs["id"], tenant.people["Max"])
            ours = await tenant.admin.create_lead("Ours")
            await tenant.admin.assign(ours["id"], tenant.people["Lin"])
            for events in (mine, teams):
                told = await first(events, CREATED, ASSIGNED)
                assert subject(told) == ours["id"]

    async def test_nothing_of_another_tenant_is_told_when_listening(
        self, house: House, tenant: Tenant
    ) -> None:
        other = await house.new_tenant()
        async with other.admin.listening("?types=cox.leads.lead_created.v1") as events:
            await tenant.admin.create_lead("Theirs")
            own = await other.admin.create_lead("Own")
            assert subject(await first(events, CREATED)) == own["id"]

    async def test_only_what_the_scopes_allow_is_told_when_a_partner_listens(self, tenant: Tenant) -> None:
        body = {"name": "ears", "scopes": ["activities:read"]}
        key = (await tenant.admin.post("/v1/api-keys", body))["key"]
        async with replace(tenant.admin, token=key).listening() as events:
            lead = await tenant.admin.create_lead("Acme")
            await tenant.admin.record("call", lead["id"])
            told = await first(events, CREATED, RECORDED)
        assert told["event"] == RECORDED

    async def test_refused_when_type_is_unknown_or_nobody_asks(self, house: House, tenant: Tenant) -> None:
        answer = await tenant.admin.ask("GET", "/v1/events/stream", query={"types": "nonsense"})
        assert (answer.status, answer.code) == (422, "unknown_event_type")
        assert (await Person(house.url).ask("GET", "/v1/events/stream")).status == 401


class TestResuming:
    async def test_missed_events_are_told_once_when_client_comes_back(self, tenant: Tenant) -> None:
        async with tenant.admin.listening("?types=cox.leads.lead_created.v1") as events:
            await tenant.admin.create_lead("Seen")
            seen = await first(events, CREATED)
        missed = [(await tenant.admin.create_lead(f"Missed {n}"))["id"] for n in range(3)]
        query = "?types=cox.leads.lead_created.v1"
        async with tenant.admin.listening(query, seen["id"]) as events:
            told = [subject(await first(events, CREATED, "reset")) for _ in missed]
            later = await tenant.admin.create_lead("Later")
            told.append(subject(await first(events, CREATED)))
        assert sorted(told[:3]) == sorted(missed)
        assert told[3] == later["id"]

    async def test_missed_events_are_told_without_kafka_when_the_gateway_was_restarted(
        self, house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        query = "?types=cox.leads.lead_created.v1"
        async with tenant.admin.listening(query) as events:
            await tenant.admin.create_lead("Seen")
            seen = await first(events, CREATED)
        missed = [(await tenant.admin.create_lead(f"Missed {n}"))["id"] for n in range(3)]
        async with tenant.admin.listening(query) as events:
            missed.append((await tenant.admin.create_lead("Now"))["id"])
            await first(events, CREATED)
        # The ring of a gateway that has just started; nobody is read for. It reaches back as far as it must.
        monkeypatch.setattr(house.gateway.state.live.tail, "reach_back_s", 3600)
        await house.gateway.state.live.tail.forget()
        monkeypatch.setattr(house.gateway.state.live.older, "between", None)
        async with tenant.admin.listening(query, seen["id"]) as events:
            told = [subject(await first(events, CREATED, "reset")) for _ in missed]
        assert sorted(told) == sorted(missed)

    async def test_missed_events_are_read_from_kafka_when_they_left_the_ring(
        self, house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        query = "?types=cox.leads.lead_created.v1"
        async with tenant.admin.listening(query) as events:
            await tenant.admin.create_lead("Seen")
            seen = await first(events, CREATED)
        missed = [(await tenant.admin.create_lead("Missed"))["id"]]
        async with tenant.admin.listening(query) as events:
            missed.append((await tenant.admin.create_lead("Now"))["id"])
            await first(events, CREATED)
        # A gateway that has just started, long after: its ring begins at the end of the log.
        monkeypatch.setattr(house.gateway.state.live.tail, "reach_back_s", 0)
        await house.gateway.state.live.tail.forget()
        async with tenant.admin.listening(query, seen["id"]) as events:
            # Each lead is in order, the leads among themselves are not: they have other partitions.
            told = [subject(await first(events, CREATED, "reset")) for _ in missed]
        assert sorted(told) == sorted(missed)

    @pytest.mark.parametrize("mark", ["nonsense", encode([10**9] * len(PLACES), None), "A" * 300])
    async def test_reset_when_mark_is_of_another_log(self, tenant: Tenant, mark: str) -> None:
        async with tenant.admin.listening("", mark) as events:
            assert (await first(events, CREATED, "reset"))["event"] == "reset"
            await tenant.admin.create_lead("Now")
            assert (await first(events, CREATED, "reset"))["event"] == CREATED

    async def test_reset_when_proof_is_another_record(self, tenant: Tenant) -> None:
        async with tenant.admin.listening("?types=cox.leads.lead_created.v1") as events:
            await tenant.admin.create_lead("Seen")
            seen = await first(events, CREATED)
        raw = bytearray(base64.urlsafe_b64decode(seen["id"] + "=" * (-len(seen["id"]) % 4)))
        # Version, place, offset (one byte each here), then the check.
        raw[3] ^= 1
        foreign = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
        async with tenant.admin.listening("", foreign) as events:
            assert (await first(events, CREATED, "reset"))["event"] == "reset"


class Ahead:
    """A clock that runs, so far ahead of the system's."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


class TestEnding:
    async def test_stream_ends_when_session_is_revoked(self, tenant: Tenant) -> None:
        other = Person(tenant.admin.url)
        await other.sign_in(tenant.email)
        async with other.listening() as events:
            sessions = (await tenant.admin.get("/v1/auth/sessions"))["items"]
            theirs = next(each["id"] for each in sessions if not each["current"])
            assert (await tenant.admin.ask("DELETE", f"/v1/auth/sessions/{theirs}")).status == 204
            ended = await first(events, "end")
        assert orjson.loads(ended["data"]) == {"code": "grant_revoked"}

    async def test_stream_ends_when_token_expires(
        self, house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = house.gateway.state.live
        # For streams the token is over two seconds after it was issued; the door lets it in long after that,
        # however slow the machine is.
        monkeypatch.setattr(house.gateway.state, "live", replace(live, clock=Ahead(LIFETIME - SECOND * 2)))
        short = Person(house.url)
        await short.sign_in(tenant.email)
        async with short.listening() as events:
            assert orjson.loads((await first(events, "end"))["data"]) == {"code": "token_expired"}

    async def test_stream_is_refused_when_token_has_expired(self, house: House, tenant: Tenant) -> None:
        tokens = house.gateway.state.parts.tokens
        me = await tenant.admin.get("/v1/me")
        sessions = (await tenant.admin.get("/v1/auth/sessions"))["items"]
        long_ago = datetime.now(UTC) - LIFETIME - SECOND * 60
        late = Person(house.url, tokens.issue(tenant.id, me["id"], "user", sessions[0]["id"], long_ago))
        for path in ("/v1/events/stream", "/v1/me"):
            refused = await late.ask("GET", path)
            assert (refused.status, refused.code) == (401, "token_expired")
