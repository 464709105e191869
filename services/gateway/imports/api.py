"""`/v1/imports`."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.imports import use_cases
from services.gateway.imports.reading import check_file, mapping_of
from services.gateway.imports.report import Report
from services.gateway.imports.rules import Problem
from services.gateway.imports.upload import received
from services.gateway.imports.use_cases import Import
from shared.access.principal import Principal
from shared.database.transactions import Database
from shared.web.context import context_of, principal_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read
from shared.web.routing import Router, StreamedBody
from shared.web.wire import Id, Timestamp, WireModel
from shared.web.writes import Write

router = Router(prefix="/v1/imports", tags=["imports"])

_TAGGED = {
    "parameters": [{"$ref": "#/components/parameters/IfNoneMatch"}],
    "responses": {"304": {"description": "Not changed since (If-None-Match)."}},
}
_FORM = {
    "parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "kind"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV in UTF-8, UTF-16 or GB18030 (GBK), at most 128 MiB.",
                        },
                        "kind": {"type": "string", "enum": ["leads", "org", "history"]},
                        "mapping": {"type": "string", "description": "YAML: what the columns mean."},
                        "dry_run": {"type": "string", "enum": ["true", "false"]},
                    },
                }
            }
        },
    },
}


class NoteOut(WireModel):
    """Something odd that was handled: how often, and the first row."""

    code: str
    detail: str
    count: int
    first_row: int


class Unmapped(WireModel):
    """Rows of an event log that no rule maps."""

    activity: str
    rows: int


class Failure(WireModel):
    code: str
    detail: str


class ImportOut(WireModel):
    """An import. `rows_done` are dealt with, the `rows_failed` among them; all are null or 0 until it is
    read.
    """

    id: Id
    kind: Literal["leads", "org", "history"]
    state: Literal["waiting", "reading", "running", "done", "failed"]
    dry_run: bool
    file_name: str
    encoding: str | None
    rows_total: int | None
    rows_done: int
    rows_failed: int
    counts: dict[str, int] = Field(description="Things by what became of them, such as `deals_created`.")
    notes: list[NoteOut]
    unmapped: list[Unmapped]
    positions: list[str] = Field(description="Each for Cox-Wait-For: what the import caused lately.")
    failure: Failure | None
    created_at: Timestamp
    finished_at: Timestamp | None

    @classmethod
    def of(cls, found: Import) -> ImportOut:
        report = Report.of(found.report)
        failure = None
        if found.failure_code is not None:
            failure = Failure(code=found.failure_code, detail=found.failure_detail or "")
        return cls.model_construct(
            id=found.id,
            kind=found.kind,
            state=found.state,
            dry_run=found.dry_run,
            file_name=found.file_name,
            encoding=found.encoding,
            rows_total=found.rows_total,
            rows_done=found.rows_done,
            rows_failed=found.rows_failed,
            counts={name: count for name, count in sorted(report.counts.items()) if count},
            notes=[NoteOut(**note) for _, note in sorted(report.notes.items())],
            unmapped=[Unmapped(activity=name, rows=rows) for name, rows in sorted(report.unmapped.items())],
            positions=list(found.positions),
            failure=failure,
            created_at=found.created_at,
            finished_at=found.finished_at,
        )


class ProblemOut(WireModel):
    """A row that was not imported, or not whole. `row` is its line in the file; the header is 1."""

    row: int
    field: str | None
    code: str
    detail: str

    @classmethod
    def of(cls, problem: Problem) -> ProblemOut:
        return cls(row=problem.line, field=problem.field, code=problem.code, detail=problem.detail)


async def _reader(request: Request) -> Read:
    """Who asked for an import reads it; `import_of` says whose it is."""
    return Read(request, principal_of(request))


Reading = Annotated[Read, Depends(_reader)]


@router.post(
    "",
    status_code=202,
    response_model=ImportOut,
    openapi_extra=_FORM,
    dependencies=[Depends(StreamedBody())],
)
async def post_import(request: Request) -> Response:
    """Ask for an import. It runs on after the answer; the same one, asked for again meanwhile, is the same.

    Needs the scope `leads:write` for leads, `org:write` for an org, `admin` for a history.
    """
    principal = principal_of(request)
    write = Write(request, principal)
    async with received(request) as upload:
        principal.require(use_cases.SCOPES[upload.kind])
        mapping = await asyncio.to_thread(mapping_of, upload.kind, upload.mapping)
        await asyncio.to_thread(check_file, upload.file, mapping)
        now = context_of(request).clock.now()
        return await write.run(
            lambda tx: use_cases.start_import(tx, principal, upload, now),
            render=ImportOut.of,
            status=202,
            location=lambda made: f"/v1/imports/{made.id}",
            body_sha256=bytes.fromhex(upload.digest),
        )


@router.get("/{import_id}", response_model=ImportOut, openapi_extra=_TAGGED)
async def get_import(import_id: Id, read: Reading) -> Response:
    """How far an import is, and what became of its rows."""
    async with read.transaction() as tx:
        found = await use_cases.import_of(tx, read.principal, import_id)
    return read.respond(ImportOut.of(found), position=found.positions[-1] if found.positions else None)


@router.get(
    "/{import_id}/errors",
    response_model=Page[ProblemOut],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_errors(
    request: Request,
    import_id: Id,
    read: Reading,
    page: Annotated[PageQuery, Depends(page_query)],
    format_: Annotated[
        Literal["json", "csv"], Query(alias="format", description="`csv` is all of them, as a file.")
    ] = "json",
) -> Response:
    """The rows that were not imported, in the file's order, with the reason."""
    async with read.transaction() as tx:
        found = await use_cases.import_of(tx, read.principal, import_id)
        if format_ == "json":
            problems = await use_cases.list_problems(tx, found.id, _after(page), page.limit + 1)
            return page.answer(problems, key=lambda p: (p.line, p.code), render=ProblemOut.of)
    headers = {"Content-Disposition": f'attachment; filename="errors-{found.id}.csv"'}
    lines = _csv_lines(context_of(request).database, read.principal, found.id)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _after(page: PageQuery) -> tuple[int, str] | None:
    return None if page.after is None else (int(page.after[0]), str(page.after[1]))


async def _csv_lines(database: Database, principal: Principal, import_id: UUID) -> AsyncIterator[str]:
    yield _csv([("row", "field", "code", "detail")])
    after: tuple[int, str] | None = None
    while True:
        async with database.transaction(principal.access()) as tx:
            problems = await use_cases.list_problems(tx, import_id, after, 1000)
        if not problems:
            return
        yield _csv([(p.line, p.field or "", p.code, p.detail) for p in problems])
        after = (problems[-1].line, problems[-1].code)


def _csv(rows: list[tuple[Any, ...]]) -> str:
    """CSV that a spreadsheet shows and does not run: what could be a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([f"'{cell}" if str(cell)[:1] in tuple("=+-@\t\r") else cell for cell in row])
    return text.getvalue()
