"""Judging leads by the tenant's rules and score, and saying why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.capture.intake.changes import changed_names, store_fields
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads, list_after, lock_leads
from services.leads.follow_up.touches.use_cases import last_effective
from services.leads.judging.classification.definitions import SWEEP, judging, terms_of
from services.leads.judging.classification.rules import Scored, Terms, Verdict, scored, verdicts
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.events.timing.timers import Due, schedule, schedule_many

JUDGE = "leads.classify"
AT_ONCE = 200
"""Leads of a sweep that are judged in one transaction."""
_EVER = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead as it is, and what the rules say of it now."""

    lead: Lead
    terms: Terms
    scored: Scored | None
    verdicts: tuple[Verdict, ...]

    @property
    def lead_then(self) -> Lead:
        """As it is to be: what was given by hand stays."""
        values: dict[str, Any] = {
            one.name: getattr(one.rule, one.name, None) for one in self.verdicts if not one.by_hand
        }
        ruled = tuple(one.name for one in self.verdicts if one.rule is not None and not one.by_hand)
        return self.lead._replace(score=self.scored.value if self.scored else None, ruled=ruled, **values)


async def judge_soon(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    """In a transaction of their own; nothing where the tenant has nothing to judge by."""
    if lead_ids and await judging(tx, [tenant_id]):
        await schedule_many(tx, JUDGE, [(lead_id, at, {}) for lead_id in sorted(set(lead_ids))])


async def judge(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    """Give these leads the classes and the points that they should have now.

    Those that change are locked in the order of their ids. Raises KeyMissing.
    """
    terms = await terms_of(tx, tenant_id)
    seen = await _judged(tx, tenant_id, terms, await get_leads(tx, tenant_id, lead_ids), at)
    others = [one.lead.id for one in seen if one.lead_then != one.lead]
    if others:
        locked = await lock_leads(tx, tenant_id, others)
        await _store(tx, tenant_id, await _judged(tx, tenant_id, terms, list(locked.values()), at), at)
    again: list[Due] = [
        (one.lead.id, one.scored.until, {}) for one in seen if one.scored and one.scored.until
    ]
    await schedule_many(tx, JUDGE, sorted(again, key=lambda due: due[0]))


def _again(judged: Sequence[Judged]) -> list[Due]:
    """When each of them has other points by itself, in the order of their ids."""
    timed = [(one.lead.id, one.scored.until) for one in judged if one.scored]
    return sorted(((lead_id, until, {}) for lead_id, until in timed if until), key=itemgetter(0))


async def _store(tx: Tx, tenant_id: UUID, judged: Sequence[Judged], at: datetime) -> None:
    currency, schema = (await tenant_of(tx)).currency, await schema_of(tx, tenant_id)
    for one in judged:
        names = changed_names(one.lead, one.lead_then)
        if names:
            await store_fields(tx, currency, schema, None, one.lead, one.lead_then, names, at)


async def judge_next(tx: Tx, tenant_id: UUID, after: UUID | None, at: datetime) -> None:
    """The next leads of a sweep through all of the tenant's, and let the rest follow."""
    ids = await list_after(tx, tenant_id, after, AT_ONCE)
    await judge(tx, tenant_id, ids, at)
    if len(ids) == AT_ONCE:
        await schedule(tx, SWEEP, tenant_id, at, {"after": str(ids[-1])})


async def as_ruled(tx: Tx, tenant_id: UUID, leads: Sequence[Lead], at: datetime) -> list[Lead]:
    """These leads as they will be once they are judged: for whoever decides about new ones."""
    terms = await terms_of(tx, tenant_id)
    if not terms.any:
        return list(leads)
    return [one.lead_then for one in await _judged(tx, tenant_id, terms, leads, at)]


async def explain(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> Judged:
    """What the rules say of a lead now, and why. Raises UnknownLead, LeadErased."""
    lead = await get_lead(tx, tenant_id, lead_id)
    terms = await terms_of(tx, tenant_id)
    return _judge(terms, lead, (await _followed(tx, tenant_id, terms, [lead])).get(lead_id), at)


async def _judged(tx: Tx, tenant_id: UUID, terms: Terms, leads: Sequence[Lead], at: datetime) -> list[Judged]:
    """Those that are leads still: of who was merged or is forgotten nothing is said."""
    living = [lead for lead in leads if lead.merged_into is None and lead.erased_at is None]
    followed = await _followed(tx, tenant_id, terms, living)
    return [_judge(terms, lead, followed.get(lead.id), at) for lead in living]


async def _followed(tx: Tx, tenant_id: UUID, terms: Terms, leads: Sequence[Lead]) -> Mapping[UUID, datetime]:
    if terms.score is None or not terms.score.follow_up:
        return {}
    return await last_effective(tx, tenant_id, {lead.id: _EVER for lead in leads})


def _judge(terms: Terms, lead: Lead, followed_at: datetime | None, at: datetime) -> Judged:
    found = scored(terms.score, lead, facts_of(lead), followed_at, at) if terms.score else None
    facts = facts_of(lead._replace(score=found.value if found else None))
    return Judged(lead, terms, found, verdicts(terms.rules, lead, facts))
