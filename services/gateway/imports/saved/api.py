"""`/v1/import-mappings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from services.gateway.imports.saved import use_cases
from services.gateway.imports.saved.use_cases import SavedMapping
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Line, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/import-mappings", tags=["imports"])
Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("config:write"))]
Name = Annotated[str, Line(100)]
Content = Annotated[str, Text(200_000)]


class MappingIn(WireModel):
    """A mapping by name, for files of one source. `content` is YAML, as an import's part `mapping`."""

    name: Name
    kind: Literal["leads", "org", "history"]
    content: Content


class MappingPatch(WireModel):
    """What is absent stays as it is."""

    name: Name | None = None
    content: Content | None = None

    def changes(self) -> Mapping[str, Any]:
        return {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}


class MappingOut(WireModel):
    """A saved mapping. Imports name it in `mapping`; files with the header of one that did so are known."""

    id: Id
    version: int
    name: str
    kind: Literal["leads", "org", "history"]
    content: str
    changed_by: Id | None = Field(description="Who wrote it as it is now.")
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, saved: SavedMapping) -> MappingOut:
        return cls.model_construct(**{name: getattr(saved, name) for name in cls.model_fields})


@router.get("", response_model=Page[MappingOut])
async def get_mappings(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """The tenant's saved mappings."""
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        found = await use_cases.list_mappings(tx, after, page.limit + 1)
    return page.answer(found, key=lambda saved: [saved.id], render=MappingOut.of)


@router.post("", status_code=201, response_model=MappingOut)
async def post_mapping(body: MappingIn, write: Writing, at: Now) -> Response:
    """Save a mapping; it is checked as an import would."""
    return await write.run(
        lambda tx: use_cases.save_mapping(
            tx, body.name, body.kind, body.content, write.principal.user_id, at
        ),
        render=MappingOut.of,
        status=201,
    )


@router.get("/{mapping_id}", response_model=MappingOut)
async def get_mapping(mapping_id: Id, read: Reading) -> Response:
    """One saved mapping."""
    async with read.transaction() as tx:
        found = await use_cases.mapping_of_id(tx, mapping_id)
    return read.respond(MappingOut.of(found), version=found.version)


@router.patch("/{mapping_id}", response_model=MappingOut)
async def patch_mapping(mapping_id: Id, body: MappingPatch, write: Writing, at: Now) -> Response:
    """Change its name or what it says; imports under way go on with what they began with."""
    return await write.run(
        lambda tx: use_cases.change_mapping(
            tx, mapping_id, body.changes(), write.principal.user_id, at, check_version=write.check
        ),
        render=MappingOut.of,
    )


@router.delete("/{mapping_id}", status_code=204)
async def delete_mapping(mapping_id: Id, write: Writing) -> Response:
    """Remove it; files are not recognised by it any more."""
    return await write.run(lambda tx: use_cases.remove_mapping(tx, mapping_id, check_version=write.check))
