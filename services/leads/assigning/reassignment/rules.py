"""Which of many leads change hands, to whom each goes, and what keeps the others. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from services.leads.assigning.assignment.rules import Consulted, Reason, Verdict
from shared.errors import Conflict, Invalid

Way = Literal["one", "least_loaded", "turns", "rules"]
State = Literal["running", "done", "stopped"]
Why = Literal["by_hand", "rights_changed", "filters_outdated", "no_rules"]
Bar = Literal[
    "lead_closed", "lead_merged", "lead_erased", "owner_changed", "do_not_contact", "same_owner",
    "assign_not_allowed", "unfit_owner", "cooling_off", "cap_in_hand",
    "full", "absent", "inactive", "not_a_rep", "unknown_user", "nobody_eligible",
]  # fmt: skip
"""Why a lead stays where it is: because of itself, of the pool that it lies in, or of who was to have it."""
EXAMPLES = 20
_BY_HAND: frozenset[Reason] = frozenset({"unknown_user", "inactive"})
_OF_PEOPLE: Mapping[Reason, Bar] = {
    "unknown_user": "unknown_user",
    "inactive": "inactive",
    "not_a_rep": "not_a_rep",
    "absent": "absent",
}
_FREE = frozenset({
    "chosen", "next_in_turn_was_another", "another_has_fewer_open_leads", "another_is_owed_more",
})  # fmt: skip


class WhichTakers(Invalid):
    code = "which_takers"
    title = "Say to whom: one user, several, a unit's reps, or whom the rules choose"


class WhichLeads(Invalid):
    code = "which_leads"
    title = "Say which leads: by filters, by a view, or both"


class TooManyLeads(Invalid):
    code = "too_many_leads"
    title = "Too many leads match for one reassignment; narrow the filters"


class NoRules(Conflict):
    code = "no_rules"
    title = "No assignment rule is active"


class AlreadyEnded(Conflict):
    code = "already_ended"
    title = "Nothing of it is left to stop"


@dataclass(frozen=True, slots=True)
class Goal:
    """To whom leads are to go: users in order or a unit's reps, all of whom count as full with so many open
    leads; or whom the assignment rules choose.
    """

    way: Way
    user_ids: tuple[UUID, ...] = ()
    unit_id: UUID | None = None
    max_open_leads: int | None = None


class Seen(Protocol):
    """What of a lead decides whether it may change hands."""

    @property
    def id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def owner_id(self) -> UUID | None: ...
    @property
    def pool_id(self) -> UUID | None: ...
    @property
    def pooled_at(self) -> datetime | None: ...
    @property
    def do_not_contact(self) -> bool: ...
    @property
    def merged_into(self) -> UUID | None: ...
    @property
    def erased_at(self) -> datetime | None: ...


class Outcome(NamedTuple):
    """What becomes of a lead: its new owner, with what the rules found where they chose; or what bars it.

    None of both: a preview of rules did not come that far.
    """

    lead_id: UUID
    before: UUID | None
    owner_id: UUID | None
    bar: Bar | None
    consulted: Sequence[Consulted] = ()


def bar_of(lead: Seen) -> Bar | None:
    """What keeps a lead where it is, whoever was to have it."""
    checks: tuple[tuple[bool, Bar], ...] = (
        (lead.erased_at is not None, "lead_erased"),
        (lead.merged_into is not None, "lead_merged"),
        (lead.status != "open", "lead_closed"),
        (lead.do_not_contact, "do_not_contact"),
    )
    return next((bar for bars, bar in checks if bars), None)


def pool_of(lead: Seen) -> UUID | None:
    """The pool that it lies in."""
    return lead.pool_id if lead.pooled_at is not None else None


def has_moved(seen: Seen, now: Seen) -> bool:
    """Whether a lead is no longer in the hands, or in the pool, that it was seen in."""
    return (seen.owner_id, seen.pooled_at, seen.pool_id) != (now.owner_id, now.pooled_at, now.pool_id)


def has_moved_since(lead: Seen, owned_since: datetime | None, asked_at: datetime) -> bool:
    """Whether it came into its owner's hands, or its pool, only after that moment."""
    since = lead.pooled_at if lead.owner_id is None else owned_since
    return since is not None and since > asked_at


