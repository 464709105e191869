"""People of a file and people of the org: found by code or name, made where the mapping says so; whole orgs
too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.gateway.identity.rules import normal_email
from services.gateway.identity.use_cases import users_of_emails
from services.gateway.imports.org_rows import WantedOrg, WantedUnit, WantedUser, code_of
from services.gateway.imports.rules import Problem
from services.gateway.org import listing
from services.gateway.org import use_cases as org
from services.gateway.org.rules import Unit, User
from services.gateway.org.use_cases import NewUnit, NewUser
from shared.database.transactions import Tx
from shared.errors import CoxError
from shared.ids import new_id


@dataclass(slots=True)
class Found:
    """Ids by name as the file has it; `ambiguous` are names of several people."""

    ids: dict[str, UUID] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)


async def find_people(tx: Tx, names: Iterable[str]) -> Found:
    """Who these are. A code counts before an e-mail address, that before a name; a name that several people
    have is nobody's.
    """
    wanted = sorted(set(names))
    found = Found()
    if not wanted:
        return found
    known = await listing.users_called(tx, wanted)
    by_code = {user.code: user.id for user in known}
    addresses = {name.lower() for name in wanted if "@" in name} - by_code.keys()
    by_code |= await users_of_emails(tx, sorted(addresses)) if addresses else {}
    for name in wanted:
        sole = by_code.get(name) or by_code.get(name.lower() if "@" in name else name)
        named = [sole] if sole else [user.id for user in known if user.display_name == name]
        if len(named) == 1:
            found.ids[name] = named[0]
        elif named:
            found.ambiguous.add(name)
    return found


async def add_inactive_reps(tx: Tx, names: Iterable[str], now: datetime) -> dict[str, UUID]:
    """People known from a log only: inactive reps of the root unit, with the name that the log has."""
    root = next(unit for unit in await listing.all_units(tx) if unit.parent_id is None)
    wanted = sorted(set(names))
    new = [
        NewUser(new_id(), name, code, root.id, ("rep",), active=False)
        for name, code in zip(wanted, await _free_codes(tx, wanted), strict=True)
    ]
    made = await org.create_users(tx, new, now=now)
    return {user.display_name: user.id for user in made}


async def _free_codes(tx: Tx, names: Sequence[str]) -> list[str]:
    """A code for each name: of two names that come to the same code, the second keeps its own spelling."""
    codes = [code_of(name) for name in names]
    taken = {user.code for user in await listing.users_called(tx, codes)}
    free: list[str] = []
    for name, code in zip(names, codes, strict=True):
        free.append(name if code in taken else code)
        taken.add(code)
    return free


@dataclass(slots=True)
class Brought:
    """What became of an org: how many of each, and the rows that could not be taken."""

    units_created: int = 0
    units_changed: int = 0
    users_created: int = 0
    users_changed: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


async def bring_org(tx: Tx, wanted: WantedOrg, now: datetime, *, dry_run: bool = False) -> Brought:
    """Make the units and users that are missing; names follow the file. Nobody changes team: that is a
    transfer.

    The transaction is the tenant's: the org import runs whole or not at all.
    """
    brought = Brought(problems=list(wanted.problems))
    units = {unit.code: unit for unit in await listing.all_units(tx)}
    root = next(unit for unit in units.values() if unit.parent_id is None)
    ids = await _bring_units(tx, wanted.units.values(), units, root, brought, now, dry_run)
    names = [user.code for user in wanted.users.values()]
    users = {user.code: user for user in await listing.users_called(tx, names) if user.code in set(names)}
    new: list[NewUser] = []
    for user in wanted.users.values():
        unit_id = root.id if user.unit is None else ids[user.unit]
        known = users.get(user.code)
        if known is None:
            _plan(new, user, unit_id, brought)
        else:
            await _check_user(tx, known, user, unit_id, brought, now, dry_run)
    brought.users_created = len(new)
    if new and not dry_run:
        await _create(tx, new, wanted, brought, now)
    return brought


def _plan(new: list[NewUser], user: WantedUser, unit_id: UUID, brought: Brought) -> None:
    try:
        email = None if user.email is None else normal_email(user.email)
    except CoxError as error:
        brought.problems.append(Problem(user.line, "email", "bad_email", error.detail))
        return
    role = "manager" if user.manages else "rep"
    new.append(NewUser(new_id(), user.name, user.code, unit_id, (role,), email=email))


async def _bring_units(
    tx: Tx, wanted: Iterable[WantedUnit], known: Mapping[str, Unit], root: Unit, brought: Brought,
    now: datetime, dry_run: bool,
) -> dict[str, UUID]:  # fmt: skip
    ids = {code: unit.id for code, unit in known.items()}
    new: list[NewUnit] = []
    for unit in wanted:
        present = known.get(unit.code)
        if present is None:
            ids[unit.code] = new_id()
            parent = root.id if unit.parent is None else ids[unit.parent]
            new.append(NewUnit(ids[unit.code], parent, unit.kind, unit.code, unit.name))
        elif present.name != unit.name:
            brought.units_changed += 1
            if not dry_run:
                await org.change_unit(tx, present.id, {"name": unit.name}, if_match=None, now=now)
        else:
            brought.unchanged += 1
    brought.units_created = len(new)
    if new and not dry_run:
        await org.create_units(tx, new, now=now)
    return ids


async def _check_user(
    tx: Tx, known: User, wanted: WantedUser, unit_id: UUID, brought: Brought, now: datetime, dry_run: bool
) -> None:
    if known.unit_id != unit_id:
        detail = f"{wanted.name!r} is in another unit; a transfer moves people, with its date"
        brought.problems.append(Problem(wanted.line, "rep", "in_another_unit", detail))
    elif known.display_name != wanted.name:
        brought.users_changed += 1
        if not dry_run:
            changes = {"display_name": wanted.name}
            await org.change_user(tx, known.id, changes, may_admin=True, if_match=None, now=now)
    else:
        brought.unchanged += 1


async def _create(tx: Tx, new: Sequence[NewUser], wanted: WantedOrg, brought: Brought, now: datetime) -> None:
    """All at once; where one is refused, one by one, so that the others are made."""
    try:
        async with tx.conn.begin_nested():
            await org.create_users(tx, new, now=now)
        return
    except CoxError:
        brought.users_created = 0
    for user in new:
        try:
            async with tx.conn.begin_nested():
                await org.create_users(tx, [user], now=now)
            brought.users_created += 1
        except CoxError as error:
            line = wanted.users[user.code].line
            brought.problems.append(Problem(line, None, error.problem_code, error.detail))
