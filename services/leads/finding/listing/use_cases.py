"""Which leads somebody is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.masking import may_contact
from services.leads.capture.intake.use_cases import get_leads
from services.leads.finding.filtering.filters import LeadFilters, SortKey
from services.leads.finding.filtering.use_cases import understood
from services.leads.finding.search.use_cases import Question, find_leads
from services.leads.pools.pool.looking import as_shown, enter_pool, pooled_lead
from services.leads.pools.pool.rules import Pool
from shared.access.principal import Principal
from shared.database.transactions import Tx


@dataclass(frozen=True, slots=True)
class Wish:
    """Which leads are asked for, in which order: all that the filters say, each by where it stands.

    `at` is when they are asked for, `after` the place of the last lead before, `most` how many are wanted.
    """

    filters: Mapping[str, LeadFilters]
    sort: SortKey
    descending: bool
    at: datetime
    after: tuple[object, UUID] | None
    most: int


async def list_leads(tx: Tx, who: Principal, wish: Wish) -> list[Lead]:
    """A page of leads that the caller may see; of a pool, those that lie in it.

    Raises UnknownPool, and what `understood` raises.
    """
    ids, pool = await _found(tx, who, wish)
    found = await get_leads(tx, who.tenant_id, ids)
    return found if pool is None else [as_shown(pool, who, lead) for lead in found]


async def find_shown(tx: Tx, who: Principal, wish: Wish) -> list[UUID]:
    """Ids of the same leads. Raises UnknownPool, and what `understood` raises."""
    return (await _found(tx, who, wish))[0]


async def _found(tx: Tx, who: Principal, wish: Wish) -> tuple[list[UUID], Pool | None]:
    pools = {told.pool for told in wish.filters.values() if told.pool is not None}
    if len(pools) > 1:
        # No lead lies in two.
        return [], None
    pool = await enter_pool(tx, who, pools.pop()) if pools else None
    hidden = pool.hidden_fields if pool is not None and who.visibility != "tenant" else ()
    asked = await understood(tx, who.tenant_id, who.user_id, wish.filters, wish.at, hidden=hidden)
    question = Question(
        most=wish.most,
        asked=asked,
        as_shown=not may_contact(who, pooled=pool is not None),
        sort=wish.sort,
        descending=wish.descending,
        after=wish.after,
    )
    return await find_leads(tx, who.tenant_id, question), pool


def place_of(lead: Lead, sort: SortKey) -> tuple[datetime | int | None, UUID]:
    """Where a lead stands in a list."""
    if sort == "created_at":
        return None, lead.id
    return getattr(lead, "value_tenant_minor" if sort == "value" else sort), lead.id


async def show_lead(tx: Tx, who: Principal, lead_id: UUID) -> Lead:
    """A lead that the caller may see, or that lies in a pool open to them. Raises UnknownLead."""
    found = await get_leads(tx, who.tenant_id, [lead_id])
    return found[0] if found else await pooled_lead(tx, who, lead_id)
