"""Routes of signing in: `/v1/auth/…` and `/v1/me`."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Protocol
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import Depends, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from services.gateway.identity import rules, use_cases
from services.gateway.identity.access_tokens import LIFETIME_S, AccessTokens
from services.gateway.identity.passwords import Passwords
from services.gateway.identity.rules import BadClient, BadCredentials, Session
from services.gateway.identity.use_cases import Device, SignedIn
from shared.errors import CoxError, FieldError, Forbidden, Invalid
from shared.events.positions import encode_token
from shared.web.context import Now, context_of, principal_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.routing import Router
from shared.web.waits import POSITION
from shared.web.wire import Id, Timestamp, WireModel, to_json

router = Router(prefix="/v1", tags=["identity"])
Paging = Annotated[PageQuery, Depends(page_query)]
Text = Annotated[str, StringConstraints(max_length=4096)]


class Attempts(Protocol):
    """How often somebody may fail to sign in."""

    async def check_sign_in(self, account: str, address: str) -> None: ...

    async def count_failure(self, account: str, address: str) -> None: ...


class Clients(Protocol):
    """Programs that sign in with an id and a secret of their own."""

    async def client(self, client_id: str, secret: str) -> tuple[UUID, UUID]:
        """Tenant and key id. Raises BadClient."""
        ...


class TokenForm(BaseModel):
    """OAuth 2: what is needed depends on `grant_type`; `scope` is accepted and changes nothing."""

    model_config = ConfigDict(extra="forbid")

    grant_type: Text
    username: Text | None = None
    password: Text | None = None
    refresh_token: Text | None = None
    client_id: Text | None = None
    client_secret: Text | None = None
    scope: Text | None = None


class TokenOut(WireModel):
    """`expires_in` in seconds; a refresh token is good once, for 14 days; programs get none."""

    access_token: str
    refresh_token: str | None
    token_type: str = "Bearer"  # noqa: S105 - the scheme, no secret
    expires_in: int


class RevokeForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Text
    token_type_hint: Text | None = None


class SessionOut(WireModel):
    """`current`: the one that this request was sent in."""

    id: Id
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    address: str | None
    user_agent: str | None
    current: bool


class MeOut(WireModel):
    """Who is asking, and what they may do and see."""

    id: Id
    kind: str
    tenant_id: Id
    user_id: Id | None
    unit_id: Id | None
    roles: list[str]
    scopes: list[str]
    visibility: str
    is_rep: bool
    org_version: int


class PasswordChange(WireModel):
    current_password: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    new_password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Door:
    """What these routes need of the process; made by `bootstrap`."""

    def __init__(
        self, passwords: Passwords, tokens: AccessTokens, attempts: Attempts, clients: Clients
    ) -> None:
        self.passwords = passwords
        self.tokens = tokens
        self.attempts = attempts
        self.clients = clients


async def _door(request: Request) -> Door:
    found: Door = request.app.state.door
    return found


AtDoor = Annotated[Door, Depends(_door)]


@router.post("/auth/token", response_model=TokenOut)
async def post_token(
    form: Annotated[TokenForm, Form()], request: Request, door: AtDoor, now: Now
) -> Response:
    """Sign in (`password`), stay signed in (`refresh_token`), or sign a program in (`client_credentials`)."""
    database = context_of(request).database
    match form.grant_type:
        case "password":
            email, password = _given(form, "username"), _given(form, "password")
            signed_in = await _sign_in(request, door, email, password, now)
            return _tokens(door, signed_in, now)
        case "refresh_token":
            signed_in = await use_cases.refresh(database, _given(form, "refresh_token"), now=now)
            return _tokens(door, signed_in, now)
        case "client_credentials":
            return await _client_token(request, door, form, now)
    raise rules.UnsupportedGrant


def _given(form: TokenForm, name: str) -> str:
    value: str | None = getattr(form, name)
    if not value:
        detail = f"grant_type {form.grant_type} needs {name}"
        raise Invalid(detail, errors=[FieldError(f"/{name}", "required", detail)])
    return value


async def _sign_in(request: Request, door: Door, email: str, password: str, now: datetime) -> SignedIn:
    address = request.client.host if request.client else "unknown"
    account = email.strip().lower()[:254]
    await door.attempts.check_sign_in(account, address)
    try:
        known = _readable(email)
        device = Device(address, _readable_agent(request))
        return await use_cases.sign_in(
            context_of(request).database, door.passwords, known, password, device=device, now=now
        )
    except rules.REFUSALS:
        await door.attempts.count_failure(account, address)
        raise


def _readable(email: str) -> str:
    try:
        return rules.normal_email(email)
    except CoxError:
        raise BadCredentials from None


def _readable_agent(request: Request) -> str | None:
    agent = request.headers.get("user-agent", "")
    return "".join(char for char in agent if char.isprintable())[:200] or None


async def _client_token(request: Request, door: Door, form: TokenForm, now: datetime) -> Response:
    client_id, secret = _basic(request) or (_given(form, "client_id"), _given(form, "client_secret"))
    address = request.client.host if request.client else "unknown"
    await door.attempts.check_sign_in(client_id[:100], address)
    try:
        tenant_id, key_id = await door.clients.client(client_id, secret)
    except rules.REFUSALS:
        await door.attempts.count_failure(client_id[:100], address)
        raise
    access = door.tokens.issue(tenant_id, key_id, "api_key", key_id, now)
    return _token_response(access, None)


def _basic(request: Request) -> tuple[str, str] | None:
    """Id and secret by HTTP Basic (RFC 6749, 2.3.1). Raises BadClient where they cannot be read."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, separator, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise BadClient from None
    if not separator:
        raise BadClient
    return unquote_plus(client_id), unquote_plus(secret)


