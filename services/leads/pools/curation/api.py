"""`/v1/pools/{id}/suggestions` and `/assign`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.pools.curation.models import GiveIn, GivenOut, SuggestedOut, SuggestIn, SuggestionsOut
from services.leads.pools.curation.use_cases import suggest_owners
from services.leads.pools.pool.giving import give_leads
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/pools", tags=["pools"])

Writing = Annotated[Write, Depends(write_access("leads:write"))]


@router.post("/{pool_id}/suggestions", response_model=SuggestionsOut)
async def post_suggestions(pool_id: Id, body: SuggestIn, write: Writing, at: Now) -> Response:
    """Whom leads that lie in a pool could be given to, best first, with reasons and figures. Changes nothing.

    For its admins and for superiors of its members: of these the ones to whom the caller may give.
    """

    async def work(tx: Tx) -> SuggestionsOut:
        found, standing = await suggest_owners(tx, write.principal, pool_id, body.asked(), at)
        known = await people(tx, [one.user_id for one in standing.candidates])
        names = {user: person.display_name for user, person in known.items()}
        shown = [SuggestedOut.of(one, standing, names, with_others=body.with_others) for one in found]
        return SuggestionsOut(items=shown)

    return await write.run(work, render=lambda shown: shown)


@router.post("/{pool_id}/assign", response_model=GivenOut)
async def post_gifts(pool_id: Id, body: GiveIn, write: Writing, at: Now) -> Response:
    """Give up to 1,000 leads that lie in a pool to somebody: the good ones are given, the others reported by
    index, each with what is in the way, as `POST /v1/leads/{id}/assign` says it.
    """
    return await write.run(
        lambda tx: give_leads(tx, write.principal, pool_id, body.gifts(), body.reason, at),
        render=GivenOut.of,
    )
