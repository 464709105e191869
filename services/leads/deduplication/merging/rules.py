"""Which leads may be merged, what the one takes over from the other, and what goes back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.leads.capture.intake.lead import Lead
from shared.errors import Conflict, FieldError, Forbidden, Invalid

MOST_PARTS = 50
"""So many leads are one at most: whatever is asked of it looks at all of them."""

_MOST_PHONES = 20
# By the name that users know, the columns that go together.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "phone": ("phone", "phone_extension", "other_phones", "phone_text"),
    "email": ("email", "email_text"),
    "credit_code": ("credit_code", "credit_code_text"),
    "wecom_id": ("wecom_id",),
    "company": ("company",),
    "source": ("source",),
    "channel": ("channel",),
    "campaign": ("campaign",),
    "region": ("region",),
    "product": ("product",),
    "value": ("value_minor", "value_currency", "value_tenant_minor"),
    "label": ("label",),
    "value_class": ("value_class",),
    "intent": ("intent",),
    "do_not_contact": ("do_not_contact",),
}


class IntoItself(Invalid):
    code = "into_itself"
    title = "A lead is not merged into itself"


class WonMerged(Conflict):
    code = "won_merged"
    title = "A won lead is merged into no other: merge the other one into it"


class BothWon(Conflict):
    code = "both_won"
    title = "Both leads are won: they are two deals, and stay two"


class LostAbsorbs(Conflict):
    code = "lost_absorbs"
    title = "A lost lead takes in no open one: merge it the other way round, or reopen it first"


class TooManyParts(Conflict):
    code = "too_many_parts"
    title = "So many leads are not merged into one"


class MergeNotAllowed(Forbidden):
    code = "merge_not_allowed"
    title = "What lies in a pool is merged by those who see more than their own leads"


class NotMerged(Conflict):
    code = "not_merged"
    title = "The lead is a part of no other one"


class MergedFurther(Conflict):
    code = "merged_further"
    title = "The lead that it was merged into was merged itself: undo that first"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one lead took over from another: fields by name, which of its numbers (by place), tags, and keys
    of custom fields.
    """

    fields: tuple[str, ...] = ()
    phones: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Taken:
        return cls(**{name: tuple(told.get(name, ())) for name in cls.__slots__})


def check_merge(one: Lead, other: Lead, parts: int, *, only_own: bool) -> None:
    """Whether one lead may be merged into the other, neither being a part of a third; `parts`: how many that
    would then be in all. `only_own`: by somebody who sees only their own.

    Raises IntoItself, BothWon, WonMerged, LostAbsorbs, MergeNotAllowed, TooManyParts.
    """
    if one.id == other.id:
        detail = "name another lead"
        raise IntoItself(detail, errors=[FieldError("/into", IntoItself.code, detail)])
    if one.status == "won":
        raise BothWon if other.status == "won" else WonMerged
    if one.status == "open" and other.status == "lost":
        raise LostAbsorbs
    if only_own and (one.pooled_at is not None or other.pooled_at is not None):
        raise MergeNotAllowed
    if parts > MOST_PARTS:
        raise TooManyParts(f"they would be {parts}, and {MOST_PARTS} are most")


@dataclass(frozen=True, slots=True)
class Lost:
    """What a lead has no longer, of all that may be taken over."""

    fields: frozenset[str]
    phones: frozenset[str]
    tags: frozenset[str]
    custom: frozenset[str]


