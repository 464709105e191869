"""Routes of API keys: `/v1/api-keys`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends
from fastapi.responses import Response
from pydantic import Field

from services.gateway.partners import use_cases
from services.gateway.partners.rules import ApiKey
from shared.database.transactions import Tx
from shared.errors import Forbidden
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Line, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/api-keys", tags=["API keys"])
Scope = Literal[
    "leads:read",
    "leads:write",
    "contact:read",
    "activities:read",
    "activities:write",
    "kpis:read",
    "org:read",
    "org:write",
    "absences:write",
    "audit:read",
    "config:write",
    "admin",
]


class ApiKeyIn(WireModel):
    """A key acts for who makes it, with at most these scopes and at most their visibility."""

    name: Annotated[str, Line(100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=12)]
    expires_at: Timestamp | None = None


class ApiKeyOut(WireModel):
    id: Id
    owner_id: Id
    name: str
    scopes: list[str]
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    version: int

    @classmethod
    def of(cls, key: ApiKey) -> ApiKeyOut:
        return cls(**_shown(key))


class NewApiKeyOut(ApiKeyOut):
    """`key` is shown this once: send it as `Authorization: Bearer cox_…`."""

    key: str


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "owner_id": key.user_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "version": key.version,
    }


@router.post("", status_code=201, response_model=NewApiKeyOut)
async def post_key(
    body: ApiKeyIn, write: Annotated[Write, Depends(write_access("org:read"))], now: Now
) -> Response:
    """Make a key; any person may, within their own rights."""
    principal = write.principal
    owner_id = principal.user_id
    if owner_id is None:
        raise Forbidden("A key belongs to a person")

    async def issue(tx: Tx) -> tuple[ApiKey, str]:
        return await use_cases.issue_key(
            tx,
            tenant_id=principal.tenant_id,
            owner_id=owner_id,
            name=body.name,
            scopes=tuple(body.scopes),
            held=principal.scopes,
            expires_at=body.expires_at,
            now=now,
        )

    return await write.run(
        issue, render=lambda made: NewApiKeyOut(**_shown(made[0]), key=made[1]), status=201, secret=True
    )


@router.get("", response_model=Page[ApiKeyOut])
async def get_keys(
    read: Annotated[Read, Depends(read_access("org:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
) -> Response:
    """One's own keys; an admin sees all."""
    mine = None if read.principal.may("admin") else read.principal.user_id
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        rows = await use_cases.list_keys(tx, user_id=mine, after=after, limit=page.limit + 1)
    return page.answer(rows, key=lambda key: [key.id], render=ApiKeyOut.of)


@router.delete("/{key_id}", response_model=ApiKeyOut)
async def delete_key(
    key_id: Id, write: Annotated[Write, Depends(write_access("org:read"))], now: Now
) -> Response:
    """Revoke a key at once. It stays in the list, with the time of its end."""
    return await write.run(
        lambda tx: use_cases.revoke_key(tx, key_id, principal=write.principal, now=now), render=ApiKeyOut.of
    )
