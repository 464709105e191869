"""What is known of a lead when a rule acts on it: by the event, and by what the rule demands. Pure."""

from __future__ import annotations

from services.leads.follow_up.automation.rules import Terms
from services.leads.follow_up.pipelines.rules import LOST, WON
from services.leads.follow_up.progress.rules import status_of

_OF_OWNERS = frozenset(
    {"lead_assigned", "recycle_warned", "response_warned", "response_overdue", "response_given"}
)


def known_stages(terms: Terms) -> frozenset[str] | None:
    """Where it may stand: nowhere where the rule contradicts itself; None: anywhere."""
    when, demanded = terms.when, frozenset(terms.demands.stage)
    by_event = {"lead_won": frozenset({WON}), "lead_lost": frozenset({LOST})}.get(
        when.event, frozenset(when.to_stage)
    )
    if not by_event or not demanded:
        return by_event or demanded or None
    return by_event & demanded


def known_statuses(terms: Terms) -> frozenset[str] | None:
    """The same of its status."""
    opens = terms.when.event in ("lead_created", "lead_reopened")
    stages, demanded = known_stages(terms), frozenset[str](terms.demands.status)
    implied = [frozenset({"open"})] if opens else []
    implied += [frozenset(status_of(stage) for stage in stages)] if stages else []
    implied += [demanded] if demanded else []
    return frozenset.intersection(*implied) if implied else None


def said_of_owner(terms: Terms) -> set[bool]:
    """What is said of whether somebody owns it; both where that contradicts itself."""
    said = {terms.demands.owned} - {None}
    said |= {True} if terms.when.event in _OF_OWNERS or terms.demands.owner_ids else set()
    said |= {False} if terms.when.event == "lead_pooled" else set()
    return {bool(each) for each in said}


def said_of_pool(terms: Terms) -> set[bool]:
    """The same of whether it lies in a pool."""
    said = {terms.demands.pooled} - {None}
    said |= {True} if terms.when.event == "lead_pooled" or terms.demands.pool_ids else set()
    said |= {False} if terms.when.event == "lead_assigned" else set()
    return {bool(each) for each in said}
