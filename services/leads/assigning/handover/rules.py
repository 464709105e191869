"""Who takes over which lead: one after the other to whoever has the fewest then. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.rules import (
    Candidate,
    Consulted,
    Reason,
    Rule,
    Verdict,
    choose,
    decide,
)
from shared.errors import Conflict

Outcome = Literal["given", "do_not_contact", "nobody_eligible"]


class SituationChanged(Conflict):
    code = "situation_changed"
    title = "It would come out otherwise than previewed; look at a new preview"


@dataclass(frozen=True, slots=True)
class Handed:
    """What becomes of one lead: its new owner, who had `open_leads` before, or why there is none."""

    lead_id: UUID
    outcome: Outcome
    owner_id: UUID | None
    open_leads: int | None
    consulted: tuple[Consulted, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What one candidate gets; `reason` says why nothing. `most_open`: as many open leads are too many."""

    user_id: UUID
    open_leads: int
    given: int
    most_open: int | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """All of it: leads in the order in which they were given, candidates in theirs.

    `pool_id` is where those go whom nobody gets; None: they stay.
    """

    leads: tuple[Handed, ...]
    shares: tuple[Share, ...]
    pool_id: UUID | None

    @property
    def digest(self) -> str:
        """The same for what comes out the same, of the same leads and loads."""
        leads = [(str(one.lead_id), one.outcome, str(one.owner_id), one.open_leads) for one in self.leads]
        shares = [(str(one.user_id), one.open_leads, one.most_open, one.reason) for one in self.shares]
        told = json.dumps([leads, shares, str(self.pool_id)], separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()


def least_loaded(user_ids: Sequence[UUID], unit_id: UUID | None, max_open_leads: int | None) -> Rule:
    """The rule of one redistribution: version 0, since it is kept nowhere."""
    return Rule(
        id=UUID(int=0),
        version=0,
        name="redistribution",
        position=0,
        strategy="least_loaded",
        user_ids=tuple(user_ids),
        unit_id=unit_id,
        max_open_leads=max_open_leads,
    )


def distribute(
    rule: Rule, leads: Sequence[tuple[UUID, Facts]], candidates: Sequence[Candidate], pool_id: UUID | None
) -> Distribution:
    """Each lead to whoever has the fewest open ones then; among equals to the first of the candidates.

    Turns of other rules play no part: what is in hand counts.
    """
    before = {one.user_id: one.open_leads for one in candidates}
    now = {one.user_id: replace(one, last_turn=0) for one in candidates}
    handed = []
    for lead_id, facts in leads:
        owner, consulted = decide([rule], facts, {rule.id: list(now.values())})
        handed.append(_handed(lead_id, owner, facts, now[owner].open_leads if owner else None, consulted))
        if owner:
            now[owner] = replace(now[owner], open_leads=now[owner].open_leads + 1)
    found = choose(rule, Facts(), list(now.values()))
    last = next((one.consulted[-1].verdicts for one in reversed(handed) if one.owner_id), found)
    shares = [_share(one, before[one.user_id], now[one.user_id]) for one in last]
    return Distribution(tuple(handed), tuple(shares), pool_id)


def _share(verdict: Verdict, before: int, after: Candidate) -> Share:
    given = after.open_leads - before
    reason = None if given or verdict.reason == "chosen" else verdict.reason
    return Share(verdict.user_id, before, given, verdict.most_open, reason)


def _handed(
    lead_id: UUID, owner: UUID | None, facts: Facts, open_leads: int | None, consulted: Sequence[Consulted]
) -> Handed:
    nobody: Outcome = "do_not_contact" if facts.do_not_contact else "nobody_eligible"
    return Handed(lead_id, "given" if owner else nobody, owner, open_leads, tuple(consulted))


def check_digest(previewed: str | None, distribution: Distribution) -> None:
    """Raises SituationChanged where something else was previewed."""
    if previewed is not None and previewed != distribution.digest:
        raise SituationChanged("leads, loads, absences or limits are not what they were then")


def together(before: Sequence[Share], now: Sequence[Share]) -> tuple[Share, ...]:
    """What each candidate gets by several distributions, one after the other."""
    first = {one.user_id: one for one in before}
    merged = [_both(first.pop(one.user_id), one) if one.user_id in first else one for one in now]
    return (*first.values(), *merged)


def _both(before: Share, now: Share) -> Share:
    given = before.given + now.given
    reason = None if given else now.reason
    return Share(now.user_id, before.open_leads, given, now.most_open, reason)


@dataclass(frozen=True, slots=True)
class HandedLead:
    """A lead that changed hands because its owner left: who got it then, or the pool that it was put into."""

    lead_id: UUID
    at: datetime
    owner_id: UUID | None
    pool_id: UUID | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an open lead is now: its owner and since when, or its pool and since when.

    `touched`: somebody followed it up effectively, moved or changed it since it changed hands.
    """

    owner_id: UUID | None
    owned_since: datetime | None
    pool_id: UUID | None
    pooled_at: datetime | None
    touched: bool


def is_untouched(handed: HandedLead, now: Standing) -> bool:
    """Whether it lies as it was handed over: in the same hands without a break, and nobody did anything."""
    if now.touched:
        return False
    if handed.owner_id is not None:
        return (now.owner_id, now.owned_since) == (handed.owner_id, handed.at)
    return (now.pool_id, now.pooled_at) == (handed.pool_id, handed.at)
