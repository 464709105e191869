"""`/v1/assignment-rules/look-back`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.assigning.hindsight.models import LookBackIn, LookBackOut, users_of
from services.leads.assigning.hindsight.use_cases import look_back
from shared.access.directory import people, tenant_of
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid, errors_under
from shared.web.context import Now
from shared.web.routing import Router
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/assignment-rules", tags=["assignment"])


class NothingChanged(Invalid):
    code = "nothing_changed"
    title = "Give a rule, or one to leave out"


@router.post("/look-back", response_model=LookBackOut)
async def post_look_back(
    body: LookBackIn, asking: Annotated[Write, Depends(write_access("config:write"))], at: Now
) -> Response:
    """Who would have got the leads of the last days, had a rule been another one. Changes nothing."""

    async def work(tx: Tx) -> LookBackOut:
        if body.rule is None and body.instead_of is None:
            raise NothingChanged(errors=[FieldError("/rule", NothingChanged.code, "a rule, or `instead_of`")])
        tenant = await tenant_of(tx)
        with errors_under("/rule"):
            draft = body.rule.draft(tenant.currency) if body.rule else None
        found = await look_back(tx, tenant.id, draft, body.instead_of, body.days, at)
        users = users_of(found)
        known = await people(tx, users) if users else {}
        return LookBackOut.of(found, {user: person.display_name for user, person in known.items()})

    return await asking.run(work, render=lambda shown: shown)