def _tokens(door: Door, signed_in: SignedIn, now: datetime) -> Response:
    access = door.tokens.issue(signed_in.tenant_id, signed_in.user_id, "user", signed_in.session_id, now)
    return _token_response(access, signed_in.refresh_token)


def _token_response(access: str, refresh: str | None) -> Response:
    shown = TokenOut(access_token=access, refresh_token=refresh, expires_in=LIFETIME_S)
    # RFC 6749, 5.1: nobody on the way keeps a token.
    return Response(to_json(shown), media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post("/auth/revoke", status_code=204)
async def post_revoke(form: Annotated[RevokeForm, Form()], request: Request, now: Now) -> Response:
    """Sign out: the session of this refresh token ends. An unknown token is no error."""
    await use_cases.sign_out(context_of(request).database, form.token, now=now)
    return Response(status_code=204)


@router.get("/auth/sessions", response_model=Page[SessionOut])
async def get_sessions(request: Request, page: Paging, now: Now) -> Response:
    """One's own live sessions, oldest first."""
    user_id = _person(request)
    after = page.after[0] if page.after else None
    async with context_of(request).database.transaction(principal_of(request).access()) as tx:
        rows = await use_cases.list_sessions(tx, user_id, now, after=after, limit=page.limit + 1)
    current = request.scope.get("cox.session_id")

    def render(session: Session) -> SessionOut:
        return SessionOut(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
            current=session.id == current,
        )

    return page.answer(rows, key=lambda session: [session.id], render=render)


@router.delete("/auth/sessions/{session_id}", status_code=204)
async def delete_session(session_id: Id, request: Request, now: Now) -> Response:
    """End one of one's own sessions: its tokens stop being good at once."""
    user_id = _person(request)
    async with context_of(request).database.transaction(principal_of(request).access()) as tx:
        await use_cases.revoke_session(tx, session_id, user_id=user_id, now=now)
    return _done(request)


@router.get("/me", response_model=MeOut)
async def get_me(request: Request) -> Response:
    principal = principal_of(request)
    shown = MeOut(
        id=principal.id,
        kind=principal.kind,
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        unit_id=principal.unit_id,
        roles=sorted(principal.roles),
        scopes=sorted(principal.scopes),
        visibility=principal.visibility,
        is_rep=principal.is_rep,
        org_version=principal.org_version,
    )
    return Response(to_json(shown), media_type="application/json")


@router.post("/auth/password", status_code=204)
async def post_password(body: PasswordChange, request: Request, door: AtDoor, now: Now) -> Response:
    """Change one's own password; every other session ends."""
    user_id = _person(request)
    await use_cases.change_own_password(
        context_of(request).database,
        door.passwords,
        principal_of(request).access(),
        user_id=user_id,
        session_id=request.scope.get("cox.session_id"),
        old=body.current_password,
        new=body.new_password,
        now=now,
    )
    return _done(request)


def _done(request: Request) -> Response:
    """A write that recorded no event: its position names nothing to wait for."""
    secret = context_of(request).settings.position_secret.get_secret_value()
    token = encode_token([], principal_of(request).tenant_id, secret)
    return Response(status_code=204, headers={POSITION: token})


def _person(request: Request) -> UUID:
    principal = principal_of(request)
    if principal.kind != "user" or principal.user_id is None:
        raise Forbidden("Only a person, signed in with a password, has sessions")
    return principal.user_id
