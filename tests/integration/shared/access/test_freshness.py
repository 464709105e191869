from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from shared.access import freshness
from shared.access.directory import DirectoryBehind
from shared.access.freshness import Freshness, TokenOutdated
from shared.access.principal import Principal
from shared.contracts.org import AccessChanged
from shared.ids import new_id
from tests.integration.shared.access.test_directory import Org
from tests.support.bed import Bed


def holder(tenant: UUID, org_version: int, *, user: UUID | None = None) -> Principal:
    user = user or new_id()
    return Principal(
        tenant_id=tenant, id=user, kind="user", user_id=user, roles=frozenset({"rep"}), scopes=frozenset(),
        visibility="own", unit_id=None, org_version=org_version,
    )  # fmt: skip


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "WAIT_S", 0.05)
    monkeypatch.setattr(freshness, "POLL_S", 0.001)


class TestFreshness:
    async def test_accepted_when_nothing_changed_since(self, bed: Bed) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        await Freshness(bed.app).check(holder(org.tenant, 1))

    async def test_refused_when_rights_changed_after_the_token(self, bed: Bed) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        old = holder(org.tenant, 1)
        await org.tell(AccessChanged(principal_id=old.id, revoked=False))
        with pytest.raises(TokenOutdated):
            await Freshness(bed.app).check(old)
        await Freshness(bed.app).check(replace(old, org_version=2))

    async def test_refused_when_revoked_however_new_the_token(self, bed: Bed) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        revoked = holder(org.tenant, 2)
        await org.tell(AccessChanged(principal_id=revoked.id, revoked=True))
        with pytest.raises(TokenOutdated):
            await Freshness(bed.app).check(revoked)

    async def test_key_is_refused_when_its_owners_rights_changed(self, bed: Bed) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        owner = new_id()
        key = replace(holder(org.tenant, 1, user=owner), id=new_id(), kind="api_key")
        await org.tell(AccessChanged(principal_id=owner, revoked=False))
        with pytest.raises(TokenOutdated):
            await Freshness(bed.app).check(key)

    async def test_unavailable_when_the_directory_stays_behind(self, bed: Bed, short_waits: None) -> None:
        with pytest.raises(DirectoryBehind):
            await Freshness(bed.app).check(holder(new_id(), 5))

    async def test_accepted_when_the_directory_catches_up_in_time(
        self, bed: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(freshness, "WAIT_S", 120.0)
        org = Org(bed)
        asked = asyncio.create_task(Freshness(bed.app).check(holder(org.tenant, 2)))
        await org.unit("root", kind="company")
        await org.unit("root", kind="company")
        await asked

    async def test_one_look_serves_everybody_when_many_ask_at_once(
        self, bed: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        looks: list[UUID] = []
        look = Freshness._look_now

        async def counted(self: Freshness, tenant: UUID) -> None:
            looks.append(tenant)
            await look(self, tenant)

        monkeypatch.setattr(Freshness, "_look_now", counted)
        fresh = Freshness(bed.app)
        await asyncio.gather(*(fresh.check(holder(org.tenant, 1)) for _ in range(40)))
        assert looks == [org.tenant]

    async def test_no_further_look_when_known_principals_come_again_within_a_second(
        self, bed: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        org = Org(bed)
        await org.unit("root", kind="company")
        one, two = holder(org.tenant, 1), holder(org.tenant, 1)
        now = 1000.0
        monkeypatch.setattr(freshness, "monotonic", lambda: now)
        fresh = Freshness(bed.app)
        await fresh.check(one)
        await fresh.check(two)
        await org.tell(AccessChanged(principal_id=one.id, revoked=True))
        await fresh.check(one)
        now += freshness.REMEMBERED_S + 0.1
        await fresh.check(two)
        with pytest.raises(TokenOutdated):
            await fresh.check(one)