def could_have(verdicts: Iterable[Verdict], user_id: UUID) -> bool:
    """Whether nothing stood in somebody's way when a rule looked at them."""
    return any(one.user_id == user_id and one.reason in _FREE for one in verdicts)


Refuses = Callable[[UUID], Bar | None]
"""Why somebody cannot have the lead in question."""


@dataclass(slots=True)
class Taker:
    """Somebody who is to have leads. `open_leads` and `given`, which is what this reassignment has given them
    so far, grow; with `most_open` they are full. `bar`: they get none at all.
    """

    user_id: UUID
    open_leads: int
    most_open: int | None = None
    bar: Bar | None = None
    given: int = 0

    @property
    def barred(self) -> Bar | None:
        if self.bar is None and self.most_open is not None and self.open_leads >= self.most_open:
            return "full"
        return self.bar


def takers(goal: Goal, verdicts: Sequence[Verdict], given: Mapping[UUID, int]) -> list[Taker]:
    """Those of a goal, in its order, as they were found; the one who is named alone may be absent, or no rep,
    as wherever leads are given by hand.
    """
    return [
        Taker(
            one.user_id,
            one.candidate.open_leads,
            one.most_open,
            _OF_PEOPLE.get(one.reason) if goal.way != "one" or one.reason in _BY_HAND else None,
            given.get(one.user_id, 0),
        )
        for one in verdicts
    ]


class Sharing:
    """Leads one after the other to takers: to whoever has the fewest open ones, or was given the fewest;
    among equals to the first. What one of them has already stays, so what they have only grows.
    """

    def __init__(self, way: Way, found: Sequence[Taker]) -> None:
        self.takers = {one.user_id: one for one in found}
        self._listed = list(found)
        self._by_load = way == "least_loaded"
        self._waiting = [(self._rank(one), at) for at, one in enumerate(found) if one.barred is None]
        heapify(self._waiting)

    def choose(self, lead: Seen, refuses: Refuses) -> Outcome:
        """Whoever gets the lead has it from then on."""
        if lead.owner_id in self.takers:
            return Outcome(lead.id, lead.owner_id, None, "same_owner")
        refused: list[tuple[int, int]] = []
        bar: Bar | None = None
        chosen = None
        while self._waiting and chosen is None:
            one = self._listed[self._waiting[0][1]]
            refusal = refuses(one.user_id)
            if refusal is None:
                chosen = one.user_id
                self._take(one)
            else:
                bar = bar or refusal
                refused.append(heappop(self._waiting))
        for place in refused:
            heappush(self._waiting, place)
        return Outcome(lead.id, lead.owner_id, chosen, None if chosen else bar or self._why())

    def _take(self, one: Taker) -> None:
        one.open_leads += 1
        one.given += 1
        if one.barred is None:
            heapreplace(self._waiting, (self._rank(one), self._waiting[0][1]))
        else:
            heappop(self._waiting)

    def _rank(self, one: Taker) -> int:
        return one.open_leads if self._by_load else one.given

    def _why(self) -> Bar:
        bars = {one.barred for one in self._listed}
        bar = bars.pop() if len(bars) == 1 else None
        return bar or "nobody_eligible"


@dataclass(slots=True)
class Tally:
    """What becomes of leads, counted: `given` and `taken` by user, `matching` by who has them now (None:
    nobody), `kept` by reason, the first ones as `examples`.
    """

    matching: Counter[UUID | None] = field(default_factory=Counter)
    given: Counter[UUID] = field(default_factory=Counter)
    taken: Counter[UUID] = field(default_factory=Counter)
    kept: Counter[Bar] = field(default_factory=Counter)
    undecided: int = 0
    examples: list[Outcome] = field(default_factory=list)
    _sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for one in outcomes:
            self.matching[one.before] += 1
            if one.owner_id is not None:
                self.given[one.owner_id] += 1
                if one.before is not None:
                    self.taken[one.before] += 1
            elif one.bar is not None:
                self.kept[one.bar] += 1
            else:
                self.undecided += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(one)
            self._sha256.update(f"{one.lead_id} {one.before} {one.owner_id} {one.bar}\n".encode())

    @property
    def leads(self) -> int:
        return self.matching.total()

    @property
    def digest(self) -> str:
        """The same for what comes out the same, of the same leads in the same hands."""
        found: str = self._sha256.hexdigest()
        return found
