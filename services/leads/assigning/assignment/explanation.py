"""A decision as it is stored and shown: every rule looked at, every candidate with figures and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.rules import Consulted, Verdict


def explained(consulted: Sequence[Consulted]) -> list[dict[str, Any]]:
    """JSON of a decision, rules in the order in which they were asked; one of version 0 is kept nowhere."""
    return [
        {
            "rule_id": str(one.rule.id) if one.rule.version else None,
            "rule_version": one.rule.version or None,
            "name": one.rule.name,
            "strategy": one.rule.strategy,
            "applied": one.failed is None,
            "failed_condition": one.failed,
            "candidates": [_candidate(verdict) for verdict in one.verdicts],
        }
        for one in consulted
    ]


def _candidate(verdict: Verdict) -> dict[str, Any]:
    one = verdict.candidate
    found = {
        "user_id": str(one.user_id),
        "chosen": verdict.reason == "chosen",
        "reason": verdict.reason,
        "open_leads": one.open_leads,
        "last_turn": one.last_turn,
        "region": one.region,
    }
    return found | {name: value for name, value in _figures(verdict) if value is not None}


def _figures(verdict: Verdict) -> Iterator[tuple[str, float | str | None]]:
    """What only some have: explanations are kept for every lead, so the rest is left out."""
    one = verdict.candidate
    yield "max_open_leads", verdict.most_open
    yield "level", one.level
    yield "weight", verdict.weight
    yield "reached", None if one.reached is None else float(one.reached.value)
    yield "credit", None if verdict.weight is None else one.credit
    yield "owed_turns", one.owed_turns or None
    yield "absent_until", one.absent_until.isoformat() if one.absent_until else None
    yield "local_time", f"{one.off_at:%Y-%m-%d %H:%M}" if one.off_at else None


def undone(decisive: Mapping[str, Any]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """How much more each is owed once a decision no longer counts, and how many turns; of the rule that
    made it, as it is stored. Where loads decided nothing is owed: the load is less by itself.
    """
    candidates = decisive["candidates"]
    owner = next(UUID(one["user_id"]) for one in candidates if one["chosen"])
    if decisive["strategy"] in ("round_robin", "territory"):
        return {}, {owner: 1}
    if decisive["strategy"] != "weighted":
        return {}, {}
    free = {
        UUID(one["user_id"]): one["weight"]
        for one in candidates
        if one["reason"] in ("chosen", "another_is_owed_more")
    }
    total = sum(free.values())
    return {user: (total if user == owner else 0) - weight for user, weight in free.items()}, {}
