from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import product
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Uuid, select, text

from shared.access.visibility import visible
from shared.database.transactions import Access, Visibility
from tests.support.bed import Bed

SEED = 20260301
THINGS = Table(
    "things",
    MetaData(),
    *(Column(name, Uuid) for name in ("tenant_id", "id", "owner_id", "team_id", "created_by")),
)
EVERY: tuple[Visibility, ...] = ("own", "team", "subtree", "tenant")


@dataclass(frozen=True)
class Org:
    tenant: UUID
    parents: dict[UUID, UUID | None]
    users: tuple[UUID, ...]

    def below(self, unit: UUID) -> set[UUID]:
        """A unit and all below it, worked out without a closure."""
        found = {unit}
        while more := {child for child, parent in self.parents.items() if parent in found} - found:
            found |= more
        return found


@dataclass(frozen=True)
class Thing:
    id: UUID
    owner: UUID | None
    team: UUID | None
    creator: UUID | None


def some_org(chance: random.Random) -> Org:
    units = [UUID(int=chance.getrandbits(128)) for _ in range(chance.randint(1, 12))]
    parents = {unit: chance.choice(units[:at]) if at else None for at, unit in enumerate(units)}
    users = tuple(UUID(int=chance.getrandbits(128)) for _ in range(6))
    return Org(UUID(int=chance.getrandbits(128)), parents, users)


def some_things(chance: random.Random, org: Org) -> list[Thing]:
    people, teams = [*org.users, None], [*org.parents, None]
    return [
        Thing(
            UUID(int=chance.getrandbits(128)),
            chance.choice(people),
            chance.choice(teams),
            chance.choice(people),
        )
        for _ in range(40)
    ]


def may_see(org: Org, access: Access, thing: Thing) -> bool:
    """The rule once more, in the words of the architecture, over plain values."""
    if access.visibility == "tenant":
        return True
    user = access.user_id
    if user is not None and (thing.owner == user or (thing.owner is None and thing.creator == user)):
        return True
    if access.unit_id is None or thing.team is None:
        return False
    if access.visibility == "team":
        return thing.team == access.unit_id
    return access.visibility == "subtree" and thing.team in org.below(access.unit_id)


async def store(bed: Bed, org: Org, things: list[Thing]) -> None:
    closure = [(org.tenant, unit, below, 0) for unit in org.parents for below in org.below(unit)]
    rows = [(org.tenant, thing.id, thing.owner, thing.team, thing.creator) for thing in things]
    await bed.admin.executemany("insert into org_closure values ($1, $2, $3, $4)", closure)
    await bed.admin.executemany("insert into things values ($1, $2, $3, $4, $5)", rows)


class TestVisibility:
    @pytest.mark.parametrize("round_", range(6))
    async def test_predicate_and_row_level_security_agree_when_orgs_roles_and_rows_are_random(
        self, bed: Bed, round_: int
    ) -> None:
        chance = random.Random(SEED + round_)
        org, other = some_org(chance), some_org(chance)
        things = some_things(chance, org)
        await store(bed, org, things)
        await store(bed, other, some_things(chance, other))
        users: list[UUID | None] = [*org.users, None]
        units: list[UUID | None] = [*org.parents, None]
        shown = 0
        for visibility, user, unit in product(EVERY, users, chance.sample(units, min(4, len(units)))):
            access = Access(org.tenant, user, visibility, unit)
            expected = {thing.id for thing in things if may_see(org, access, thing)}
            async with bed.app.transaction(access) as tx:
                by_policy = set((await tx.conn.execute(select(THINGS.c.id))).scalars())
            async with bed.worker.transaction() as tx:
                by_predicate = set(
                    (await tx.conn.execute(select(THINGS.c.id).where(visible(THINGS, access)))).scalars()
                )
            assert by_policy == by_predicate == expected, (SEED + round_, access)
            shown += len(expected)
        assert shown

    @pytest.mark.parametrize("visibility", EVERY)
    async def test_nothing_of_another_tenant_is_seen_when_its_rows_name_the_same_people(
        self, bed: Bed, visibility: Visibility
    ) -> None:
        org = replace(some_org(random.Random(SEED - 2)), tenant=uuid4())
        user, unit = org.users[0], next(iter(org.parents))
        mine, theirs = (Thing(uuid4(), user, unit, user) for _ in range(2))
        await store(bed, org, [mine])
        await store(bed, replace(org, tenant=uuid4()), [theirs])
        access = Access(org.tenant, user, visibility, unit)
        async with bed.app.transaction(access) as tx:
            by_policy = (await tx.conn.execute(select(THINGS.c.id))).scalars().all()
        async with bed.worker.transaction() as tx:
            query = select(THINGS.c.id).where(visible(THINGS, access))
            by_predicate = (await tx.conn.execute(query)).scalars().all()
        assert by_policy == by_predicate == [mine.id]

    async def test_nothing_is_seen_when_no_tenant_is_set(self, bed: Bed) -> None:
        chance = random.Random(SEED - 1)
        org = some_org(chance)
        await store(bed, org, some_things(chance, org))
        async with bed.app.transaction() as tx:
            assert (await tx.conn.execute(text("select count(*) from things"))).scalar_one() == 0
            assert (await tx.conn.execute(text("select count(*) from org_closure"))).scalar_one() == 0

    async def test_a_row_is_refused_when_it_is_another_tenants(self, bed: Bed) -> None:
        access, elsewhere = Access(uuid4()), uuid4()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with bed.app.transaction(access) as tx:
                await tx.connection.execute("insert into things values ($1, $2)", elsewhere, uuid4())
        async with bed.app.transaction(access) as tx:
            await tx.connection.execute("insert into things values ($1, $2)", access.tenant_id, uuid4())
