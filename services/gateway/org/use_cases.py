"""What can be done to an organisation. Each takes the tenant's row first: changes run one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from services.gateway.calendars import use_cases as calendars
from services.gateway.identity import use_cases as identity
from services.gateway.org import listing, rules, tables
from services.gateway.org.rules import (
    CodeTaken,
    Rate,
    RateNotPositive,
    Unit,
    UnitInUse,
    User,
)
from services.gateway.partners import use_cases as partners
from services.gateway.tenancy import use_cases as tenancy
from services.gateway.tenancy.rules import Tenant
from services.gateway.tenancy.use_cases import check_version, locked_tenant, record
from shared.access.roles import visibility_of
from shared.contracts import org as events
from shared.contracts.base import Event
from shared.contracts.org import UnitKind, Visibility
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, Invalid, NotFound


class UnknownUnit(Invalid):
    code = "unknown_unit"
    title = "There is no such active unit"


class InactiveUser(Conflict):
    code = "user_inactive"
    title = "The user is not active"


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit to make; `parent_id` may be the id of another unit of the same call."""

    id: UUID
    parent_id: UUID | None
    kind: UnitKind
    code: str
    name: str
    calendar_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to make. Without e-mail nobody can sign in as them; `visibility` None: as their roles say."""

    id: UUID
    display_name: str
    code: str
    unit_id: UUID
    roles: tuple[str, ...]
    visibility: Visibility | None = None
    active: bool = True
    email: str | None = None
    password_hash: str | None = None


async def create_tenant(tx: Tx, tenant: Tenant, *, root: NewUnit, admin: NewUser, now: datetime) -> User:
    """A tenant with its company and its admin, who sees and may do everything in it."""
    unit = _unit(root)
    user = _user(admin, version=0, now=now)
    seqs = await tenancy.create_tenant(tx, tenant, others=[_unit_fact(unit), user_fact(user)], now=now)
    unit, user = replace(unit, version=seqs[0]), replace(user, version=seqs[1])
    await tables.insert_units(tx, [unit], {unit.id: [(unit.id, 0)]})
    await tables.insert_users(tx, [user])
    await _open_accounts(tx, [admin], now)
    return user


async def create_units(tx: Tx, wanted: Sequence[NewUnit], *, now: datetime) -> list[Unit]:
    """Units in the order given. Raises UnknownUnit, UnitMisplaced, CodeTaken, UnknownCalendar."""
    await locked_tenant(tx)
    present = {unit.id: unit for unit in await tables.load_units(tx)}
    _check_codes((unit.code for unit in present.values()), [unit.code for unit in wanted])
    by_id = {unit.id: unit for unit in wanted}
    made: dict[UUID, Unit] = {}
    for unit_id in rules.in_tree_order((unit.id, unit.parent_id) for unit in wanted):
        new = by_id[unit_id]
        if new.parent_id is None:
            raise UnknownUnit("Give parent_id: the tenant has its root already")
        parent = made.get(new.parent_id) or present.get(new.parent_id)
        if parent is None or not parent.active:
            raise UnknownUnit(f"There is no active unit {new.parent_id}")
        rules.check_unit_place(new.kind, parent.kind)
        await calendars.check_usable(tx, new.calendar_id)
        made[unit_id] = _unit(new)
    versions = await record(tx, [_unit_fact(unit) for unit in made.values()], now)
    stored = {
        unit.id: replace(unit, version=version) for unit, version in zip(made.values(), versions, strict=True)
    }
    parents = {unit.id: unit.parent_id for unit in [*present.values(), *stored.values()]}
    lineage = {unit_id: rules.closure_of(parents, unit_id) for unit_id in stored}
    await tables.insert_units(tx, list(stored.values()), lineage)
    return [stored[unit.id] for unit in wanted]


async def change_unit(
    tx: Tx, unit_id: UUID, changes: Mapping[str, object], *, if_match: int | None, now: datetime
) -> Unit:
    """Change its code, name, calendar, `active`. A unit with active units or users in it stays active."""
    await locked_tenant(tx)
    unit = await unit_of(tx, unit_id)
    check_version(unit.version, if_match)
    changed = replace(unit, **changes)  # type: ignore[arg-type]  # the route's model holds the field types
    if changed == unit:
        return unit
    if (
        unit.active
        and not changed.active
        and (unit.parent_id is None or await tables.unit_in_use(tx, unit_id))
    ):
        raise UnitInUse
    if changed.calendar_id != unit.calendar_id:
        await calendars.check_usable(tx, changed.calendar_id)
    if changed.code != unit.code:
        others = await tables.load_units(tx, tables.units.c.code == changed.code)
        _check_codes((other.code for other in others), [changed.code])
    [version] = await record(tx, [_unit_fact(changed)], now)
    changed = replace(changed, version=version)
    await tables.store_unit(tx, changed)
    return changed


async def create_users(tx: Tx, wanted: Sequence[NewUser], *, now: datetime) -> list[User]:
    """Users in the order given. Raises UnknownUnit, CodeTaken, EmailTaken."""
    await locked_tenant(tx)
    units = {unit.id for unit in await tables.load_units(tx) if unit.active}
    for new in wanted:
        if new.unit_id not in units:
            raise UnknownUnit(f"There is no active unit {new.unit_id}")
    codes = [new.code for new in wanted]
    present = await tables.load_users(tx, tables.users.c.code.in_(codes))
    _check_codes((user.code for user in present), codes)
    made = [_user(new, version=0, now=now) for new in wanted]
    versions = await record(tx, [user_fact(user) for user in made], now)
    made = [replace(user, version=version) for user, version in zip(made, versions, strict=True)]
    await tables.insert_users(tx, made)
    await _open_accounts(tx, wanted, now)
    return made


async def change_user(
    tx: Tx,
    user_id: UUID,
    changes: Mapping[str, object],
    *,
    may_admin: bool,
    if_match: int | None,
    now: datetime,
) -> User:
    """Change name, code, roles, visibility, `active`. Who is deactivated loses every session and API key."""
    await locked_tenant(tx)
    user = await user_of(tx, user_id)
    check_version(user.version, if_match)
    rules.check_grant(may_admin, user.roles)
    changed = _changed_user(user, changes)
    if changed == user:
        return user
    still_admin = changed.active and "admin" in changed.roles
    rules.check_admin_stays(await tables.active_admins(tx), user_id, still_admin)
    if changed.code != user.code:
        others = await tables.load_users(tx, tables.users.c.code == changed.code)
        _check_codes((other.code for other in others), [changed.code])
    return await _store_changed(tx, user, changed, now)


async def confirm_user(tx: Tx, user: User, *, now: datetime) -> int:
    """Older tokens of a user are no longer good, as after a new password; the user's version of that."""
    facts = [user_fact(user), events.AccessChanged(principal_id=user.id, revoked=not user.active)]
    versions = await record(tx, facts, now)
    await tables.store_user(tx, replace(user, version=versions[0]))
    return versions[0]


