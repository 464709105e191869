"""`/v1/custom-fields`: which fields a tenant's leads have."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.capture.custom_fields.models import (
    CustomFieldIn,
    CustomFieldOut,
    CustomFieldPatch,
    FieldTerms,
)
from services.leads.capture.custom_fields.rules import Schema
from services.leads.capture.custom_fields.use_cases import (
    change_field,
    define_field,
    get_field,
    keep_unknown,
    schema_of,
)
from services.leads.edge import position
from shared.database.transactions import Tx
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/custom-fields", tags=["custom fields"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]


@router.get("", response_model=Page[CustomFieldOut])
async def get_custom_fields(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """All fields, retired ones too, in their order."""
    async with read.transaction() as tx:
        found = list((await schema_of(tx, read.principal.tenant_id)).fields.values())
    return page.answer_of_all(found, key=lambda one: (one.position, one.id), render=CustomFieldOut.of)


@router.post("", status_code=201, response_model=CustomFieldOut)
async def post_custom_field(body: CustomFieldIn, write: Configuring, at: Now) -> Response:
    """Define a field. New leads must fit it at once; it is `ready` when those that are stored were looked
    through, a moment later.
    """
    return await write.run(
        lambda tx: define_field(tx, write.principal.tenant_id, body.field(new_id()), at),
        render=CustomFieldOut.of,
        status=201,
    )


@router.get("/terms", response_model=FieldTerms)
async def get_field_terms(read: Reading) -> Response:
    """Whether values of fields that are not defined are refused."""
    async with read.transaction() as tx:
        return read.respond(_terms(await schema_of(tx, read.principal.tenant_id)))


@router.patch("/terms", response_model=FieldTerms)
async def patch_field_terms(body: FieldTerms, write: Configuring) -> Response:
    """Refuse values of fields that are not defined, or keep them as they come."""

    async def work(tx: Tx) -> FieldTerms:
        await keep_unknown(tx, write.principal.tenant_id, keeps_unknown=body.unknown_keys == "kept")
        return body

    return await write.run(work, render=lambda shown: shown)


def _terms(schema: Schema) -> FieldTerms:
    return FieldTerms(unknown_keys="kept" if schema.keeps_unknown else "refused")


@router.get("/{custom_field_id}", response_model=CustomFieldOut)
async def get_one_custom_field(custom_field_id: Id, read: Reading) -> Response:
    """One field."""
    return await read.one(
        lambda tx: get_field(tx, read.principal.tenant_id, custom_field_id),
        CustomFieldOut.of,
        position=lambda one: position(one.id, one.version),
    )


@router.patch("/{custom_field_id}", response_model=CustomFieldOut)
async def patch_custom_field(
    custom_field_id: Id, body: CustomFieldPatch, write: Configuring, at: Now
) -> Response:
    """Change a field. Another type holds when all that is stored was found to fit it."""
    return await write.run(
        lambda tx: change_field(
            tx, write.principal.tenant_id, custom_field_id, body.changes(), at, check_version=write.check
        ),
        render=CustomFieldOut.of,
    )


@router.delete("/{custom_field_id}", response_model=CustomFieldOut)
async def delete_custom_field(custom_field_id: Id, write: Configuring, at: Now) -> Response:
    """Retire a field: no lead gets a value any more, those that have one keep it. `active: true` brings it
    back.
    """
    return await write.run(
        lambda tx: change_field(
            tx, write.principal.tenant_id, custom_field_id, {"active": False}, at, check_version=write.check
        ),
        render=CustomFieldOut.of,
    )
