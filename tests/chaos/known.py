"""What the users of a run remember of their leads; what became of them meanwhile they learn by asking."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_REMEMBERED = 5000
_TRIES = 8


@dataclass(slots=True)
class Lead:
    """A lead as its users last saw it: its status, or `merged`."""

    id: str
    status: str = "open"


class Known:
    """The newest few thousand leads, and the merges that nobody has asked to undo."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._leads: list[Lead] = []
        self._merges: list[tuple[Lead, str]] = []

    def remember(self, lead_id: str) -> None:
        """One more, in the place of another once there are many."""
        if len(self._leads) < _REMEMBERED:
            self._leads.append(Lead(lead_id))
        else:
            self._leads[self._chance.randrange(_REMEMBERED)] = Lead(lead_id)

    def lead(self, *statuses: str) -> Lead | None:
        """Any lead of these statuses, as far as is known; a few tries, for most are open."""
        for _ in range(_TRIES if self._leads else 0):
            lead = self._chance.choice(self._leads)
            if lead.status in statuses:
                return lead
        return None

    def two(self) -> tuple[Lead, Lead] | None:
        """Two leads that may be one."""
        one, other = self.lead("open", "lost"), self.lead("open", "won")
        return None if one is None or other is None or one is other else (one, other)

    def merged(self, lead: Lead, mark: str) -> None:
        """It is a part of another, by the merge of that mark."""
        lead.status = "merged"
        self._merges.append((lead, mark))

    def merge(self) -> tuple[Lead, str] | None:
        """A merge to be undone, the lead and the mark; each is given once."""
        return self._merges.pop(self._chance.randrange(len(self._merges))) if self._merges else None
