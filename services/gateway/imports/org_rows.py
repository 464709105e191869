"""A row per rep becomes the org that it implies: regions, teams, their managers, the reps."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from services.gateway.imports.rules import Fields, Note, Problem, RowError, check_line, needed

_NOT_IN_CODE = re.compile(r"[^\w]+")
_LONGEST = {"rep": 200, "code": 64, "email": 254, "team": 200, "manager": 200, "region": 200}


@dataclass(frozen=True, slots=True)
class WantedUnit:
    """A region (`parent` None: under the root) or a team; `parent` is its region's code."""

    code: str
    name: str
    kind: Literal["region", "team"]
    parent: str | None


@dataclass(frozen=True, slots=True)
class WantedUser:
    """A rep or a manager, and the code of their unit (None: the root)."""

    code: str
    name: str
    unit: str | None
    manages: bool
    line: int
    email: str | None = None


@dataclass(slots=True)
class WantedOrg:
    """What a file asks for, each once, units before what stands under them."""

    units: dict[str, WantedUnit] = field(default_factory=dict)
    users: dict[str, WantedUser] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def code_of(name: str) -> str:
    """A name as a code: lower case, words joined by `-`; letters of any script stay."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return (_NOT_IN_CODE.sub("-", plain).strip("-") or name)[:64]


def wanted_org(rows: Iterable[tuple[int, Fields]]) -> WantedOrg:
    """The org of all rows. A row that contradicts an earlier one is a problem and changes nothing."""
    org = WantedOrg()
    for line, fields in rows:
        try:
            _add_row(org, line, fields)
        except RowError as fault:
            org.problems.append(fault.at(line))
    return org


def _add_row(org: WantedOrg, line: int, fields: Fields) -> None:
    name = needed(fields, "rep")
    for field_name, longest in _LONGEST.items():
        check_line(fields, field_name, longest)
    units = _units_of(fields)
    for unit in units:
        _check_place(org, unit)
    team = units[-1].code if units else None
    rep = WantedUser(fields.get("code") or code_of(name), name, team, False, line, fields.get("email"))
    people = [rep]
    if "manager" in fields:
        people.insert(0, WantedUser(code_of(fields["manager"]), fields["manager"], team, True, line))
    for person in people:
        _check_person(org, person)
    org.units.update({unit.code: unit for unit in units if unit.code not in org.units})
    for person in people:
        known = org.users.setdefault(person.code, person)
        if known.manages and known.unit != person.unit:
            org.users[person.code] = replace(known, unit=_above_both(org, known.unit, person.unit))


def _units_of(fields: Fields) -> Sequence[WantedUnit]:
    found: list[WantedUnit] = []
    if "region" in fields:
        found.append(WantedUnit(code_of(fields["region"]), fields["region"], "region", None))
    team = fields.get("team") or fields.get("manager")
    if team is not None:
        region = found[0].code if found else None
        found.append(WantedUnit(_team_code(team, region), team, "team", region))
    return found


def _team_code(team: str, region: str | None) -> str:
    """Units share one space of codes: a team that is called as its region is told apart from it."""
    code = code_of(team)
    return f"{code}-team" if code == region else code


def _above_both(org: WantedOrg, one: str | None, other: str | None) -> str | None:
    """Where somebody stands who manages two teams: in their region, or in the root."""
    regions = {
        org.units[code].parent if org.units[code].kind == "team" else code for code in (one, other) if code
    }
    return regions.pop() if len(regions) == 1 and one and other else None


def _check_place(org: WantedOrg, unit: WantedUnit) -> None:
    known = org.units.get(unit.code)
    if known is not None and (known.kind, known.parent) != (unit.kind, unit.parent):
        raise RowError(
            unit.kind, "contradiction", f"{unit.name!r} stands elsewhere in an earlier row ({known.parent})"
        )


def _check_person(org: WantedOrg, person: WantedUser) -> None:
    known = org.users.get(person.code)
    if known is None or (person.manages and known.manages and known.name == person.name):
        return
    if not person.manages and not known.manages and (known.name, known.unit) == (person.name, person.unit):
        raise RowError("rep", "duplicate_row", f"{person.name!r} is in line {known.line} already")
    if person.manages != known.manages:
        raise RowError(
            "rep", "contradiction", f"{person.name!r} is both a manager and a rep (line {known.line})"
        )
    if (known.name, known.unit) != (person.name, person.unit):
        raise RowError(
            "rep", "contradiction", f"{person.name!r} is in line {known.line} already, in another team"
        )
