"""Hindsight on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.decision_models import ConsultedOut, users_in
from services.leads.assigning.assignment.explanation import explained
from services.leads.assigning.assignment.models import RuleIn
from services.leads.assigning.hindsight.rules import Otherwise
from services.leads.assigning.hindsight.use_cases import Hindsight
from shared.web.wire import Id, Timestamp, WireModel

MOST_SHOWN = 100


class LookBackIn(WireModel):
    """A rule as it might have been, in the place of another or beside all; or that other left out."""

    rule: RuleIn | None = None
    instead_of: Id | None = Field(default=None, description="An active rule.")
    days: Annotated[int, Field(ge=1, le=31)] = 7


class PortionOut(WireModel):
    """How many leads somebody was given, and how many they would have been. `user_id` null: nobody."""

    user_id: Id | None
    display_name: str | None
    given: int
    would_be_given: int


class OtherwiseOut(WireModel):
    """A lead that would have gone to somebody else, and why. Of the rule asked about `rule_id` is null."""

    lead_id: Id
    at: Timestamp
    given_to: Id | None
    would_be_given_to: Id | None
    rules: list[ConsultedOut]

    @classmethod
    def of(cls, one: Otherwise, names: Mapping[UUID, str]) -> OtherwiseOut:
        return cls(
            lead_id=one.made.lead_id,
            at=one.made.at,
            given_to=one.made.owner_id,
            would_be_given_to=one.would,
            rules=[ConsultedOut.of(stored, names) for stored in explained(one.consulted)],
        )


class LookBackOut(WireModel):
    """Every decision since `from_at` made once more, in their order.

    Leads, profiles, skills and what was reached are as they are now; open leads, turns and absences as they
    were. `leads`: the newest 100 that would have gone elsewhere.
    """

    decisions: int
    changed: int
    from_at: Timestamp | None = Field(description="Of the first decision; null: there was none.")
    cut: bool = Field(description="There were more before: only the newest 2,000 are looked at.")
    portions: list[PortionOut]
    leads: list[OtherwiseOut]

    @classmethod
    def of(cls, found: Hindsight, names: Mapping[UUID, str]) -> LookBackOut:
        decisions = found.decisions
        changed = changed_in(found)
        given = Counter(one.made.owner_id for one in decisions)
        would = Counter(one.would for one in decisions)
        portions = [
            PortionOut(
                user_id=user,
                display_name=names.get(user) if user else None,
                given=given[user],
                would_be_given=would[user],
            )
            for user in sorted({*given, *would}, key=lambda user: (-would[user], -given[user], str(user)))
        ]
        return cls(
            decisions=len(decisions),
            changed=len(changed),
            from_at=decisions[0].made.at if decisions else None,
            cut=found.cut,
            portions=portions,
            leads=[OtherwiseOut.of(one, names) for one in changed[-MOST_SHOWN:]],
        )


def changed_in(found: Hindsight) -> list[Otherwise]:
    return [one for one in found.decisions if one.would != one.made.owner_id]


def users_of(found: Hindsight) -> set[UUID]:
    """Everybody whom the answer names."""
    shown = users_in([explained(one.consulted) for one in changed_in(found)[-MOST_SHOWN:]])
    named = {user for one in found.decisions for user in (one.made.owner_id, one.would) if user}
    return shown | named
