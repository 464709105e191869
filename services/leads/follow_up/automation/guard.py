"""What keeps rules from setting one another off for ever. Pure.

Events made by a run follow from the event that it ran on: so a chain can be followed from its first event on.
In a chain each rule runs once on a lead, and a chain is MOST_DEEP runs long at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

MOST_DEEP = 5

Stop = Literal["loop", "too_deep"]


@dataclass(frozen=True, slots=True)
class Link:
    """A run of a rule on an event of a lead. `depth`: how many runs had to be, one after the other."""

    event_id: UUID
    chain_id: UUID
    depth: int
    rule_id: UUID


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a run on an event would stand: the chain's first event, how deep, and what has run in it."""

    id: UUID
    depth: int
    ran: frozenset[UUID] = frozenset()


def chain_of(event_id: UUID, causation_id: UUID | None, links: Iterable[Link]) -> Chain:
    """The chain of an event that follows from `causation_id`; `links` are earlier runs on its lead."""
    known = list(links)
    parent = next((link for link in known if link.event_id == causation_id), None)
    if parent is None:
        chain_id, depth = event_id, 1
    else:
        chain_id, depth = parent.chain_id, parent.depth + 1
    return Chain(chain_id, depth, frozenset(link.rule_id for link in known if link.chain_id == chain_id))


def ran_on(event_id: UUID, rule_id: UUID, links: Iterable[Link]) -> bool:
    """Whether the rule is done with the event."""
    return any((link.event_id, link.rule_id) == (event_id, rule_id) for link in links)


def stopped(chain: Chain, rule_id: UUID) -> Stop | None:
    """Why a rule does not run in a chain; None: it may."""
    if rule_id in chain.ran:
        return "loop"
    return "too_deep" if chain.depth > MOST_DEEP else None
