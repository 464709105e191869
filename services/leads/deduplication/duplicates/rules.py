"""Which keys a lead has, and which lead came first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from shared.errors import Conflict, FieldError, Invalid

Action = Literal["off", "flag", "block", "merge"]
Kind = Literal["phone", "email", "credit_code", "wecom_id", "family", "company"]
_EXACT: tuple[Kind, ...] = ("wecom_id", "phone", "email", "credit_code")


class PolicyImpossible(Invalid):
    code = "policy_impossible"
    title = "Names that are alike are a matter for people"


class DuplicateLead(Conflict):
    code = "duplicate_lead"
    title = "There is such a lead already"

    def __init__(self, kind: Kind, first_id: UUID, detail: str = "") -> None:
        field = "phone" if kind == "family" else kind
        what = "somebody of the family" if kind == "family" else f"another lead with this {field}"
        said = detail or f"there is {what} already"
        super().__init__(said, errors=[FieldError(f"/{field}", self.code, said)])
        self.kind: Kind = kind
        self.first_id = first_id


class Key(NamedTuple):
    """One exact key; tuples, so that sorting gives the one order in which all writers take their locks."""

    kind: str
    value: str


class Claim(NamedTuple):
    """A new lead and the keys it has."""

    lead_id: UUID
    keys: tuple[Key, ...]


def keys_of(
    phones: Iterable[str], email: str | None, credit_code: str | None = None, wecom_id: str | None = None
) -> tuple[Key, ...]:
    """Keys of normalised values; phones are E.164 with extension, as in `+8613800138000;ext=802`."""
    pairs = (("credit_code", credit_code), ("email", email), ("wecom_id", wecom_id))
    single = [Key(kind, value) for kind, value in pairs if value]
    return (*single, *(Key("phone", phone) for phone in phones))


def duplicates(claims: Iterable[Claim], holders: Mapping[Key, UUID]) -> dict[UUID, UUID]:
    """For each lead that repeats another: that other lead.

    The holder of its WeCom id before the phones', these before the e-mail's, and the credit code's last.
    """
    found: dict[UUID, UUID] = {}
    for claim in claims:
        others = [holders[key] for key in sorted(claim.keys, reverse=True) if holders[key] != claim.lead_id]
        if others:
            found[claim.lead_id] = others[0]
    return found


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done with a lead that repeats another, by what they share. `family`: its phone is that of
    somebody named as a relative of the other's person; `company`: the names are alike.
    """

    phone: Action = "flag"
    email: Action = "flag"
    credit_code: Action = "flag"
    wecom_id: Action = "flag"
    family: Action = "off"
    company: Action = "off"
    version: int = 0

    def of(self, kind: str) -> Action:
        action: Action = getattr(self, kind)
        return action

    @property
    def only_flags(self) -> bool:
        """Nothing but exact keys is asked, and nobody is kept out."""
        return self.family == "off" and all(self.of(kind) == "flag" for kind in _EXACT)

    @property
    def blocking(self) -> tuple[str, ...]:
        """What no two leads may share."""
        return tuple(kind for kind in _EXACT if self.of(kind) == "block")

    @property
    def merges(self) -> bool:
        return "merge" in (self.family, *map(self.of, _EXACT))


FLAGS = Policy()


def check_policy(policy: Policy) -> None:
    """Raises PolicyImpossible."""
    if policy.company in ("block", "merge"):
        detail = "off or flag: whether companies with names alike are one, somebody has to look"
        raise PolicyImpossible(detail, errors=[FieldError("/company", PolicyImpossible.code, detail)])


class Repeat(NamedTuple):
    """Another lead, and what both share."""

    kind: Kind
    first_id: UUID


@dataclass(frozen=True, slots=True)
class Screened:
    """What a policy says of new leads: which repeat others, and which are kept out. `holders`: of their new
    keys those that belong to somebody else now, or to nobody.
    """

    repeats: Mapping[UUID, UUID]
    blocked: Mapping[UUID, Repeat]
    holders: Mapping[Key, UUID | None]


def screen(
    claims: Iterable[Claim], holders: Mapping[Key, UUID], family: Mapping[str, UUID], policy: Policy
) -> Screened:
    """Hold new leads, one after the other, against what is known and against those before them.

    `holders` of all keys, as claimed for the first new lead that has one; `family`: the lead that names a
    relative with this phone. Who is kept out holds nothing.
    """
    claims = list(claims)
    new = {claim.lead_id for claim in claims}
    held = {key: holder for key, holder in holders.items() if holder not in new}
    repeats: dict[UUID, UUID] = {}
    blocked: dict[UUID, Repeat] = {}
    for claim in claims:
        found = [each for each in repeats_of(claim, held, family) if policy.of(each.kind) != "off"]
        stop = next((each for each in found if policy.of(each.kind) == "block"), None)
        if stop is not None:
            blocked[claim.lead_id] = stop
            continue
        if found:
            repeats[claim.lead_id] = found[0].first_id
        for key in claim.keys:
            held.setdefault(key, claim.lead_id)
    changed = {key: held.get(key) for key, holder in holders.items() if holder in new}
    return Screened(repeats, blocked, {key: to for key, to in changed.items() if to != holders[key]})


def repeats_of(claim: Claim, held: Mapping[Key, UUID], family: Mapping[str, UUID]) -> list[Repeat]:
    """The other leads that have a key of this one, in the order of `duplicates`; families last."""
    found = [
        Repeat(kind, held[key])
        for kind in _EXACT
        for key in sorted(claim.keys, reverse=True)
        if key.kind == kind and held.get(key, claim.lead_id) != claim.lead_id
    ]
    phones = (key.value for key in claim.keys if key.kind == "phone")
    named = (family[phone] for phone in phones if phone in family)
    return found + [Repeat("family", first) for first in named if first != claim.lead_id]
