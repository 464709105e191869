"""What one lead's events add up to: a pure fold, and the contributions that follow from its state.

Some facts happen once and for ever (a lead starts, an owner is given, a call is made): `occurrences`.
Others hold until something else is known (an outcome, a first response): they follow from the state, and
each event's effect is `difference(standing(old), standing(new))`. A state holds what decides, ordered by
event time, then stream, then aggregate and seq; it is the same whatever order the events arrived in.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from services.scoring.kpis.catalogue import Measure
from services.scoring.kpis.happenings import NOBODY, Happening, Place, Source
from services.scoring.kpis.joint import ALONE, Joint

EARLIEST = 64
"""How many changes of owner and effective activities a state keeps, the earliest: they decide the first
response.

The smallest 64 of a set do not depend on the order in which they came, and a busy lead's state stays small.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3600 * 1_000_000
_STATED = {"created": Measure.CREATED, "assigned": Measure.ASSIGNED, "moved": Measure.MOVED}
_COUNTED = {"visit": Measure.VISIT, "call": Measure.CALL, "task": Measure.TASK}


class Contribution(NamedTuple):
    """One fact: what it counts towards, on which day, and the event that establishes it."""

    measure: Measure
    day: date
    place: Place
    amount: int
    source: Source


class Outcome(NamedTuple):
    source: Source
    status: str
    place: Place
    minor: int | None


class LeadState(NamedTuple):
    """One lead's fold. `assigned` and `active` are sorted; `value` is the newest correction (at, seq,
    minor); `joint` is what merges made of it.

    A tuple, like what it is made of: several are made per lead and batch.
    """

    start_us: int | None = None
    assigned: tuple[tuple[int, int, int], ...] = ()
    active: tuple[tuple[Source, Place], ...] = ()
    outcome: Outcome | None = None
    value: tuple[int, int, int | None] | None = None
    joint: Joint = ALONE

    def to_json(self) -> list[Any]:
        """Lists and numbers only; equal states are equal in JSON."""
        outcome = self.outcome and [*map(_plain, self.outcome)]
        active = [[*map(_plain, entry)] for entry in self.active]
        own = [self.start_us, self.assigned, active, outcome, self.value]
        return own if self.joint == ALONE else [*own, self.joint.to_json()]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> LeadState:
        start, assigned, active, outcome, value, *joint = stored
        return cls(
            start,
            tuple((at, seq, rep) for at, seq, rep in assigned),
            tuple((Source(*source), Place(*place)) for source, place in active),
            outcome and Outcome(Source(*outcome[0]), outcome[1], Place(*outcome[2]), outcome[3]),
            value and (value[0], value[1], value[2]),
            Joint.from_json(joint[0]) if joint else ALONE,
        )


_NOTHING = LeadState()


def _plain(value: object) -> object:
    return [*value] if isinstance(value, tuple) else value


