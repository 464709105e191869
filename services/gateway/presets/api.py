"""`/v1/presets/standard`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from services.gateway.presets.models import PresetIn, PresetOut
from services.gateway.presets.rules import Done
from services.gateway.presets.use_cases import bring_calendar, bring_to_leads, ground_of
from services.gateway.upstream.services import Services
from shared.database.transactions import Tx
from shared.events.positions import Position, decode_token, encode_token
from shared.ids import new_id
from shared.web.context import Now, context_of
from shared.web.routing import Router
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/presets", tags=["presets"])


@router.post("/standard", response_model=PresetOut)
async def post_standard(
    body: PresetIn, request: Request, write: Annotated[Write, Depends(write_access("config:write"))], now: Now
) -> Response:
    """Switch the preset 标准 on, or parts of it. What is there by name stays as it is, so it may be repeated.

    What a service refuses is named with the reason, and the rest is made.
    """
    who, context = write.principal, context_of(request)
    who.require("leads:read")
    if "calendar" in body.parts:
        who.require("org:write")
    services: Services = request.app.state.services
    async with context.database.transaction(who.access()) as tx:
        ground = await ground_of(tx, body.named())
    tenant = ground.tenant
    secret = context.settings.position_secret.get_secret_value()
    after_org = encode_token([Position("cox.org", tenant.id, tenant.version)], tenant.id, secret)
    # Not within the transaction below: a service is asked. Asked again, it finds what it has made.
    done = await bring_to_leads(services, who, ground, body.parts, after_org, preview=body.preview)

    async def work(tx: Tx) -> list[Done]:
        for each in done:
            if each.caused is not None:
                tx.recorded += decode_token(each.caused, tenant.id, secret)
        if "calendar" not in body.parts:
            return done
        return [await bring_calendar(tx, ground, new_id(), now, preview=body.preview), *done]

    return await write.run(work, render=PresetOut.of)
