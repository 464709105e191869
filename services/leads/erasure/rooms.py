"""Every room that holds something about a person: each forgets what it has of these leads.

A room that stores what somebody wrote about a lead offers `forget` and stands here. Leads themselves are
emptied last: a room may still look up what it knows them by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.leads.assignment import use_cases as assignment
from services.leads.automation import use_cases as automation
from services.leads.duplicates import family
from services.leads.exports import use_cases as exports
from services.leads.history_import import use_cases as history_import
from services.leads.likeness import use_cases as likeness
from services.leads.parts import use_cases as parts
from services.leads.pool import entering as pool
from services.leads.progress import use_cases as progress
from services.leads.qualification import use_cases as qualification
from services.leads.reassignment import use_cases as reassignment
from services.leads.recycling import use_cases as recycling
from services.leads.refitting import use_cases as refitting
from services.leads.returns import use_cases as returns
from services.leads.sealing import use_cases as sealing
from services.leads.views import use_cases as views
from services.leads.wishes import listing
from services.leads.wishes import use_cases as wishes
from shared.database.transactions import Tx
from shared.web import idempotency

Forget = Callable[[Tx, UUID, Sequence[UUID]], Awaitable[None]]
ROOMS: tuple[Forget, ...] = (
    assignment.forget,
    automation.forget,
    exports.forget,
    family.forget,
    history_import.forget,
    idempotency.forget,
    likeness.forget,
    parts.forget,
    pool.forget,
    progress.forget,
    qualification.forget,
    reassignment.forget,
    recycling.forget,
    refitting.forget,
    returns.forget,
    views.forget,
    wishes.forget,
    listing.forget,
    # Last: others may still read what was said.
    sealing.forget,
)


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    for room in ROOMS:
        await room(tx, tenant_id, lead_ids)