async def _store_changed(tx: Tx, user: User, changed: User, now: datetime) -> User:
    facts: list[Event] = [user_fact(changed)]
    if user.active != changed.active:
        facts.append(events.AccessChanged(principal_id=user.id, revoked=not changed.active))
        await identity.enable_account(tx, user.id, enabled=changed.active, now=now)
        if not changed.active:
            await partners.revoke_keys_of(tx, user.id, now=now)
    versions = await record(tx, facts, now)
    changed = replace(changed, version=versions[0])
    await tables.store_user(tx, changed)
    return changed


def _changed_user(user: User, changes: Mapping[str, object]) -> User:
    """Without a visibility of their own they see as far as their roles."""
    given = {name: value for name, value in changes.items() if name != "visibility" or value is not None}
    changed = replace(user, **given)  # type: ignore[arg-type]  # the route's model holds the field types
    if "roles" in changes:
        changed = replace(changed, is_rep="rep" in changed.roles)
    if changes.keys() & {"roles", "visibility"} and "visibility" not in given:
        changed = replace(changed, visibility=visibility_of(changed.roles))
    return changed


async def set_rates(tx: Tx, wanted: Sequence[tuple[str, date, Decimal]], *, now: datetime) -> list[Rate]:
    """Set the worth of currencies on days, in the tenant's currency; a known day's rate is replaced."""
    tenant = await locked_tenant(tx)
    for index, (currency, _, rate) in enumerate(wanted):
        if currency == tenant.currency:
            detail = f"{currency} is the tenant's own currency"
            raise Invalid(detail, errors=[FieldError(f"/items/{index}/currency", "own_currency", detail)])
        if rate <= 0:
            raise RateNotPositive
    facts = [events.RateSet(currency=c, valid_on=day, rate=format(rate, "f")) for c, day, rate in wanted]
    versions = await record(tx, facts, now)
    made = [Rate(c, day, rate, version) for (c, day, rate), version in zip(wanted, versions, strict=True)]
    await tables.store_rates(tx, made)
    return made


