"""What there is and who may be told of it: the visibility rule once more, in plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

TENANT_WIDE = frozenset({
    "pipeline", "rule", "response rule", "automation rule", "calendar", "custom field", "notice",
    "listed person", "classification rule", "import mapping", "form", "code",
    "campaign", "campaign cost",
})  # fmt: skip
"""What every person of a tenant may read; each other kind has owners."""
_KNOWN_BY_ID = TENANT_WIDE | {"user", "unit", "pool"}
"""Ids that stand in much of a tenant's data (an owner's, say); to be read about them takes more."""
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MARK = re.compile(rb"mk[0-9a-f]{16}")
FACTS = ("/v1/kpis", "/v1/leaderboards")
LISTS = {"user": "/v1/org/users", "unit": "/v1/org/units", "pool": "/v1/pools"}


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose a thing is: a person and the unit that counts."""

    user: str | None
    unit: str | None


@dataclass(slots=True)
class Someone:
    """A person with a session. `visibility` as given when they were made."""

    id: str
    tenant: str
    unit: str
    role: str
    visibility: str
    scopes: frozenset[str]
    token: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """Anything with an id. `mark` is a word in it that stands nowhere else; `creator` counts while nobody
    owns it; `credits` are all who ever had it, `about` the lead of an activity.
    """

    kind: str
    id: str
    tenant: str
    owner: Credit = Credit(None, None)
    creator: str | None = None
    mark: str = ""
    credits: tuple[Credit, ...] = ()
    about: str | None = None


@dataclass
class World:
    """`parents` of units, `people` and `things` by id, things by their `marks`, activities by what they are
    `about`.
    """

    parents: dict[str, str | None] = field(default_factory=dict)
    people: dict[str, Someone] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    marks: dict[str, Thing] = field(default_factory=dict)
    about: dict[str, list[Thing]] = field(default_factory=dict)

    def add(self, thing: Thing) -> None:
        self.things[thing.id] = thing
        if thing.mark:
            self.marks[thing.mark] = thing
        if thing.about:
            self.about.setdefault(thing.about, []).append(thing)

    def of_kind(self, kind: str) -> list[Thing]:
        return [thing for thing in self.things.values() if thing.kind == kind]

    def in_line(self, unit: str | None, other: str | None) -> bool:
        """Whether one of the units is the other, or stands above it."""
        if unit is None or other is None:
            return False
        return self._stands_above(unit, other) or self._stands_above(other, unit)

    def _stands_above(self, above: str, unit: str | None) -> bool:
        while unit is not None and unit != above:
            unit = self.parents.get(unit)
        return unit is not None

    def leads(self, person: Someone, credit: Credit, creator: str | None = None) -> bool:
        """Own, team, subtree or tenant: whether what has this credit, in their tenant, is theirs to see."""
        if person.visibility == "tenant" or credit.user == person.id:
            return True
        if credit.user is None and creator == person.id:
            return True
        if person.visibility == "team":
            return credit.unit == person.unit
        return person.visibility == "subtree" and self._stands_above(person.unit, credit.unit)

    def may_see(self, person: Someone, thing: Thing) -> bool:
        """Whether a person may read a thing itself."""
        if thing.tenant != person.tenant:
            return False
        match thing.kind:
            case "unit":
                return person.visibility == "tenant" or self.in_line(person.unit, thing.id)
            case "pool":
                if person.visibility == "tenant" or "config:write" in person.scopes:
                    return True
                return person.id == thing.owner.user or self._sees_a_member(person, thing.owner.unit or "")
            case "lead" | "activity" | "user" | "absence":
                return self.leads(person, thing.owner, thing.creator)
            case "import" | "key":
                return thing.owner.user == person.id or person.role == "admin"
            case "export":
                decides = "config:write" in person.scopes and person.visibility == "tenant"
                return thing.owner.user == person.id or decides
            case "reassignment":
                return thing.owner.user == person.id or person.visibility == "tenant"
            case "session":
                return thing.owner.user == person.id
            case "e-mail":
                return thing.owner.user == person.id or "org:write" in person.scopes
        return thing.kind in TENANT_WIDE

    def _sees_a_member(self, person: Someone, unit: str) -> bool:
        """Whether a rep of a unit, or of one below it, is this person, or one whose leads they see."""
        return any(
            each.role == "rep"
            and self._stands_above(unit, each.unit)
            and self.leads(person, Credit(each.id, each.unit))
            for each in self.people.values()
        )

    def may_hear(self, person: Someone, thing: Thing, path: str) -> bool:
        """Whether a person may be told of a thing's id at a path: credit outlives ownership, the history of a
        lead names what others did about it, and an activity the lead that was theirs then.
        """
        if self.may_see(person, thing):
            return True
        if thing.tenant != person.tenant:
            return False
        if thing.kind in _KNOWN_BY_ID:
            return not path.startswith(LISTS.get(thing.kind, "/nowhere"))
        if path.startswith(FACTS):
            return any(self.leads(person, credit) for credit in thing.credits)
        if path.startswith("/v1/activities"):
            return any(self.may_see(person, each) for each in self.about.get(thing.id, ()))
        about = self.things.get(thing.about or "")
        return about is not None and path.startswith("/v1/leads/") and self.may_see(person, about)

    def leaks(self, person: Someone, path: str, body: bytes, asked: Iterable[str] = ()) -> list[str]:
        """What a body tells this person and must not; `asked` are ids that they named themselves."""
        told = {found.decode() for found in _UUID.findall(body)} - set(asked)
        found = [
            f"the id of {thing.kind} {thing.id}"
            for thing in (self.things.get(each) for each in sorted(told))
            if thing is not None and not self.may_hear(person, thing, path)
        ]
        words = {word.decode() for word in MARK.findall(body)}
        return found + [
            f"the content of {thing.kind} {thing.id}"
            for thing in (self.marks.get(each) for each in sorted(words))
            if thing is not None and not self.may_see(person, thing)
        ]
