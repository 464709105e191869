"""Which leads somebody is shown."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.leads.intake.lead import Lead
from services.leads.intake.masking import may_contact
from services.leads.intake.use_cases import get_leads
from services.leads.pool.looking import as_shown, enter_pool, pooled_lead
from services.leads.search.use_cases import Question, find_leads
from shared.access.principal import Principal
from shared.database.transactions import Tx


async def list_leads(tx: Tx, who: Principal, question: Question) -> list[Lead]:
    """A page of leads that the caller may see; of a pool, those that lie in it. Raises UnknownPool."""
    question = replace(question, as_shown=not may_contact(who, pooled=question.pool is not None))
    if question.pool is None:
        return await get_leads(tx, who.tenant_id, await find_leads(tx, who.tenant_id, question))
    pool = await enter_pool(tx, who, question.pool)
    found = await get_leads(tx, who.tenant_id, await find_leads(tx, who.tenant_id, question))
    return [as_shown(pool, who, lead) for lead in found]


async def find_shown(tx: Tx, who: Principal, question: Question) -> list[UUID]:
    """Ids of the same leads. Raises UnknownPool."""
    question = replace(question, as_shown=not may_contact(who, pooled=question.pool is not None))
    if question.pool is not None:
        await enter_pool(tx, who, question.pool)
    return await find_leads(tx, who.tenant_id, question)


async def show_lead(tx: Tx, who: Principal, lead_id: UUID) -> Lead:
    """A lead that the caller may see, or that lies in a pool open to them. Raises UnknownLead."""
    found = await get_leads(tx, who.tenant_id, [lead_id])
    return found[0] if found else await pooled_lead(tx, who, lead_id)
