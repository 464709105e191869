"""What merges made of a lead: whether it is a part of another, and what is done for its own parts. Pure."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from heapq import merge
from typing import Any, NamedTuple

from services.scoring.kpis.happenings import Happening, Place, Source

_MOST_LENT = 64
_Act = tuple[Source, Place]


class Joined(NamedTuple):
    """The newest merge of a lead (`is_part`), or its undoing. `start` at `place` is not counted meanwhile."""

    seq: int
    at_us: int
    is_part: bool
    start: Source | None
    place: Place


class Joint(NamedTuple):
    """`parts`: each lead that was ever a part, since which seq it is or is not, sorted. `lent`: the earliest
    effective activities for such leads while they were, sorted, each with that lead.
    """

    joined: Joined | None = None
    parts: tuple[tuple[str, int, bool], ...] = ()
    lent: tuple[tuple[Source, Place, str], ...] = ()

    @property
    def is_part(self) -> bool:
        return self.joined is not None and self.joined.is_part

    def after(self, happening: Happening) -> Joint:
        """With one more event; the very same object where it changes nothing."""
        match happening.kind:
            case "merged" | "unmerged":
                return self._with_joined(happening)
            case "absorbed" | "separated":
                return self._with_parts(happening)
            case _:
                return self._with_lent(happening)

    def counted(self, active: Sequence[_Act]) -> Iterable[_Act]:
        """The effective activities that count: those for the lead itself, up to when it became a part, and
        those for what is a part of it now.
        """
        own: Iterable[_Act] = active
        if self.joined is not None and self.joined.is_part:
            until = self.joined.at_us
            own = (act for act in active if act[0].at_us < until)
        if not self.lent:
            return own
        parts = {lead for lead, _, is_part in self.parts if is_part}
        return merge(own, ((source, place) for source, place, lead in self.lent if lead in parts))

    def _with_joined(self, happening: Happening) -> Joint:
        source = happening.source
        if self.joined is not None and self.joined.seq >= source.seq:
            return self
        joined = Joined(
            source.seq, source.at_us, happening.kind == "merged", happening.start, happening.place
        )
        return self._replace(joined=joined)

    def _with_parts(self, happening: Happening) -> Joint:
        seq, is_part = happening.source.seq, happening.kind == "absorbed"
        known = {lead: (at, was) for lead, at, was in self.parts}
        for lead in happening.leads:
            if lead not in known or known[lead][0] < seq:
                known[lead] = (seq, is_part)
        parts = tuple(sorted((lead, at, is_) for lead, (at, is_) in known.items()))
        return self if parts == self.parts else self._replace(parts=parts)

    def _with_lent(self, happening: Happening) -> Joint:
        if happening.lead is None:
            return self
        entry = (happening.source, happening.place, happening.lead)
        if len(self.lent) >= _MOST_LENT and self.lent[-1] < entry:
            return self
        entries = list(self.lent)
        insort(entries, entry)
        return self._replace(lent=tuple(entries[:_MOST_LENT]))

    def to_json(self) -> list[Any]:
        """Lists, texts and numbers only; equal ones are equal in JSON."""
        joined = self.joined and [
            *self.joined[:3], self.joined.start and [*self.joined.start], [*self.joined.place],
        ]  # fmt: skip
        lent = [[[*source], [*place], lead] for source, place, lead in self.lent]
        return [joined, self.parts, lent]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Joint:
        joined, parts, lent = stored
        return cls(
            joined and _joined(*joined),
            tuple((lead, seq, is_part) for lead, seq, is_part in parts),
            tuple((Source(*source), Place(*place), lead) for source, place, lead in lent),
        )


def _joined(seq: int, at_us: int, is_part: bool, start: Any, place: Any) -> Joined:
    return Joined(seq, at_us, is_part, start and Source(*start), Place(*place))


ALONE = Joint()
