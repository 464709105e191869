"""The directory's queries: who people are, where they belong, what a currency is worth."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import Invalid, Unavailable


def unit_of_user(at: str = "now()") -> str:
    """SQL behind `from org_users u`: the unit that each belongs to at a moment, as `n`."""
    return f"""left join lateral (
  select m.unit_id from org_memberships m
  where m.tenant_id = u.tenant_id and m.user_id = u.id and m.from_at <= {at}
  order by m.from_at desc limit 1
) m on true
left join org_units n on n.tenant_id = u.tenant_id and n.id = coalesce(m.unit_id, u.unit_id)"""  # noqa: S608 - our own words


_CREDITS = f"""
select u.id, u.is_rep, n.id as team_id, n.path, n.region
from org_users u
{unit_of_user("coalesce($3, now())")}
where u.tenant_id = $1 and u.id = any($2::uuid[])
"""  # noqa: S608 - our own words
_CREDITS_AT = f"""
select u.is_rep, n.id as team_id, n.path, n.region, asked.user_id, asked.at
from unnest($2::uuid[], $3::timestamptz[]) as asked(user_id, at)
join org_users u on u.tenant_id = $1 and u.id = asked.user_id
{unit_of_user("asked.at")}
"""  # noqa: S608 - our own words
_TEAM_CREDITS = """
select id, path, region from org_units where tenant_id = $1 and id = any($2::uuid[])
"""
_USERS = """
select id, display_name, code, unit_id, roles, visibility, is_rep, active
from org_users where tenant_id = $1
"""
_REPS_OF_UNIT = """
select u.id, u.display_name, u.code, u.unit_id, u.roles, u.visibility, u.is_rep, u.active
from org_users u
left join lateral (
  select m.unit_id from org_memberships m
  where m.tenant_id = u.tenant_id and m.user_id = u.id and m.from_at <= now()
  order by m.from_at desc limit 1
) m on true
join org_closure c
  on c.tenant_id = u.tenant_id and c.ancestor_id = $2 and c.descendant_id = coalesce(m.unit_id, u.unit_id)
where u.tenant_id = $1 and u.is_rep and u.active
order by u.code, u.id
"""
_CAREERS = """
select u.id, u.is_rep, coalesce(m.from_at, '-infinity'::timestamptz) as from_at,
  n.id as team_id, n.path, n.region
from org_users u
left join org_memberships m on m.tenant_id = u.tenant_id and m.user_id = u.id
left join org_units n on n.tenant_id = u.tenant_id and n.id = coalesce(m.unit_id, u.unit_id)
where u.tenant_id = $1 and u.id = any($2::uuid[])
order by u.id, m.from_at
"""
_SUBTREE = "select descendant_id from org_closure where tenant_id = $1 and ancestor_id = $2"
_RATES = """
select r.currency, r.valid_on, r.rate
from unnest($2::text[], $3::date[]) as asked(currency, valid_on)
join org_rates r on r.tenant_id = $1 and r.currency = asked.currency and r.valid_on = asked.valid_on
"""


class RateMissing(Invalid):
    code = "rate_missing"
    title = "There is no exchange rate for that day"


class DirectoryBehind(Unavailable):
    code = "directory_behind"
    title = "The latest changes of the organisation have not arrived here yet"


class TenantUnknown(Unavailable):
    code = "tenant_not_yet_known"
    title = "This tenant's settings have not arrived here yet"


@dataclass(frozen=True, slots=True)
class Tenant:
    """`timezone` is an IANA name, `currency` an ISO 4217 code."""

    id: UUID
    name: str
    timezone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Person:
    """A user as the directory knows them."""

    id: UUID
    display_name: str
    code: str
    unit_id: UUID
    roles: tuple[str, ...]
    visibility: str
    is_rep: bool
    active: bool


def tenant_id_of(tx: Tx, tenant_id: UUID | None) -> UUID:
    """The tenant asked about: the transaction's, unless another is named."""
    found = tenant_id or tx.tenant_id
    if found is None:
        raise ValueError("a transaction without a tenant needs tenant_id")
    return found


async def check_directory(tx: Tx, org_version: int) -> None:
    """Raises DirectoryBehind (503) until the directory stands at this version of the transaction's tenant.

    A reaction to `cox.org` that asks the directory begins with it: they are read apart.
    """
    raw = await tx.raw()
    stands_at = await raw.fetchval("select seq from org_versions where tenant_id = $1", tx.tenant_id)
    if (stands_at or 0) < org_version:
        raise DirectoryBehind("Try again in a moment")