def microseconds(at: datetime) -> int:
    """Exact microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def local_time(at_us: int, zone: tzinfo) -> datetime:
    """The tenant's wall clock; UTC at the calendar's very ends, where no zone can be applied."""
    at = _EPOCH + timedelta(microseconds=at_us)
    try:
        return at.astimezone(zone).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return at.replace(tzinfo=None)


@lru_cache(maxsize=1 << 15)
def _day_of_hour(hour: int, zone: tzinfo) -> date | None:
    """The local day of an hour (counted from 1970, UTC); None where another begins or clocks change in it."""
    began = hour * _HOUR_US
    first, last = local_time(began, zone), local_time(began + _HOUR_US - 1, zone)
    steady = last - first == timedelta(microseconds=_HOUR_US - 1)
    return first.date() if steady and first.date() == last.date() else None


def local_day(at_us: int, zone: tzinfo) -> date:
    """The tenant's calendar day. Remembered by hours: most facts fall into few of them."""
    return _day_of_hour(at_us // _HOUR_US, zone) or local_time(at_us, zone).date()


def occurrences(happening: Happening, zone: tzinfo) -> list[Contribution]:
    """Facts that an event states by itself and nothing later takes back."""
    measure = _STATED.get(happening.kind)
    if measure is None and happening.kind == "acted":
        measure = _COUNTED.get(happening.activity or "")
    if happening.worked_s is not None:
        measure = Measure.WORKED_RESPONSE
    if measure is None:
        return []
    source, place = happening.source, happening.place
    day = local_day(source[0], zone)
    return [tuple.__new__(Contribution, (measure, day, place, happening.worked_s or 0, source))]


def advance(state: LeadState, happening: Happening, lead: str | None = None) -> LeadState:
    """The fold's step: the state with one more event; the very same object where it changes nothing.

    `lead` is whose state it is, where that is not the event's own.
    """
    source, place = happening.source, happening.place
    start, assigned, active, outcome, value, joint = state
    match happening.kind:
        case "created":
            return LeadState(source.at_us, assigned, active, outcome, value, joint)
        case "assigned":
            return _with_assigned(state, (source.at_us, source.seq, place.rep))
        case "pooled":
            return _with_assigned(state, (source.at_us, source.seq, NOBODY))
        case "moved":
            newer = Outcome(source, happening.outcome or "open", place, happening.minor)
            return (
                state if _later(outcome, newer) else LeadState(start, assigned, active, newer, value, joint)
            )
        case "updated":
            corrected = (source.at_us, source.seq, happening.minor)
            if value and value[:2] >= corrected[:2]:
                return state
            return LeadState(start, assigned, active, outcome, corrected, joint)
        case "acted" if lead in (None, happening.lead):
            return _with_active(state, source, place)
        case _:
            changed = joint.after(happening)
            return state if changed is joint else state._replace(joint=changed)


def _later(known: Outcome | None, outcome: Outcome) -> bool:
    return known is not None and _order(known.source) >= _order(outcome.source)


def _order(source: Source) -> tuple[int, int]:
    return source.at_us, source.seq


def _with_assigned(state: LeadState, entry: tuple[int, int, int]) -> LeadState:
    start, assigned, active, outcome, value, joint = state
    if len(assigned) >= EARLIEST and assigned[-1] < entry:
        return state
    entries = list(assigned)
    insort(entries, entry)
    return LeadState(start, tuple(entries[:EARLIEST]), active, outcome, value, joint)


def _with_active(state: LeadState, source: Source, place: Place) -> LeadState:
    start, assigned, active, outcome, value, joint = state
    if len(active) >= EARLIEST and active[-1][0] < source:
        return state
    entries = list(active)
    insort(entries, (source, place))
    return LeadState(start, assigned, tuple(entries[:EARLIEST]), outcome, value, joint)


def standing(state: LeadState, zone: tzinfo) -> list[Contribution]:
    """The facts that hold in this state: the outcome that stands, its revenue and cycle, the first
    response. What is a part of another lead has no outcome.
    """
    facts: list[Contribution] = []
    if state.outcome is not None and state.outcome.status != "open" and not state.joint.is_part:
        facts += _outcome_facts(state, state.outcome, zone)
    response = first_response(state)
    if response is not None:
        (source, place), seconds = response
        facts.append(Contribution(Measure.RESPONSE, local_day(source.at_us, zone), place, seconds, source))
    return facts


def withheld(state: LeadState, zone: tzinfo) -> list[Contribution]:
    """What was stated once and does not count in this state: the start of what is a part of another lead."""
    joined = state.joint.joined
    if not state.joint.is_part or joined is None or joined.start is None:
        return []
    return [Contribution(Measure.CREATED, local_day(joined.start[0], zone), joined.place, 0, joined.start)]


def _outcome_facts(state: LeadState, outcome: Outcome, zone: tzinfo) -> Iterable[Contribution]:
    source, place = outcome.source, outcome.place
    day = local_day(source.at_us, zone)
    if outcome.status == "lost":
        return [Contribution(Measure.LOST, day, place, 0, source)]
    facts = [Contribution(Measure.WON, day, place, 0, source)]
    corrected = state.value is not None and state.value[:2] > _order(source)
    minor = state.value[2] if corrected and state.value is not None else outcome.minor
    if minor is not None:
        facts.append(Contribution(Measure.REVENUE, day, place, minor, source))
    if state.start_us is not None:
        # By the wall clock: from noon to noon is a whole number of days, also where the clocks changed
        # between.
        lasted = local_time(source.at_us, zone) - local_time(state.start_us, zone)
        facts.append(Contribution(Measure.CYCLE, day, place, lasted // timedelta(seconds=1), source))
    return facts


def first_response(state: LeadState) -> tuple[tuple[Source, Place], int] | None:
    """The first effective activity for it or for a part of it, from the first assignment on, by who owned it
    then; seconds between.
    """
    first = next((at for at, _, rep in state.assigned if rep != NOBODY), None)
    if first is None:
        return None
    for source, place in state.joint.counted(state.active):
        if place.rep == _owner_at(state.assigned, source.at_us):
            return (source, place), (source.at_us - first) // 1_000_000
    return None


def _owner_at(assigned: Sequence[tuple[int, int, int]], at_us: int) -> int:
    """The owner at a time, 0 before the first; at equal times the assignment comes before the activity."""
    owner = 0
    for at, _, rep in assigned:
        if at > at_us:
            break
        owner = rep
    return owner


def difference(old: Sequence[Contribution], new: Sequence[Contribution]) -> list[tuple[Contribution, int]]:
    """New minus old: +1 for what now holds, -1 for what no longer does, nothing for what stays."""
    if not old:
        return [(fact, 1) for fact in new]
    counted = Counter(new)
    counted.subtract(old)
    return [(fact, sign) for fact, sign in counted.items() if sign]


@dataclass(slots=True)
class Folded:
    """What a batch of one tenant comes to: facts to append, and the states that changed."""

    facts: list[tuple[Contribution, int]] = field(default_factory=list)
    changed: dict[str, LeadState] = field(default_factory=dict)


def fold(happenings: Iterable[Happening], states: Mapping[str, LeadState], zone: tzinfo) -> Folded:
    """Fold a batch over the states of its leads, as far as they have any."""
    facts: list[tuple[Contribution, int]] = []
    changed: dict[str, LeadState] = {}
    for happening in happenings:
        for fact in occurrences(happening, zone):
            facts.append((fact, 1))  # noqa: PERF401 - there is one at most
        for lead in happening.concerned:
            known = changed.get(lead) or states.get(lead) or _NOTHING
            advanced = advance(known, happening, lead)
            if advanced is not known:
                changed[lead] = advanced
    for lead, state in changed.items():
        before = states.get(lead, _NOTHING)
        facts += difference(standing(before, zone), standing(state, zone))
        if state.joint is not before.joint:
            facts += difference(withheld(state, zone), withheld(before, zone))
    return Folded(facts, changed)
