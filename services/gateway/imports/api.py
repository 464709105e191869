"""`/v1/imports`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.imports import use_cases
from services.gateway.imports.correcting import CSV, XLSX, as_csv, as_xlsx, csv_text
from services.gateway.imports.corrections import header_to_correct, row_to_correct
from services.gateway.imports.report import Report
from services.gateway.imports.rules import Options, Problem
from services.gateway.imports.settling import settle
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
                            "description": "CSV in UTF-8, UTF-16 or GB18030 (GBK), or XLSX; at most 128 MiB.",
                        },
                        "kind": {"type": "string", "enum": ["leads", "org", "history"]},
                        "mapping": {
                            "type": "string",
                            "description": "YAML: what the columns mean; or the name of a saved mapping. "
                            "Left out, the headings say it.",
                        },
                        "dry_run": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "All is done and taken back: the same report, nothing kept.",
                        },
                        "mode": {
                            "type": "string",
                            "enum": ["create", "update", "upsert"],
                            "description": "Of leads: make them, change them, or make those not there.",
                        },
                        "key": {
                            "type": "string",
                            "enum": ["phone", "email", "credit_code", "external_id"],
                            "description": "By what leads are found that are to be changed.",
                        },
                        "corrects": {
                            "type": "string",
                            "format": "uuid",
                            "description": "The import whose refused rows this file has, corrected.",
                        },
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


class ColumnOut(WireModel):
    """A column of the file; `field` null: it is not used."""

    heading: str
    field: str | None


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
    mode: Literal["create", "update", "upsert"]
    key: Literal["phone", "email", "credit_code", "external_id"] | None
    corrects: Id | None = Field(description="The import whose refused rows these are.")
    mapping_name: str | None = Field(description="The saved mapping that was named, or recognised.")
    encoding: str | None = Field(description="`xlsx` for a spreadsheet.")
    columns: list[ColumnOut]
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
    kept_until: Timestamp | None = Field(description="How long its refused rows can be corrected.")

    @classmethod
    def of(cls, found: Import) -> ImportOut:
        report, options = Report.of(found.report), Options.of(found.options)
        failure = None
        if found.failure_code is not None:
            failure = Failure(code=found.failure_code, detail=found.failure_detail or "")
        return cls.model_construct(
            id=found.id,
            kind=found.kind,
            state=found.state,
            dry_run=found.dry_run,
            file_name=found.file_name,
            mode=options.mode,
            key=options.key,
            corrects=options.corrects,
            mapping_name=options.mapping_name,
            encoding=found.encoding,
            columns=[ColumnOut(heading=name or "", field=taken) for name, taken in report.columns],
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
            kept_until=found.kept_until,
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
    async with received(request) as sent:
        principal.require(use_cases.SCOPES[sent.kind])
        context = context_of(request)
        settled = await settle(context.database, principal, sent)
        digest = await asyncio.to_thread(use_cases.digest_of, settled.upload)
        now = context.clock.now()
        return await write.run(
            lambda tx: use_cases.start_import(tx, principal, settled.upload, digest, settled.header, now),
            render=ImportOut.of,
            status=202,
            location=lambda made: f"/v1/imports/{made.id}",
            body_sha256=bytes.fromhex(digest),
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


@router.get(
    "/{import_id}/errors/file",
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def get_errors_file(
    request: Request,
    import_id: Id,
    read: Reading,
    format_: Annotated[Literal["csv", "xlsx"], Query(alias="format")] = "csv",
) -> Response:
    """The rows that were not imported, as they were sent, with the reason: correct them, send the file again.

    Sent again, only these rows are taken. Cells that a spreadsheet would run begin with an apostrophe.
    """
    async with read.transaction() as tx:
        found = await use_cases.import_of(tx, read.principal, import_id)
    database = context_of(request).database
    rows = _rows_to_correct(database, read.principal, found)
    headers = {"Content-Disposition": f'attachment; filename="to-correct-{found.id}.{format_}"'}
    if format_ == "xlsx":
        return Response(await as_xlsx(rows), media_type=XLSX, headers=headers)
    return StreamingResponse(as_csv(rows), media_type=f"{CSV}; charset=utf-8", headers=headers)


async def _rows_to_correct(
    database: Database, principal: Principal, found: Import
) -> AsyncIterator[list[str]]:
    header = found.header or ()
    yield header_to_correct(found.id, header)
    after = 0
    while True:
        async with database.transaction(principal.access()) as tx:
            rows = await use_cases.bad_rows(tx, found.id, after, 1000)
        if not rows:
            return
        for line, cells, reason in rows:
            yield row_to_correct(header, line, cells, reason)
        after = rows[-1][0]


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
    return csv_text([[str(cell) for cell in row] for row in rows])
