"""What happens to leads, and is done for them, lets rules act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.leads.deduplication.parts.use_cases import roots_of
from services.leads.follow_up.automation.definitions import active_on, waited_for
from services.leads.follow_up.automation.triggers import SOURCES, Occurrence, matches
from services.leads.follow_up.automation.use_cases import purge_runs, run_rules
from services.leads.follow_up.touches.reactions import Heed
from shared.clock import Clock
from shared.contracts.activities import ActivityRecorded
from shared.contracts.leads import LeadAbsorbed, LeadSeparated, LeadUnmerged
from shared.database.transactions import Tx
from shared.events.backbone import Backbone
from shared.events.consuming.handlers import Matter, Reaction
from shared.events.envelope import Received
from shared.events.tasks import every
from shared.events.timing.timers import Timer, Timers, forget, schedule_many

ACTIVITY = "leads.automation_activity"
PURGE_EVERY_S = 3600.0
LEADS_EVENTS = tuple(
    dict.fromkeys(one.event for one in SOURCES.values() if one.event is not ActivityRecorded)
)

_OF_PARTS = (LeadAbsorbed, LeadSeparated, LeadUnmerged)


@dataclass(frozen=True, slots=True)
class Sequel:
    """What else is done when a lead may have become another, after the rules; `tenants`: those of some to
    whom it matters. So it needs no reader of its own: each costs every new lead.
    """

    tenants: Callable[[Tx, Sequence[UUID]], Awaitable[Collection[UUID]]]
    act: Callable[[Tx, Sequence[Received]], Awaitable[None]]


def automation_reaction(clock: Clock, *sequels: Sequel) -> Reaction:
    """`leads.automation`: a reader of its own, so that no rule keeps a lead from its owner."""
    reaction = Reaction("leads.automation")

    @reaction.heeding
    async def heeded(tx: Tx, matters: Collection[Matter]) -> Collection[Matter]:
        tenants = sorted({tenant_id for tenant_id, _ in matters})
        waited = await waited_for(tx, tenants)
        acting = {(tenant_id, SOURCES[trigger].event.type_name()) for tenant_id, trigger in waited}
        others = {one for sequel in sequels for one in await sequel.tenants(tx, tenants)}
        return {matter for matter in matters if matter in acting or matter[0] in others}

    @reaction.batch(*LEADS_EVENTS)
    async def on_leads_events(tx: Tx, batch: Sequence[Received]) -> None:
        happened = [
            Occurrence(each.event_id, each.aggregate_id, each.type, each.data, each.causation_id)
            for each in batch
        ]
        await run_rules(tx, batch[0].tenant_id, happened, clock.now())

    @reaction.batch(*LEADS_EVENTS, *_OF_PARTS)
    async def on_leads_changed(tx: Tx, batch: Sequence[Received]) -> None:
        for sequel in sequels:
            await sequel.act(tx, batch)

    return reaction


def ring_by(clock: Clock) -> Heed:
    """For the projection of activities, which knows them first: soon rules act on those that they wait for.

    What is published once more is nothing new.
    """

    async def touched(tx: Tx, done: Sequence[Received]) -> None:
        tenants = sorted({each.tenant_id for each in done})
        for tenant_id, rules in (await active_on(tx, "activity_recorded", tenants)).items():
            due = [
                (each.aggregate_id, clock.now(), _payload(each))
                for each in done
                if each.tenant_id == tenant_id
                and not each.replay
                and any(matches(rule.terms.when, each.type, each.data) for rule in rules)
            ]
            await schedule_many(tx, ACTIVITY, due, tenant_id=tenant_id)

    return touched


def _payload(received: Received) -> dict[str, Any]:
    told = {name: received.data.get(name) for name in ("kind", "outcome", "effective")}
    return {"event_id": str(received.event_id), "lead_id": received.data["lead_id"], "data": told}


def automate_by(timers: Timers, clock: Clock) -> None:
    """Let these timers act on activities."""

    @timers.on(ACTIVITY)
    async def on_activity(tx: Tx, timer: Timer) -> None:
        told = timer.payload
        lead_id = UUID(told["lead_id"])
        stands = (await roots_of(tx, timer.tenant_id, [lead_id]))[lead_id]
        done = Occurrence(UUID(told["event_id"]), stands, ActivityRecorded.type_name(), told["data"])
        await run_rules(tx, timer.tenant_id, [done], clock.now())
        await forget(tx, ACTIVITY, timer.aggregate_id)


async def _purge(backbone: Backbone) -> int:
    return await purge_runs(backbone.worker, backbone.clock.now())


keep_runs_purged = every(PURGE_EVERY_S, _purge)
"""In each worker."""
