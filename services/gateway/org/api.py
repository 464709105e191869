"""Routes of the organisation: `/v1/org/…`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from services.gateway.identity import rules as identity_rules
from services.gateway.identity import use_cases as identity
from services.gateway.identity.passwords import Passwords
from services.gateway.org import listing, transfers, use_cases
from services.gateway.org.models import (
    RateIn,
    RateOut,
    TenantChange,
    TenantOut,
    TransferIn,
    TransferOut,
    UnitChange,
    UnitIn,
    UnitOut,
    UserChange,
    UserIn,
    UserOut,
)
from services.gateway.org.rules import Rate, User, check_grant
from services.gateway.org.use_cases import NewUnit, NewUser
from services.gateway.tenancy import use_cases as tenancy
from services.gateway.tenancy.reading import answer_part
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Currency, Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/org", tags=["organisation"])
Reading = Annotated[Read, Depends(read_access("org:read"))]
Writing = Annotated[Write, Depends(write_access("org:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]


async def _passwords(request: Request) -> Passwords:
    found: Passwords = request.app.state.passwords
    return found


Hashing = Annotated[Passwords, Depends(_passwords)]


@router.get("/tenant", response_model=TenantOut)
async def get_tenant(read: Reading) -> Response:
    return await answer_part(read, tenancy.present_tenant, TenantOut.of)


@router.patch("/tenant", response_model=TenantOut)
async def patch_tenant(body: TenantChange, write: Writing, now: Now) -> Response:
    """Rename it; close days, which takes `config:write` too."""
    changes = body.model_dump(exclude_unset=True)
    if "closed_through" in changes:
        write.principal.require("config:write")
    return await write.run(
        lambda tx: tenancy.change_tenant(tx, changes, if_match=write.if_match, now=now), render=TenantOut.of
    )


@router.get("/units", response_model=Page[UnitOut])
async def get_units(read: Reading, page: Paging, active: bool | None = None) -> Response:
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        rows = await listing.page_units(tx, after=after, limit=page.limit + 1, active=active)
    return page.answer(rows, key=lambda unit: [unit.id], render=UnitOut.of)


@router.post("/units", status_code=201, response_model=UnitOut)
async def post_unit(body: UnitIn, write: Writing, now: Now) -> Response:
    wanted = NewUnit(new_id(), body.parent_id, body.kind, body.code, body.name, body.calendar_id)

    async def create(tx: Tx) -> Any:
        [unit] = await use_cases.create_units(tx, [wanted], now=now)
        return unit

    return await write.run(create, render=UnitOut.of, status=201)


@router.get("/units/{unit_id}", response_model=UnitOut)
async def get_unit(unit_id: Id, read: Reading) -> Response:
    return await answer_part(read, lambda tx: use_cases.unit_of(tx, unit_id), UnitOut.of)


@router.patch("/units/{unit_id}", response_model=UnitOut)
async def patch_unit(unit_id: Id, body: UnitChange, write: Writing, now: Now) -> Response:
    changes = body.model_dump(exclude_unset=True)
    return await write.run(
        lambda tx: use_cases.change_unit(tx, unit_id, changes, if_match=write.if_match, now=now),
        render=UnitOut.of,
    )


@router.get("/users", response_model=Page[UserOut])
async def get_users(
    read: Reading,
    page: Paging,
    unit: Annotated[Id | None, Query(description="In this unit or below it.")] = None,
    active: bool | None = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of a name or code.")] = None,
) -> Response:
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        rows = await listing.page_users(
            tx, after=after, limit=page.limit + 1, unit_id=unit, active=active, q=q
        )
        emails = await _emails(tx, read.principal, rows)
    return page.answer(
        rows, key=lambda user: [user.id], render=lambda user: UserOut.of(user, emails.get(user.id))
    )


async def _emails(tx: Tx, principal: Principal, users: list[User]) -> dict[UUID, str]:
    shown = [user.id for user in users if principal.may("org:write") or user.id == principal.user_id]
    return await identity.emails_of(tx, shown) if shown else {}


@router.post("/users", status_code=201, response_model=UserOut)
async def post_user(body: UserIn, write: Writing, now: Now, passwords: Hashing) -> Response:
    check_grant(write.principal.may("admin"), body.roles)
    email = None if body.email is None else identity_rules.normal_email(body.email)
    hashed = await _hashed(passwords, body.password, email)
    user_id = new_id()
    wanted = NewUser(
        id=user_id,
        display_name=body.display_name,
        code=body.code or f"{body.display_name[:40]} {str(user_id)[-6:]}",
        unit_id=body.unit_id,
        roles=tuple(body.roles),
        visibility=body.visibility,
        active=body.active,
        email=email,
        password_hash=hashed,
    )

    async def create(tx: Tx) -> Any:
        [user] = await use_cases.create_users(tx, [wanted], now=now)
        return user

    return await write.run(create, render=lambda user: UserOut.of(user, email), status=201)


async def _hashed(passwords: Passwords, password: str | None, email: str | None) -> str | None:
    if password is None:
        return None
    if email is None:
        detail = "a password needs an e-mail address to sign in with"
        raise Invalid(detail, errors=[FieldError("/email", "required", detail)])
    identity_rules.check_password(password, email)
    return await passwords.hash(password)


@router.get("/users/{user_id}", response_model=UserOut)
async def get_user(user_id: Id, read: Reading) -> Response:
    async def load(tx: Tx) -> UserOut:
        user = await use_cases.user_of(tx, user_id)
        return UserOut.of(user, (await _emails(tx, read.principal, [user])).get(user_id))

    return await answer_part(read, load, lambda shown: shown)


@router.patch("/users/{user_id}", response_model=UserOut)
async def patch_user(user_id: Id, body: UserChange, write: Writing, now: Now, passwords: Hashing) -> Response:
    changes = body.model_dump(exclude_unset=True)
    email, password = changes.pop("email", None), changes.pop("password", None)
    if "roles" in changes:
        check_grant(write.principal.may("admin"), body.roles)
        changes["roles"] = tuple(sorted(set(body.roles)))
    if email is not None:
        email = identity_rules.normal_email(email)
    if password is not None:
        identity_rules.check_password(password, email)
        password = await passwords.hash(password)

    async def change(tx: Tx) -> Any:
        user = await use_cases.change_user(
            tx, user_id, changes, may_admin=write.principal.may("admin"), if_match=write.if_match, now=now
        )
        if email is not None or password is not None:
            await identity.change_account(
                tx, user_id, email=email, password_hash=password, enabled=user.active, now=now
            )
            user = replace(user, version=await use_cases.confirm_user(tx, user, now=now))
        return user, (await _emails(tx, write.principal, [user])).get(user_id)

    return await write.run(change, render=lambda found: UserOut.of(*found))


@router.post("/users/{user_id}/transfer", status_code=201, response_model=TransferOut)
async def post_transfer(user_id: Id, body: TransferIn, write: Writing, now: Now) -> Response:
    """Move a user to another unit; a future transfer takes effect by itself when it is due."""
    effective_at = body.effective_at or now
    return await write.run(
        lambda tx: transfers.transfer_user(tx, new_id(), user_id, body.to_unit_id, effective_at, now=now),
        render=TransferOut.of,
        status=201,
        location=lambda _: f"/v1/org/users/{user_id}/transfers",
    )


@router.get("/users/{user_id}/transfers", response_model=Page[TransferOut])
async def get_transfers(user_id: Id, read: Reading, page: Paging) -> Response:
    """A user's transfers, newest effect first."""
    async with read.transaction() as tx:
        await use_cases.user_of(tx, user_id)
        rows = await listing.page_transfers(tx, user_id, after=page.after_two, limit=page.limit + 1)
    return page.answer(rows, key=lambda found: [found.effective_at, found.id], render=TransferOut.of)


@router.get("/rates", response_model=Page[RateOut])
async def get_rates(read: Reading, page: Paging, currency: Currency | None = None) -> Response:
    """Exchange rates, newest day first."""

    def key(rate: Rate) -> list[date | str]:
        return [rate.valid_on, rate.currency]

    async with read.transaction() as tx:
        rows = await listing.list_rates(tx, currency=currency, after=page.after_two, limit=page.limit + 1)
    return page.answer(rows, key=key, render=RateOut.of)


@router.post("/rates", status_code=201, response_model=RateOut)
async def post_rate(body: RateIn, write: Writing, now: Now) -> Response:
    """Set a day's rate; a known one is replaced, and what was converted before keeps its amount."""

    async def store(tx: Tx) -> Any:
        [rate] = await use_cases.set_rates(tx, [(body.currency, body.valid_on, body.value())], now=now)
        return rate

    return await write.run(store, render=RateOut.of, status=201, location=lambda _: "/v1/org/rates")