def taken_over(lead: Lead, part: Lead, only: Lost | None = None) -> tuple[Lead, Taken]:
    """The lead with all that it lacks and the part has: a wish not to be contacted is what a lead may lack,
    too. What both have stays as the lead has it; what rules said of the part they say of the lead themselves.

    `only`: no more than this; what somebody emptied stays empty.
    """
    fields = tuple(
        name
        for name in _FIELDS
        if _lacks(lead, name)
        and not _lacks(part, name)
        and name not in part.ruled
        and (only is None or name in only.fields)
    )
    new = lead._replace(**{column: getattr(part, column) for name in fields for column in _FIELDS[name]})
    phones = tuple(at for at in _further(new, part) if only is None or part.phone_keys[at] in only.phones)
    tags = tuple(tag for tag in part.tags if tag not in lead.tags and (only is None or tag in only.tags))
    custom = tuple(
        key for key in part.custom if key not in lead.custom and (only is None or key in only.custom)
    )
    new = new._replace(
        other_phones=(*new.other_phones, *(part.phone_keys[at] for at in phones)),
        tags=(*lead.tags, *tags),
        custom=lead.custom | {key: part.custom[key] for key in custom},
    )
    return new, Taken(fields, phones, tags, custom)


def _lacks(lead: Lead, name: str) -> bool:
    return getattr(lead, _FIELDS[name][0]) in (None, "", False)


def _further(lead: Lead, part: Lead) -> tuple[int, ...]:
    """Places of the part's numbers that the lead, which has some, does not have."""
    room = _MOST_PHONES - len(lead.phone_keys)
    further = (at for at, key in enumerate(part.phone_keys) if key not in lead.phone_keys)
    return tuple(further)[: max(room, 0)]


@dataclass(frozen=True, slots=True)
class Part:
    """A lead that is a part, and what was taken over from it."""

    lead: Lead
    taken: Taken


def given_back(
    lead: Lead,
    part: Part,
    others: Sequence[Part],
    changed: Collection[str],
    known: Callable[[Lead], bool],
) -> tuple[Lead, list[Taken]]:
    """The lead without what it took over from the part, as far as nobody changed it since: `changed` are
    fields that somebody did. `others` are the parts that stay, oldest first: what they have takes its place;
    what is now taken over from each of them comes along. Where nobody would be `known` by what is left, names
    and numbers stay.
    """
    less = _without(lead, part, changed, {tag for one in others for tag in one.taken.tags})
    if not known(less):
        kept = ("name", "company", "phone", "email")
        columns = [column for name in kept for column in _FIELDS[name]]
        less = less._replace(**{column: getattr(lead, column) for column in columns})
    taken, lost = [], _lost(lead, less)
    for other in others:
        less, more = taken_over(less, other.lead, lost)
        taken.append(_together(other.taken, more))
    return less, taken


def _lost(before: Lead, after: Lead) -> Lost:
    return Lost(
        frozenset(name for name in _FIELDS if _lacks(after, name) and not _lacks(before, name)),
        frozenset(before.phone_keys) - frozenset(after.phone_keys),
        frozenset(before.tags) - frozenset(after.tags),
        frozenset(before.custom) - frozenset(after.custom),
    )


def _without(lead: Lead, part: Part, changed: Collection[str], kept_tags: Collection[str]) -> Lead:
    theirs, taken = part.lead, part.taken
    back = [
        name
        for name in taken.fields
        if name not in changed and all(getattr(lead, c) == getattr(theirs, c) for c in _FIELDS[name][:1])
    ]
    empty: dict[str, Any] = {column: _EMPTY.get(column) for name in back for column in _FIELDS[name]}
    less = lead._replace(**empty)
    if "phone" not in back:
        gone = {theirs.phone_keys[at] for at in taken.phones if at < len(theirs.phone_keys)}
        less = less._replace(other_phones=tuple(key for key in less.other_phones if key not in gone))
    tags = tuple(tag for tag in less.tags if tag not in taken.tags or tag in kept_tags)
    custom = {
        key: value
        for key, value in less.custom.items()
        if key not in taken.custom or value != theirs.custom.get(key)
    }
    return less._replace(tags=tags, custom=custom)


_EMPTY: Mapping[str, Any] = {"other_phones": (), "do_not_contact": False}


def _together(before: Taken, more: Taken) -> Taken:
    return Taken(*(tuple(dict.fromkeys((*getattr(before, n), *getattr(more, n)))) for n in Taken.__slots__))
