"""The write path: a batch of events becomes facts, states and cells, set-based, inside the consumer's
transaction.

Order of locks: dimensions, states, then the one writing statement with the cells last; each in the order of
its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from services.scoring.kpis import statements
from services.scoring.kpis.catalogue import Measure
from services.scoring.kpis.fold import (
    Contribution,
    Folded,
    LeadState,
    fold,
)
from services.scoring.kpis.happenings import Happening
from services.scoring.kpis.reaches import mark
from services.scoring.kpis.roll_up import FEW, cells_of
from services.scoring.kpis.surrogates import places_of
from services.scoring.kpis.translate import said
from services.scoring.kpis.zones import Zones
from shared.database.transactions import Tx
from shared.errors import Unavailable
from shared.events.breathing import Breather
from shared.events.envelope import Received

if TYPE_CHECKING:
    from shared.database.connections import Raw

BITE = 50
"""So many events are folded at a time."""

Lead = tuple[UUID, str]
Touched = set[tuple[UUID, int, Measure, date]]


@dataclass(slots=True)
class Batch:
    """What a batch comes to, of all its tenants; `touched` is what is to be announced: tenant, rep, measure,
    day; `past` the same of what is history, which nobody is alerted to.
    """

    facts: list[tuple[UUID, Contribution, int]] = field(default_factory=list)
    states: dict[Lead, LeadState] = field(default_factory=dict)
    touched: Touched = field(default_factory=set)
    past: Touched = field(default_factory=set)

    def add(self, tenant_id: UUID, folded: Folded, heard: Touched) -> None:
        self.facts += [(tenant_id, fact, sign) for fact, sign in folded.facts]
        for lead, state in folded.changed.items():
            self.states[tenant_id, lead] = state
        heard.update([(tenant_id, fact.place.rep, fact.measure, fact.day) for fact, _ in folded.facts])

    def notices(self) -> dict[tuple[UUID, int], tuple[int, set[date]]]:
        """By tenant and rep (0: all of the tenant), the measures as bits, and the days."""
        found: dict[tuple[UUID, int], tuple[int, set[date]]] = {}
        for tenant_id, rep, measure, day in self.touched:
            for whose in {0, rep}:
                bits, days = found.get((tenant_id, whose), (0, set()))
                days.add(day)
                found[tenant_id, whose] = (bits | 1 << measure, days)
        return found


class StateAppeared(Unavailable):
    """A lead's first state was made by another consumer since we looked; trying again finds it."""


class Engine:
    """Applies batches. One per process: it remembers time zones."""

    def __init__(self) -> None:
        self._zones = Zones()

    async def apply(
        self, tx: Tx, events: Sequence[Received], generation: int = 1, *, announce: bool = True
    ) -> bool:
        """Apply events whose positions the consumer has just decided; whether there is something to announce.

        Raises TenantUnknown where a tenant is not known yet, and whatever a malformed event makes fail.
        """
        raw = await tx.raw()
        zones = await self._zones.of(raw, {event.tenant_id for event in events})
        happenings = await _happenings(raw, events)
        states = await _locked_states(raw, generation, [item for _, items in happenings for item in items])
        known = {(tenant_id, lead) for tenant_id, mine in states.items() for lead in mine}
        batch = Batch()
        for historic, items in happenings:
            heard = (batch.past if historic else batch.touched) if announce else set()
            await _fold_into(batch, items, states, zones, heard)
        if batch.facts or batch.states:
            await _store(raw, generation, batch, known)
        await mark(raw, [(tenant, rep, day) for tenant, rep, _, day in batch.past])
        return bool(batch.touched or batch.past)


async def _happenings(
    raw: Raw, events: Sequence[Received]
) -> list[tuple[bool, list[tuple[UUID, Happening]]]]:
    """What the events say, those of the past first: the fold does not depend on the order of arrival."""
    read = [(event.tenant_id, event.prepared(said), event.historic) for event in events]
    places = await places_of(raw, {(tenant_id, each.keys) for tenant_id, each, _ in read})
    parts: dict[bool, list[tuple[UUID, Happening]]] = {True: [], False: []}
    for tenant_id, each, historic in read:
        parts[historic].append((tenant_id, each.happening(places[tenant_id, each.keys])))
    return [(historic, items) for historic, items in parts.items() if items]


async def _locked_states(
    raw: Raw, generation: int, items: Iterable[tuple[UUID, Happening]]
) -> dict[UUID, dict[str, LeadState]]:
    """By tenant, the states of the leads that the batch may change, as far as there are any; locked."""
    leads = list({(tenant, lead) for tenant, item in items for lead in item.concerned})
    states: dict[UUID, dict[str, LeadState]] = defaultdict(dict)
    if not leads:
        return states
    columns = [tenant for tenant, _ in leads], [lead for _, lead in leads]
    breather = Breather()
    for tenant_id, entity, state in await raw.fetch(statements.LOCK_STATES, generation, *columns):
        states[tenant_id][str(entity)] = LeadState.from_json(orjson.loads(state))
        await breather.breathe()
    return states


async def _fold_into(
    batch: Batch,
    items: Sequence[tuple[UUID, Happening]],
    states: Mapping[UUID, dict[str, LeadState]],
    zones: Mapping[UUID, tzinfo],
    heard: Touched,
) -> None:
    """Fold bite by bite, so that the loop lives meanwhile; `states` goes along."""
    by_tenant: dict[UUID, list[Happening]] = defaultdict(list)
    for tenant_id, happening in items:
        by_tenant[tenant_id].append(happening)
    breather = Breather()
    for tenant_id, happenings in by_tenant.items():
        mine = states[tenant_id]
        for start in range(0, len(happenings), BITE):
            folded = fold(happenings[start : start + BITE], mine, zones[tenant_id])
            mine.update(folded.changed)
            batch.add(tenant_id, folded, heard)
            await breather.breathe()


async def _store(raw: Raw, generation: int, batch: Batch, known: Set[Lead]) -> None:
    """Write what the batch comes to; `known` are the leads whose states were there and are locked."""
    states = [
        (tenant_id, generation, lead, orjson.dumps(state.to_json()).decode())
        for (tenant_id, lead), state in batch.states.items()
    ]
    fresh = [row for row in states if (row[0], row[2]) not in known]
    if fresh and await raw.execute(statements.ADD_STATES, fresh) != f"INSERT 0 {len(fresh)}":
        raise StateAppeared("another consumer began with the same lead; the batch is tried again")
    kept = [row for row in states if (row[0], row[2]) in known]
    effects = generation, _facts(batch, generation), kept, *_notices(batch)
    if len(batch.facts) < FEW:
        await raw.execute(statements.WRITE_FEW, *effects, cells_of(batch.facts, generation))
    else:
        await raw.execute(statements.WRITE_MANY, *effects)


def _facts(batch: Batch, generation: int) -> list[tuple[object, ...]]:
    """Rows of the table, their columns in its order; the id is given there."""
    return [
        (
            tenant_id, generation, measure, place.team, day, 0,
            place.rep, place.region, place.product, place.channel, sign, sign * amount,
            source.aggregate, source.seq, source.event_id, source.at_us,
        )
        for tenant_id, (measure, day, place, amount, source), sign in batch.facts
    ]  # fmt: skip


def _notices(batch: Batch) -> list[list[object]]:
    """Columns: tenant, rep, measures, days."""
    changes = batch.notices()
    return [
        [tenant for tenant, _ in changes],
        [rep for _, rep in changes],
        [bits for bits, _ in changes.values()],
        [",".join(sorted(map(str, days))) for _, days in changes.values()],
    ]
