"""Moves of people between units: at once where they are due, else by a timer when they become due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.gateway.org import rules, tables
from services.gateway.org.rules import AlreadyThere, Transfer, User
from services.gateway.org.use_cases import InactiveUser, UnknownUnit, is_unit_open, user_fact, user_of
from services.gateway.tenancy.rules import check_not_closed
from services.gateway.tenancy.use_cases import locked_tenant, record
from shared.contracts.org import RepMoved
from shared.database.transactions import Tx
from shared.events.timing.timers import schedule

TIMER = "org.transfer"


async def transfer_user(
    tx: Tx, transfer_id: UUID, user_id: UUID, to_unit_id: UUID, effective_at: datetime, *, now: datetime
) -> Transfer:
    """Move a user from `effective_at` on. Raises PeriodClosed, UnknownUnit, InactiveUser, AlreadyThere."""
    check_not_closed(await locked_tenant(tx), effective_at)
    user = await user_of(tx, user_id)
    if not user.active:
        raise InactiveUser
    if not await is_unit_open(tx, to_unit_id):
        raise UnknownUnit(f"There is no active unit {to_unit_id}")
    if effective_at > now:
        await tables.insert_transfer(
            tx,
            id=transfer_id,
            user_id=user_id,
            to_unit_id=to_unit_id,
            effective_at=effective_at,
            state="planned",
        )
        await schedule(tx, TIMER, transfer_id, effective_at, {"user_id": str(user_id)})
        return Transfer(transfer_id, user_id, None, to_unit_id, effective_at, "planned")
    placed = await _take_effect(tx, user, to_unit_id, effective_at)
    await tables.insert_transfer(
        tx,
        id=transfer_id,
        user_id=user_id,
        from_unit_id=placed,
        to_unit_id=to_unit_id,
        effective_at=effective_at,
        state="done",
    )
    return Transfer(transfer_id, user_id, placed, to_unit_id, effective_at, "done")


async def complete_transfer(tx: Tx, transfer_id: UUID) -> None:
    """A planned transfer is due. It is void where the user left, the unit closed or nothing would change."""
    await locked_tenant(tx)
    planned = await tables.planned_transfer(tx, transfer_id)
    if planned is None:
        return
    user = await user_of(tx, planned.user_id)
    state, from_unit_id = "void", None
    if user.active and await is_unit_open(tx, planned.to_unit_id):
        try:
            from_unit_id = await _take_effect(tx, user, planned.to_unit_id, planned.effective_at)
            state = "done"
        except AlreadyThere:
            pass
    await tables.close_transfer(tx, transfer_id, state, from_unit_id)


async def _take_effect(tx: Tx, user: User, to_unit_id: UUID, effective_at: datetime) -> UUID:
    """Record the move and where the user stands now; the unit they come from."""
    placed = rules.place(user.unit_id, await tables.load_moves(tx, user.id), to_unit_id, effective_at)
    stands = replace(user, unit_id=placed.unit_id)
    moved = RepMoved(
        user_id=user.id, from_unit_id=placed.from_unit_id, to_unit_id=to_unit_id, effective_at=effective_at
    )
    # The second fact says what holds now: a move into the past does not overtake a later one.
    versions = await record(tx, [moved, user_fact(stands)], effective_at)
    await tables.store_user(tx, replace(stands, version=versions[-1]))
    return placed.from_unit_id