async def unit_of(tx: Tx, unit_id: UUID) -> Unit:
    """Raises NotFound, also for what the caller may not see."""
    for unit in await tables.load_units(
        tx, tables.units.c.id == unit_id, listing.visible_units(tx, listing.access_of(tx))
    ):
        return unit
    raise NotFound("There is no such unit")


async def user_of(tx: Tx, user_id: UUID) -> User:
    """Raises NotFound, also for whom the caller may not see."""
    for user in await tables.load_users(
        tx, tables.users.c.id == user_id, listing.visible_users(tx, listing.access_of(tx))
    ):
        return user
    raise NotFound("There is no such user")


async def units_have_calendar(tx: Tx, calendar_id: UUID) -> bool:
    """Whether an active unit that the transaction sees has it."""
    return await tables.units_have_calendar(tx, calendar_id)


async def is_unit_open(tx: Tx, unit_id: UUID) -> bool:
    """Whether it is an active unit that the transaction sees."""
    return bool(await tables.load_units(tx, tables.units.c.id == unit_id, tables.units.c.active))


async def seen_among(tx: Tx, user_ids: Iterable[UUID]) -> dict[UUID, User]:
    """Those of these users whom the transaction sees."""
    found = await tables.load_users(tx, tables.users.c.id.in_(list(user_ids)))
    return {user.id: user for user in found}


async def active_among(tx: Tx, user_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of them who are active."""
    found = await seen_among(tx, user_ids)
    return frozenset(user.id for user in found.values() if user.active)


async def admins_of(tx: Tx) -> list[User]:
    """The tenant's active admins, the first made first; there is always one."""
    return await tables.load_users(tx, tables.users.c.id.in_(await tables.active_admins(tx)))


def _check_codes(present: Iterable[str], wanted: Sequence[str]) -> None:
    taken = set(present)
    for code in wanted:
        if code in taken:
            raise CodeTaken(
                f"The code {code!r} is in use", errors=[FieldError("/code", "code_taken", "in use")]
            )
        taken.add(code)


def _unit(new: NewUnit) -> Unit:
    return Unit(
        new.id,
        new.parent_id,
        new.kind,
        new.code,
        new.name,
        active=True,
        version=0,
        calendar_id=new.calendar_id,
    )


def _user(new: NewUser, *, version: int, now: datetime) -> User:
    roles = tuple(sorted(set(new.roles)))
    visibility = new.visibility or visibility_of(roles)
    return User(
        new.id,
        new.display_name,
        new.code,
        new.unit_id,
        roles,
        visibility,
        is_rep="rep" in roles,
        active=new.active,
        version=version,
        created_at=now,
    )


async def _open_accounts(tx: Tx, wanted: Sequence[NewUser], now: datetime) -> None:
    for new in wanted:
        if new.email is not None:
            await identity.open_account(
                tx, new.id, new.email, password_hash=new.password_hash, enabled=new.active, now=now
            )


def _unit_fact(unit: Unit) -> Event:
    return events.UnitDefined(
        unit_id=unit.id,
        parent_id=unit.parent_id,
        kind=unit.kind,
        code=unit.code,
        name=unit.name,
        active=unit.active,
        calendar_id=unit.calendar_id,
    )


def user_fact(user: User) -> Event:
    return events.UserDefined(
        user_id=user.id,
        display_name=user.display_name,
        code=user.code,
        unit_id=user.unit_id,
        roles=user.roles,
        visibility=user.visibility,
        is_rep=user.is_rep,
        active=user.active,
    )