async def tenant_of(tx: Tx, tenant_id: UUID | None = None) -> Tenant:
    """The transaction's tenant. Raises TenantUnknown (503) until cox.org has told of it."""
    raw = await tx.raw()
    row = await raw.fetchrow(
        "select tenant_id, name, timezone, currency from org_tenants where tenant_id = $1",
        tenant_id_of(tx, tenant_id),
    )
    if row is None:
        raise TenantUnknown("Try again in a moment")
    return Tenant(*row)


async def credits_of(
    tx: Tx, user_ids: Iterable[UUID], *, at: datetime | None = None, tenant_id: UUID | None = None
) -> dict[UUID, Credit]:
    """Who gets credit, with the team they belonged to at `at` (now by default). Unknown users are left out.

    `rep_id` is None for people who are no reps; their team is told all the same.
    """
    wanted = list(set(user_ids))
    if not wanted:
        return {}
    raw = await tx.raw()
    rows = await raw.fetch(_CREDITS, tenant_id_of(tx, tenant_id), wanted, at)
    return {row["id"]: credit_from(row["id"], row) for row in rows}


async def credits_at(
    tx: Tx, asked: Iterable[tuple[UUID, datetime]], *, tenant_id: UUID | None = None
) -> dict[tuple[UUID, datetime], Credit]:
    """Like `credits_of`, for many people at many times by one statement: what a history asks."""
    pairs = list(set(asked))
    if not pairs:
        return {}
    raw = await tx.raw()
    users, times = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rows = await raw.fetch(_CREDITS_AT, tenant_id_of(tx, tenant_id), users, times)
    return {(row["user_id"], row["at"]): credit_from(row["user_id"], row) for row in rows}


async def credit_of(
    tx: Tx, user_id: UUID | None, *, at: datetime | None = None, tenant_id: UUID | None = None
) -> Credit:
    """The credit of one user; an empty one for nobody, and for users unknown here."""
    if user_id is None:
        return Credit()
    found = await credits_of(tx, (user_id,), at=at, tenant_id=tenant_id)
    return found.get(user_id, Credit())


async def team_credits_of(
    tx: Tx, unit_ids: Iterable[UUID], *, tenant_id: UUID | None = None
) -> dict[UUID, Credit]:
    """Credit of a team alone, for facts that nobody in particular did. Unknown units are left out."""
    raw = await tx.raw()
    rows = await raw.fetch(_TEAM_CREDITS, tenant_id_of(tx, tenant_id), list(set(unit_ids)))
    return {
        row["id"]: Credit(team_id=row["id"], team_path=tuple(row["path"]), team_region=row["region"])
        for row in rows
    }


async def people(tx: Tx, user_ids: Iterable[UUID], *, tenant_id: UUID | None = None) -> dict[UUID, Person]:
    """Users by id; unknown ones are left out."""
    raw = await tx.raw()
    query = f"{_USERS} and id = any($2::uuid[])"
    return {
        row["id"]: _person(row)
        for row in await raw.fetch(query, tenant_id_of(tx, tenant_id), list(set(user_ids)))
    }


async def reps(tx: Tx, *, tenant_id: UUID | None = None) -> list[Person]:
    """All active reps, by id."""
    raw = await tx.raw()
    query = f"{_USERS} and is_rep and active order by id"
    return [_person(row) for row in await raw.fetch(query, tenant_id_of(tx, tenant_id))]


async def reps_of_unit(tx: Tx, unit_id: UUID, *, tenant_id: UUID | None = None) -> list[Person]:
    """The active reps who now belong to a unit or to one below it, by code."""
    raw = await tx.raw()
    return [_person(row) for row in await raw.fetch(_REPS_OF_UNIT, tenant_id_of(tx, tenant_id), unit_id)]


