"""Comparing the names of companies, and deciding about what was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads
from services.leads.capture.normalising.companies import company_core
from services.leads.deduplication.duplicates.policy import COMPARE, policy_of
from services.leads.deduplication.likeness.rules import LEAST, Likeness, likeness, parts_of
from services.leads.deduplication.likeness.tables import (
    ADD_NAME,
    ALIKE,
    COMPARING_TENANTS,
    DECIDE,
    DROP,
    FORGET,
    HAVING,
    KNOWN,
    LOCK,
    OPEN,
    PUT,
    REMOVE,
    SUSPECT,
)
from services.leads.deduplication.merging.use_cases import merge_lead
from services.leads.finding.search.use_cases import Question, find_leads
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import Conflict, NotFound
from shared.events.timing.timers import schedule
from shared.ids import new_id

AT_ONCE = 200
"""So many stored leads are compared in one transaction when a tenant begins to ask for it."""
_CANDIDATES = 50
_MOST_NAMES, _MOST_LEADS = 10, 5
"""So many names, the most alike, and so many leads of each, the earliest, are told of one lead."""

State = Literal["open", "merged", "dismissed"]


class UnknownSuspect(NotFound):
    code = "unknown_suspect"
    title = "No such pair, or none of leads that you may see"


class DecidedBefore(Conflict):
    code = "decided_before"
    title = "It was decided before"


@dataclass(frozen=True, slots=True)
class Suspect:
    """Two leads whose companies may be one. `lead_id` came later; `likeness` in per cent; `reason` a code."""

    id: UUID
    lead_id: UUID
    other_id: UUID
    likeness: int
    reason: str
    found_at: datetime
    state: State
    decided_at: datetime | None
    decided_by: UUID | None


async def tenants_comparing(tx: Tx, tenant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tenants that want names compared: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(COMPARING_TENANTS, tenant_ids)]


async def compare(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID], at: datetime) -> None:
    """Hold the companies of these leads against all others, where the policy asks for it."""
    if not lead_ids or (await policy_of(tx, tenant_id)).company == "off":
        return
    leads = await get_leads(tx, tenant_id, sorted(lead_ids))
    rows = await tx.connection.fetch(KNOWN, tenant_id, [lead.id for lead in leads])
    known = {row["lead_id"]: row["core"] for row in rows}
    for lead in leads:
        core = company_core(lead.company) if lead.company and lead.erased_at is None else ""
        if core != known.get(lead.id, ""):
            await _name(tx, lead, core)
            if core:
                await _suspect(tx, lead, core, at)


async def _name(tx: Tx, lead: Lead, core: str) -> None:
    await tx.connection.execute(DROP, lead.tenant_id, lead.id)
    if not core:
        await tx.connection.execute(REMOVE, lead.tenant_id, lead.id)
        return
    await tx.connection.execute(ADD_NAME, lead.tenant_id, core, parts_of(core).brand)
    await tx.connection.execute(PUT, lead.tenant_id, lead.id, core)


async def _suspect(tx: Tx, lead: Lead, core: str, at: datetime) -> None:
    alike = await alike_names(tx, core)
    rows = await tx.connection.fetch(HAVING, lead.tenant_id, list(alike), lead.id, _MOST_LEADS)
    for row in rows:
        found = alike[row["core"]]
        later, earlier = max(lead.id, row["lead_id"]), min(lead.id, row["lead_id"])
        told = (round(found.score * 100), found.reason, at)
        await tx.connection.execute(SUSPECT, lead.tenant_id, new_id(), later, earlier, *told)


async def alike_names(tx: Tx, core: str) -> dict[str, Likeness]:
    """The known names that are alike, the most alike ones; itself among them if it is known."""
    rows = await tx.connection.fetch(ALIKE, parts_of(core).brand, _CANDIDATES)
    scored = [(likeness(core, row["core"]), row["core"]) for row in rows]
    best = sorted(((-found.score, name, found) for found, name in scored if found.score >= LEAST))
    return {name: found for _, name, found in best[:_MOST_NAMES]}


async def compare_next(tx: Tx, tenant_id: UUID, payload: Mapping[str, Any], at: datetime) -> None:
    """The next AT_ONCE of a tenant's stored leads; then it is due again for those behind."""
    after = UUID(payload["after"]) if "after" in payload else None
    question = Question(most=AT_ONCE, descending=False, after=None if after is None else (None, after))
    ids = await find_leads(tx, tenant_id, question)
    await compare(tx, tenant_id, ids, at)
    if len(ids) == AT_ONCE:
        await schedule(tx, COMPARE, tenant_id, at, {"after": str(ids[-1])})


async def list_suspects(tx: Tx, tenant_id: UUID, after: UUID | None, most: int) -> list[Suspect]:
    """Those that nobody has decided about, of leads that the caller sees, the newest first."""
    return [_of(row) for row in await tx.connection.fetch(OPEN, tenant_id, after, most)]


async def confirm(
    tx: Tx, who: Principal, suspect_id: UUID, into: UUID | None, reason: str | None, at: datetime
) -> Suspect:
    """They are one: the later is merged into the earlier, or whichever is not `into` into that.

    Raises UnknownSuspect, DecidedBefore, and what `merge_lead` raises.
    """
    found = await _undecided(tx, who.tenant_id, suspect_id)
    target = into or found.other_id
    if target not in (found.lead_id, found.other_id):
        raise UnknownSuspect("`into` is one of the two leads")
    one = found.lead_id if target == found.other_id else found.other_id
    await merge_lead(tx, who, one, target, reason, at, check_version=lambda _: None)
    return await _decide(tx, who, found, "merged", at)


async def dismiss(tx: Tx, who: Principal, suspect_id: UUID, at: datetime) -> Suspect:
    """They are two, and are not told again. Raises UnknownSuspect, DecidedBefore."""
    return await _decide(tx, who, await _undecided(tx, who.tenant_id, suspect_id), "dismissed", at)


async def _undecided(tx: Tx, tenant_id: UUID, suspect_id: UUID) -> Suspect:
    row = await tx.connection.fetchrow(LOCK, tenant_id, suspect_id)
    if row is None:
        raise UnknownSuspect(f"there is no pair {suspect_id} of leads that stand for themselves")
    found = _of(row)
    if found.state != "open":
        raise DecidedBefore(f"it was {found.state}")
    return found


async def _decide(tx: Tx, who: Principal, suspect: Suspect, state: State, at: datetime) -> Suspect:
    await tx.connection.execute(DECIDE, who.tenant_id, suspect.id, state, at, who.user_id)
    return replace(suspect, state=state, decided_at=at, decided_by=who.user_id)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Collection[UUID]) -> None:
    """Names that only these leads have, and what was suspected of them."""
    for statement in FORGET:
        await tx.connection.execute(statement, tenant_id, list(lead_ids))


def _of(row: asyncpg.Record) -> Suspect:
    return Suspect(*row)
