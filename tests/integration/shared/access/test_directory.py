from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from shared.access import directory
from shared.access.projection import HANDLED, apply, directory_projection
from shared.contracts.base import Credit, Event
from shared.contracts.catalogue import EVENT_TYPES
from shared.contracts.org import AccessChanged, RateSet, RepMoved, TenantConfigured, UnitDefined, UserDefined
from shared.database.transactions import Access
from shared.events.envelope import Received, Undecodable, timestamp
from shared.ids import new_id
from tests.support.bed import Bed

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass
class Org:
    """A tenant's cox.org, written by the test."""

    bed: Bed
    tenant: UUID = field(default_factory=new_id)
    seq: int = 0

    async def tell(self, *events: Event, at: datetime = START) -> None:
        async with self.bed.worker.transaction() as tx:
            await apply(tx, [self.received(event, at) for event in events])

    def received(self, event: Event, at: datetime = START) -> Received:
        self.seq += 1
        headers = {
            "ce_id": str(new_id()), "ce_type": event.type_name(), "ce_tenantid": str(self.tenant),
            "ce_sequence": str(self.seq), "ce_epoch": "1", "ce_time": timestamp(at),
        }  # fmt: skip
        pairs = [(name, value.encode()) for name, value in headers.items()]
        key = str(self.tenant).encode()
        return Received(
            "cox.org", 0, self.seq, 0, key, event.model_dump_json().encode(), pairs, stream="cox.org"
        )

    async def unit(
        self,
        code: str,
        parent: UUID | None = None,
        kind: str = "team",
        id_: UUID | None = None,
        calendar_id: UUID | None = None,
    ) -> UUID:
        id_ = id_ or new_id()
        given = {
            "unit_id": id_, "parent_id": parent, "kind": kind, "code": code, "name": code.title(),
            "calendar_id": calendar_id,
        }  # fmt: skip
        await self.tell(UnitDefined.model_validate(given))
        return id_

    async def user(
        self, name: str, unit: UUID, id_: UUID | None = None, at: datetime = START, **more: object
    ) -> UUID:
        id_ = id_ or new_id()
        given = {
            "user_id": id_, "display_name": name, "code": name.lower(), "unit_id": unit, "roles": ("rep",),
            "visibility": "own", "is_rep": True,
        }  # fmt: skip
        await self.tell(UserDefined.model_validate(given | more), at=at)
        return id_

    async def credit(self, user: UUID, at: datetime | None = None) -> Credit:
        async with self.bed.app.transaction(Access(self.tenant)) as tx:
            return await directory.credit_of(tx, user, at=at)

    async def below(self, unit: UUID) -> set[UUID]:
        async with self.bed.app.transaction(Access(self.tenant)) as tx:
            return set(await directory.subtree(tx, unit))

    async def changed_seq(self, principal: UUID) -> tuple[int, bool] | None:
        row = await self.bed.admin.fetchrow(
            "select changed_seq, revoked from org_principals where tenant_id = $1 and id = $2",
            self.tenant, principal,
        )  # fmt: skip
        return None if row is None else (row["changed_seq"], row["revoked"])


@pytest.fixture
def org(bed: Bed) -> Org:
    return Org(bed)