async def users_by_name_or_code(
    tx: Tx, names: Sequence[str], *, tenant_id: UUID | None = None
) -> dict[str, list[Person]]:
    """The users whose code or display name is exactly that, as an import's owner column names them.

    A code counts before a name; several people of one name are all returned, names of nobody are left out.
    """
    raw = await tx.raw()
    wanted = list(set(names))
    query = f"{_USERS} and (code = any($2::text[]) or display_name = any($2::text[])) order by id"
    found = [_person(row) for row in await raw.fetch(query, tenant_id_of(tx, tenant_id), wanted)]
    by_name: dict[str, list[Person]] = {}
    for person in found:
        by_name.setdefault(person.display_name, []).append(person)
    by_code = {person.code: [person] for person in found}
    return {name: by_code.get(name) or by_name[name] for name in wanted if name in by_code or name in by_name}


async def subtree(tx: Tx, unit_id: UUID, *, tenant_id: UUID | None = None) -> list[UUID]:
    """A unit and all below it; empty for a unit unknown here."""
    raw = await tx.raw()
    return [row[0] for row in await raw.fetch(_SUBTREE, tenant_id_of(tx, tenant_id), unit_id)]


async def rates_on(
    tx: Tx, wanted: Iterable[tuple[str, date]], *, tenant_id: UUID | None = None
) -> dict[tuple[str, date], Decimal]:
    """What one unit of a currency is worth in the tenant's on a day; days without a rate are left out.

    The tenant's own currency is worth 1 on every day.
    """
    pairs = list(set(wanted))
    if not pairs:
        return {}
    own = (await tenant_of(tx, tenant_id)).currency
    known = {pair: Decimal(1) for pair in pairs if pair[0] == own}
    foreign = [pair for pair in pairs if pair[0] != own]
    if foreign:
        raw = await tx.raw()
        currencies, days = [pair[0] for pair in foreign], [pair[1] for pair in foreign]
        rows = await raw.fetch(_RATES, tenant_id_of(tx, tenant_id), currencies, days)
        known |= {(row["currency"], row["valid_on"]): row["rate"] for row in rows}
    return known


async def rate_on(tx: Tx, currency: str, day: date, *, tenant_id: UUID | None = None) -> Decimal:
    """The same for one. Raises RateMissing (422 `rate_missing`)."""
    found = (await rates_on(tx, [(currency, day)], tenant_id=tenant_id)).get((currency, day))
    if found is None:
        raise RateMissing(
            f"No rate of {currency} is set for {day.isoformat()}; an admin can set it under /v1/org"
        )
    return found


def credit_from(user_id: UUID, row: asyncpg.Record, prefix: str = "") -> Credit:
    """Of a user and the unit that the row holds; nothing to check again."""
    return Credit.model_construct(
        rep_id=user_id if row[f"{prefix}is_rep"] else None,
        team_id=row[f"{prefix}team_id"],
        team_path=tuple(row[f"{prefix}path"] or ()),
        team_region=row[f"{prefix}region"],
    )


def _person(row: asyncpg.Record) -> Person:
    return Person(
        id=row["id"],
        display_name=row["display_name"],
        code=row["code"],
        unit_id=row["unit_id"],
        roles=tuple(row["roles"]),
        visibility=row["visibility"],
        is_rep=row["is_rep"],
        active=row["active"],
    )


class Career:
    """Whose credit it is at which time: a person and the units they belonged to, in the order of time."""

    __slots__ = ("_credits", "_from")

    def __init__(self, spells: Sequence[tuple[datetime, Credit]]) -> None:
        self._from = [from_at for from_at, _ in spells]
        self._credits = [credit for _, credit in spells]

    def at(self, moment: datetime) -> Credit:
        """The credit as of a moment; of one before the first spell, the first."""
        return self._credits[max(0, bisect_right(self._from, moment) - 1)]


async def careers_of(
    tx: Tx, user_ids: Iterable[UUID], *, tenant_id: UUID | None = None
) -> dict[UUID, Career]:
    """The whole past (and planned future) of people, for facts of many times. Unknown users are left out."""
    wanted = list(set(user_ids))
    if not wanted:
        return {}
    raw = await tx.raw()
    spells: dict[UUID, list[tuple[datetime, Credit]]] = {}
    for row in await raw.fetch(_CAREERS, tenant_id_of(tx, tenant_id), wanted):
        # The driver's -infinity has no zone.
        from_at = row["from_at"] if row["from_at"].tzinfo else row["from_at"].replace(tzinfo=UTC)
        spells.setdefault(row["id"], []).append((from_at, credit_from(row["id"], row)))
    return {user: Career(found) for user, found in spells.items()}
