"""Every room that holds something about a person: each forgets what it has of these leads.

A room that stores what somebody wrote about a lead offers `forget` and stands here. Leads themselves are
emptied last: a room may still look up what it knows them by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.leads.assigning.assignment import use_cases as assignment
from services.leads.assigning.reassignment import use_cases as reassignment
from services.leads.assigning.returns import use_cases as returns
from services.leads.capture.history_import import use_cases as history_import
from services.leads.capture.refitting import use_cases as refitting
from services.leads.deduplication.duplicates import family
from services.leads.deduplication.likeness import use_cases as likeness
from services.leads.deduplication.parts import use_cases as parts
from services.leads.finding.exports import use_cases as exports
from services.leads.finding.views import use_cases as views
from services.leads.follow_up.automation import use_cases as automation
from services.leads.follow_up.progress import use_cases as progress
from services.leads.judging.qualification import use_cases as qualification
from services.leads.pools.pool import entering as pool
from services.leads.pools.recycling import use_cases as recycling
from services.leads.privacy.sealing import use_cases as sealing
from services.leads.privacy.wishes import listing
from services.leads.privacy.wishes import use_cases as wishes
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
