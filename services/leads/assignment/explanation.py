"""A decision as it is stored and shown: every rule looked at, every candidate with figures and reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.leads.assignment.rules import Consulted, Verdict


def explained(consulted: Sequence[Consulted]) -> list[dict[str, Any]]:
    """JSON of a decision, rules in the order in which they were asked."""
    return [
        {
            "rule_id": str(one.rule.id),
            "rule_version": one.rule.version,
            "name": one.rule.name,
            "strategy": one.rule.strategy,
            "applied": one.failed is None,
            "failed_condition": one.failed,
            "candidates": [_candidate(verdict) for verdict in one.verdicts],
        }
        for one in consulted
    ]


def _candidate(verdict: Verdict) -> dict[str, Any]:
    return {
        "user_id": str(verdict.user_id),
        "chosen": verdict.reason == "chosen",
        "reason": verdict.reason,
        "open_leads": verdict.open_leads,
        "last_turn": verdict.last_turn,
        "region": verdict.region,
    }
