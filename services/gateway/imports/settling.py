"""What an upload asks for: its mapping by name, by its header or from the import that it corrects."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from services.gateway.imports.corrections import added_columns
from services.gateway.imports.files.table import Table
from services.gateway.imports.headings.columns import columns_of
from services.gateway.imports.headings.folding import fingerprint
from services.gateway.imports.mapping import AnyMapping, EventLogMapping
from services.gateway.imports.mapping_file import BadMapping
from services.gateway.imports.reading import mapping_of, opened, own_names
from services.gateway.imports.rules import Options
from services.gateway.imports.saved.use_cases import mapping_by_header, mapping_by_name
from services.gateway.imports.use_cases import Upload, import_of
from shared.access.principal import Principal
from shared.database.transactions import Database
from shared.errors import FieldError, Invalid

_NAME = re.compile(r"[^\n\r:{}\[\]]{1,100}")


class NotToCorrect(Invalid):
    code = "not_to_correct"
    title = "The file does not correct that import"


@dataclass(frozen=True, slots=True)
class Settled:
    """The upload as it is imported, and the fingerprint of its header."""

    upload: Upload
    header: str


async def settle(database: Database, principal: Principal, upload: Upload) -> Settled:
    """Raises BadMapping, UnreadableFile, WrongHeader, NotFound, NotToCorrect."""
    upload = await _named(database, principal, upload)
    mapping = mapping_of(upload.kind, upload.mapping)
    table = await asyncio.to_thread(_looked_at, upload, mapping)
    found = await _corrected(database, principal, upload, table)
    if found is None and upload.mapping is None:
        found = await _recognised(database, principal, upload, table.top)
    if found is not None:
        upload, mapping = found, mapping_of(found.kind, found.mapping)
        table = await asyncio.to_thread(_looked_at, upload, mapping)
    if upload.options.corrects is not None and isinstance(mapping, EventLogMapping):
        raise _not_to_correct("a case's rows belong together: correct the log and send the whole of it again")
    names = own_names(table.header)
    columns_of(mapping, names)
    return Settled(upload, fingerprint(names))


def _looked_at(upload: Upload, mapping: AnyMapping) -> Table:
    with closing(opened(upload.file, mapping)) as table:
        return table


async def _named(database: Database, principal: Principal, upload: Upload) -> Upload:
    """With the saved mapping whose name was sent in the place of one."""
    said = (upload.mapping or "").strip()
    if not said or not _NAME.fullmatch(said):
        return upload
    async with database.transaction(principal.access()) as tx:
        saved = await mapping_by_name(tx, said)
    if saved is None:
        raise BadMapping(
            f"there is no saved mapping {said!r}, and this is none in YAML: see /v1/import-mappings"
        )
    if saved.kind != upload.kind:
        raise BadMapping(f"the mapping {said!r} is for {saved.kind}, the file for {upload.kind}")
    return _with(upload, saved.content, mapping_name=saved.name)


async def _recognised(
    database: Database, principal: Principal, upload: Upload, top: Sequence[Sequence[str]]
) -> Upload | None:
    """With the saved mapping that was used for a file with such a header."""
    headers = [fingerprint(cells) for cells in top if any(cells)]
    async with database.transaction(principal.access()) as tx:
        saved = await mapping_by_header(tx, upload.kind, headers)
    return None if saved is None else _with(upload, saved.content, mapping_name=saved.name)


async def _corrected(database: Database, principal: Principal, upload: Upload, table: Table) -> Upload | None:
    """As the import was asked for whose rows it corrects; None where it corrects none."""
    of_file = added_columns(table.header).import_id
    for cells in table.top:
        of_file = of_file or added_columns(cells).import_id
    wanted = upload.options.corrects or of_file
    if wanted is None:
        return None
    if of_file is not None and of_file != wanted:
        raise _not_to_correct(f"the rows of this file are those of the import {of_file}")
    async with database.transaction(principal.access()) as tx:
        original = await import_of(tx, principal, wanted)
    if original.kind != upload.kind:
        raise _not_to_correct(f"that was an import of {original.kind}")
    if original.finished_at is None:
        raise _not_to_correct("that import is still under way")
    before = Options.of(original.options)
    asked = upload.options if upload.options.key else before
    mapping = upload.mapping if upload.mapping is not None else original.mapping
    return _with(upload, mapping, mode=asked.mode, key=asked.key, corrects=wanted)


def _with(upload: Upload, mapping: str | None, **options: object) -> Upload:
    return replace(upload, mapping=mapping, options=replace(upload.options, **options))  # type: ignore[arg-type]


def _not_to_correct(detail: str) -> NotToCorrect:
    return NotToCorrect(detail, errors=[FieldError("/corrects", NotToCorrect.code, detail)])
