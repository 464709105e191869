"""What can be asked of the KPI engine. Every question is answered for what its caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.scoring.kpis import queries
from services.scoring.kpis.catalogue import Metric
from services.scoring.kpis.periods import Grain, period_end, period_start, whole_periods
from services.scoring.kpis.queries import Answer, Evidence
from services.scoring.kpis.questions import By, Question, Slice
from services.scoring.kpis.rules import Figure, Standing, figure, ranked
from services.scoring.kpis.scope import Named, keys_of, named, slice_of, surrogate_of
from services.scoring.kpis.views import DIMENSIONS, Dimension
from shared.access.directory import Tenant, tenant_of
from shared.database.transactions import Access, Tx


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric, what its rows are keyed by, the length of its periods, and values that dimensions must
    have.
    """

    metric: Metric
    by: By
    grain: Grain
    filters: Mapping[Dimension, str]


@dataclass(frozen=True, slots=True)
class Row:
    period_start: date
    surrogate: int
    named: Named
    figure: Figure


@dataclass(frozen=True, slots=True)
class Proof:
    """An event behind a number, with the ids and codes of its dimensions (None where it has none)."""

    event: Evidence
    keys: dict[Dimension, str | None]


async def list_kpis(
    tx: Tx,
    access: Access,
    asked: Asked,
    first: date | None,
    last: date | None,
    *,
    after: tuple[date, int] | None,
    limit: int,
) -> tuple[list[Row], Tenant]:
    """Values by period and key, each period that `first` and `last` touch answered whole."""
    begin, end = whole_periods(asked.grain, first, last)
    question = _question(access, asked, begin, end, await slice_of(tx, access, asked.filters))
    tenant = await tenant_of(tx)
    found = await queries.answers(tx, question, after=after, limit=limit)
    names = await _names(tx, tenant, asked.by, found)
    return [
        Row(answer.period, answer.key, names[answer.key], figure(asked.metric, answer.sums))
        for answer in found
    ], tenant


async def leaderboard(
    tx: Tx, access: Access, asked: Asked, day: date
) -> tuple[list[tuple[Standing, Named]], Tenant]:
    """The reps whom the caller may see, best first, in the period that holds `day`."""
    begin, end = period_start(asked.grain, day), period_end(asked.grain, day)
    question = _question(access, asked, begin, end, await slice_of(tx, access, asked.filters))
    tenant = await tenant_of(tx)
    found = await queries.answers(tx, question)
    standings = ranked(asked.metric, [(each.key, figure(asked.metric, each.sums)) for each in found])
    names = await named(tx, tenant.id, asked.by, [each.key for each in standings])
    return [(each, names[each.key]) for each in standings], tenant


async def list_evidence(
    tx: Tx,
    access: Access,
    asked: Asked,
    key: str | None,
    day: date,
    *,
    after: tuple[int, UUID] | None,
    limit: int,
) -> tuple[list[Proof], Tenant]:
    """The events behind the number of `key` in the period that holds `day`. No key: the whole tenant's."""
    begin, end = period_start(asked.grain, day), period_end(asked.grain, day)
    chosen = await slice_of(tx, access, asked.filters)
    if asked.by != "tenant" and key is not None:
        # A row's own key is one team, not its subtree: so it is no filter like the others.
        chosen = chosen.narrowed(asked.by, await surrogate_of(tx, access.tenant_id, asked.by, key))
    tenant = await tenant_of(tx)
    question = _question(access, asked, begin, end, chosen)
    found = await queries.evidence(tx, question, after=after, limit=limit)
    keys = await keys_of(tx, tenant.id, {place for event in found for place in event.places if place})
    return [Proof(event, _keys(event, keys)) for event in found], tenant


def _question(access: Access, asked: Asked, begin: date, end: date, chosen: Slice) -> Question:
    return Question(access.tenant_id, asked.metric, asked.by, asked.grain, begin, end, chosen)


async def _names(tx: Tx, tenant: Tenant, by: By, found: Sequence[Answer]) -> dict[int, Named]:
    if by == "tenant":
        return {0: Named(str(tenant.id), tenant.name)}
    return await named(tx, tenant.id, by, [answer.key for answer in found])


def _keys(event: Evidence, keys: Mapping[int, str]) -> dict[Dimension, str | None]:
    return {name: keys.get(place) for name, place in zip(DIMENSIONS, event.places, strict=True)}