class TestProjection:
    def test_every_event_of_the_org_is_handled_when_contracts_grow(self) -> None:
        told = {kind for name, kind in EVENT_TYPES.items() if name.startswith("cox.org.")}
        assert told == set(HANDLED)
        assert directory_projection("leads").name == "leads.directory"
        assert directory_projection("leads").streams == ("cox.org",)

    async def test_subtree_follows_when_a_unit_moves(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        east, west = await org.unit("east", root, "region"), await org.unit("west", root, "region")
        team = await org.unit("team", east)
        sub = await org.unit("sub", team)
        rep = await org.user("Rep", sub)
        assert await org.below(east) == {east, team, sub}
        assert (await org.credit(rep)).team_path == (root, east, team, sub)
        assert (await org.credit(rep)).team_region == "east"

        await org.unit("team", west, id_=team)

        assert await org.below(east) == {east}
        assert await org.below(west) == {west, team, sub}
        assert await org.below(root) == {root, east, west, team, sub}
        assert (await org.credit(rep)).team_path == (root, west, team, sub)
        assert (await org.credit(rep)).team_region == "west"

    async def test_region_of_teams_follows_when_a_regions_code_changes(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        region = await org.unit("east", root, "region")
        rep = await org.user("Rep", await org.unit("team", region))
        await org.unit("orient", root, "region", id_=region)
        assert (await org.credit(rep)).team_region == "orient"

    async def test_the_same_stands_when_events_are_applied_twice(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        team = await org.unit("team", root)
        first = await org.below(root)
        await org.unit("team", root, id_=team)
        assert await org.below(root) == first == {root, team}

    async def test_directory_stands_at_the_newest_seq_when_told(self, org: Org) -> None:
        await org.unit("root", kind="company")
        seq = "select seq from org_versions where tenant_id = $1"
        assert await org.bed.admin.fetchval(seq, org.tenant) == 1

    @pytest.mark.parametrize("rate", ["NaN", "0", "-1", "x"])
    async def test_event_is_poison_when_its_rate_is_no_rate(self, org: Org, rate: str) -> None:
        with pytest.raises(Undecodable):
            await org.tell(RateSet(currency="EUR", valid_on=date(2026, 1, 1), rate=rate))


class TestCredit:
    async def test_team_is_that_of_the_time_when_a_rep_moved(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        old, new = await org.unit("old", root), await org.unit("new", root)
        rep = await org.user("Rep", old)
        moved = START + timedelta(days=10)
        await org.tell(RepMoved(user_id=rep, from_unit_id=old, to_unit_id=new, effective_at=moved), at=moved)
        await org.user("Rep", new, id_=rep, at=moved)

        assert (await org.credit(rep, moved - timedelta(seconds=1))).team_id == old
        assert (await org.credit(rep, moved)).team_id == new
        assert (await org.credit(rep, START - timedelta(days=999))).team_id == old
        assert (await org.credit(rep)).rep_id == rep

    async def test_later_move_keeps_its_say_when_one_is_dated_back(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        a, b, c = [await org.unit(code, root) for code in "abc"]
        rep = await org.user("Rep", a)
        first, second = START + timedelta(days=20), START + timedelta(days=10)
        for effective, to in ((first, b), (second, c)):
            await org.tell(
                RepMoved(user_id=rep, from_unit_id=a, to_unit_id=to, effective_at=effective), at=first
            )
        assert (await org.credit(rep, second)).team_id == c
        assert (await org.credit(rep, first)).team_id == b
        assert (await org.credit(rep)).team_id == b

    async def test_no_rep_is_credited_when_the_person_is_none(self, org: Org) -> None:
        team = await org.unit("team", kind="company")
        boss = await org.user("Boss", team, is_rep=False, roles=("manager",), visibility="subtree")
        assert await org.credit(boss) == Credit(
            rep_id=None, team_id=team, team_path=(team,), team_region=None
        )

    async def test_credit_is_empty_when_the_user_is_unknown_or_of_another_tenant(self, org: Org) -> None:
        stranger = Org(org.bed)
        theirs = await stranger.user("Rep", await stranger.unit("root", kind="company"))
        assert await org.credit(new_id()) == await org.credit(theirs) == Credit()

    async def test_one_by_one_many_at_many_times_and_careers_say_the_same(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        region = await org.unit("east", root, "region")
        teams = [await org.unit(code, region) for code in "abc"]
        stayed, moved = await org.user("Stayed", teams[0]), await org.user("Moved", teams[0])
        moves = [(START + timedelta(days=day), team) for day, team in ((30, teams[1]), (10, teams[2]))]
        for at, team in moves:
            event = RepMoved(user_id=moved, from_unit_id=teams[0], to_unit_id=team, effective_at=at)
            await org.tell(event, at=START)
        times = [START + timedelta(days=day, seconds=s) for day in (-99, 10, 30, 99) for s in (-1, 0, 1)]
        asked = [(user, at) for user in (stayed, moved, new_id()) for at in times]
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            found = await directory.credits_at(tx, asked)
            careers = await directory.careers_of(tx, [user for user, _ in asked])
            for user, at in asked:
                single = await directory.credit_of(tx, user, at=at)
                assert found.get((user, at), Credit()) == single, (user, at)
                assert (careers[user].at(at) if user in careers else Credit()) == single
        assert {credit.team_id for credit in found.values()} == set(teams)
        assert set(careers) == {stayed, moved}

    async def test_team_is_credited_when_nobody_is_known(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        team = await org.unit("team", await org.unit("east", root, "region"))
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            found = await directory.team_credits_of(tx, [team, new_id()])
        assert set(found) == {team}
        assert (found[team].rep_id, found[team].team_id, found[team].team_region) == (None, team, "east")


class TestPeople:
    async def test_reps_of_a_unit_are_those_below_it_now(self, org: Org) -> None:
        root = await org.unit("root", kind="company")
        one, two = await org.unit("one", root), await org.unit("two", root)
        sub = await org.unit("sub", one)
        here, below = await org.user("Here", one), await org.user("Below", sub)
        await org.user("Gone", one, active=False)
        await org.user("Boss", one, is_rep=False)
        away = await org.user("Away", one)
        move = RepMoved(user_id=away, from_unit_id=one, to_unit_id=two, effective_at=START)
        await org.tell(move, at=START)
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            assert [person.id for person in await directory.reps_of_unit(tx, one)] == [below, here]
            assert [person.id for person in await directory.reps_of_unit(tx, two)] == [away]

    async def test_found_by_code_before_name_when_an_import_names_them(self, org: Org) -> None:
        team = await org.unit("team", kind="company")
        one = await org.user("王伟", team, code="w1")
        two = await org.user("王伟", team, code="w2")
        three = await org.user("w1", team, code="w3")
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            found = await directory.users_by_name_or_code(tx, ["王伟", "w1", "nobody"])
            assert [person.id for person in found["王伟"]] == sorted([one, two])
            assert [person.id for person in found["w1"]] == [one]
            assert "nobody" not in found
            assert {person.id for person in await directory.reps(tx)} == {one, two, three}
            assert (await directory.people(tx, [one]))[one].display_name == "王伟"


class TestRates:
    async def test_own_currency_is_worth_one_and_others_their_days_rate(self, org: Org) -> None:
        await org.tell(TenantConfigured(name="t", timezone="Asia/Shanghai", currency="CNY"))
        await org.tell(RateSet(currency="USD", valid_on=date(2026, 3, 1), rate="7.1234"))
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            assert await directory.rate_on(tx, "CNY", date(1999, 1, 1)) == 1
            assert await directory.rate_on(tx, "USD", date(2026, 3, 1)) == Decimal("7.1234")
            assert (await directory.tenant_of(tx)).timezone == "Asia/Shanghai"
            with pytest.raises(directory.RateMissing) as refused:
                await directory.rate_on(tx, "USD", date(2026, 3, 2))
        assert refused.value.problem_code == "rate_missing"

    async def test_unavailable_when_the_tenant_has_not_been_told_of(self, org: Org) -> None:
        async with org.bed.app.transaction(Access(org.tenant)) as tx:
            with pytest.raises(directory.TenantUnknown):
                await directory.tenant_of(tx)


class TestPrincipals:
    async def test_tokens_grow_stale_when_rights_change_and_not_when_only_the_name_does(
        self, org: Org
    ) -> None:
        team = await org.unit("team", kind="company")
        other = await org.unit("other", team)
        rep = await org.user("Rep", team)
        assert await org.changed_seq(rep) is None
        await org.user("Renamed", team, id_=rep)
        assert await org.changed_seq(rep) is None
        await org.user("Renamed", team, id_=rep, roles=("rep", "manager"))
        assert await org.changed_seq(rep) == (org.seq, False)
        await org.tell(RepMoved(user_id=rep, from_unit_id=team, to_unit_id=other, effective_at=START))
        assert await org.changed_seq(rep) == (org.seq, False)
        await org.user("Renamed", other, id_=rep, active=False)
        assert await org.changed_seq(rep) == (org.seq, True)

    async def test_stays_revoked_when_a_revoked_user_is_moved(self, org: Org) -> None:
        team = await org.unit("team", kind="company")
        rep = await org.user("Rep", team)
        await org.tell(AccessChanged(principal_id=rep, revoked=True))
        await org.tell(RepMoved(user_id=rep, from_unit_id=team, to_unit_id=team, effective_at=START))
        assert await org.changed_seq(rep) == (org.seq, True)
