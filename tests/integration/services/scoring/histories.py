"""A company's random but repeatable past: leads that are won, lost, reopened and handed on, with late
events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from shared.events.envelope import Received
from shared.ids import new_id
from tests.integration.services.scoring.world import World

FIRST = datetime(2025, 11, 20, tzinfo=UTC)


def past_of(world: World, leads: int, random: Random) -> list[Received]:
    """The events of so many leads; the order between leads and activities is mixed, each stream's is kept."""
    streams: list[list[Received]] = []
    for _ in range(leads):
        lead = new_id()
        owned, activities = _lead(world, lead, random)
        streams.append(owned)
        streams += [[activity] for activity in activities]
    return mixed(streams, random)


def interleaved(events: Sequence[Received], random: Random) -> list[Received]:
    """Another order in which every aggregate still comes by its seq."""
    streams: dict[UUID, list[Received]] = {}
    for event in events:
        streams.setdefault(event.aggregate_id, []).append(event)
    return mixed(list(streams.values()), random)


def mixed(streams: Sequence[Sequence[Received]], random: Random) -> list[Received]:
    """One after the other from any stream, each in its own order."""
    left = [list(reversed(stream)) for stream in streams if stream]
    order: list[Received] = []
    while left:
        stream = random.choice(left)
        order.append(stream.pop())
        if not stream:
            left.remove(stream)
    return order


def _lead(world: World, lead: UUID, random: Random) -> tuple[list[Received], list[Received]]:
    reps = list(world.reps)
    at = FIRST + timedelta(minutes=random.randrange(120 * 24 * 60))
    where: dict[str, Any] = {
        "region": random.choice([None, "north"]),
        "product": random.choice(["desk", "lamp", None]),
        "channel": random.choice(["web", "fair"]),
    }
    start_known = random.random() < 0.8
    owned = [
        world.created(lead, at.isoformat(), random.choice([None, *reps]), start_known=start_known, **where)
    ]
    activities: list[Received] = []
    status, owner = "open", random.choice(reps)
    for _ in range(random.randrange(8)):
        at += timedelta(minutes=random.randrange(1, 20 * 24 * 60))
        # Sometimes a fact is told of later than it happened.
        when = (at - timedelta(days=random.choice([0, 0, 0, 3]))).isoformat()
        match random.choice(["assign", "pool", "respond", "move", "close", "act", "act"]):
            case "assign":
                owner = random.choice(reps)
                team = random.choice([None, "east", "west"])
                owned.append(world.assigned(lead, when, owner, team, **where))
            case "pool":
                owned.append(world.pooled(lead, when, owner, **where))
            case "respond":
                how = random.choice(["follow_up", "attempts"])
                owned.append(world.responded(lead, when, owner, random.randrange(9_999), how, **where))
            case "move" if status == "open":
                owned.append(world.moved(lead, when, owner, **where))
            case "close":
                was, status = status, "open" if status != "open" else random.choice(["won", "lost"])
                minor = random.choice([None, random.randrange(1, 10**9)]) if status == "won" else None
                owned.append(world.moved(lead, when, owner, status, minor, was, **where))
            case "act":
                kind = random.choice(["call", "visit", "task", "email"])
                rep = random.choice([owner, *reps, None])
                effective = random.random() < 0.7
                about = random.choice([lead, lead, lead, None])
                team = world.team_of[owner] if rep is None else None
                activities.append(
                    world.acted(about, when, rep, kind, team=team, effective=effective, **where)
                )
    return owned, activities
