"""Asking for an import, and looking at it. What is asked for runs in the worker; see `runner`."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from services.gateway.imports import tables
from services.gateway.imports.rows import tables as rows
from services.gateway.imports.rows.tables import bad_rows
from services.gateway.imports.rules import ImportKind, Options
from services.gateway.imports.saved.use_cases import remember
from services.gateway.imports.tables import PART_BYTES, Import, list_problems
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.ids import new_id

# The room's door: what its routes need of the tables they take from here.
__all__ = [
    "SCOPES", "Import", "Upload", "bad_rows", "digest_of", "forget", "import_of", "list_problems",
    "start_import",
]  # fmt: skip

SCOPES: dict[ImportKind, str] = {"leads": "leads:write", "org": "org:write", "history": "admin"}
"""What an import of each kind needs: a history may hold everything."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent: a file, what its columns mean, and whether it is only to be checked."""

    kind: ImportKind
    file: BinaryIO
    file_name: str
    mapping: str | None
    dry_run: bool
    options: Options = field(default_factory=Options)


def digest_of(upload: Upload) -> str:
    """The same for the same import."""
    asked = (upload.kind, upload.dry_run, upload.mapping, upload.options)
    made = hashlib.sha256(repr(asked).encode())
    upload.file.seek(0)
    while block := upload.file.read(PART_BYTES):
        made.update(block)
    return made.hexdigest()


async def start_import(
    tx: Tx, principal: Principal, upload: Upload, digest: str, header: str, now: datetime
) -> Import:
    """Keep the file and let the worker begin. The same import, still under way, is answered instead of a
    second. `header` is the fingerprint of the file's: a saved mapping that was used is known by it again.
    """
    if upload.options.mapping_name is not None:
        await remember(tx, upload.kind, upload.options.mapping_name, header)
    await tables.lock_digest(tx, digest)
    same = await tables.unfinished_with(tx, digest)
    if same is not None:
        return same
    new = Import(
        principal.tenant_id,
        new_id(),
        0,
        upload.kind,
        "waiting",
        upload.dry_run,
        principal.id,
        principal.user_id,
        upload.file_name,
        upload.mapping,
        digest,
        now,
        upload.options.stored(),
    )
    await tables.insert_import(tx, new, _parts(upload.file))
    return new


async def _parts(file: BinaryIO) -> AsyncIterator[bytes]:
    file.seek(0)
    while block := file.read(PART_BYTES):
        yield block


async def import_of(tx: Tx, principal: Principal, import_id: UUID) -> Import:
    """An import that the caller asked for, or that an admin looks at. Raises NotFound."""
    found = await tables.load_import(tx, import_id)
    mine = found is not None and (
        found.principal_id == principal.id
        or (found.user_id is not None and found.user_id == principal.user_id)
    )
    if found is None or not (mine or principal.may("admin")):
        raise NotFound("There is no such import")
    return found


async def forget(tx: Tx, tenant_id: UUID, said: Sequence[str]) -> None:
    """Forget every row kept for correction in which one of these texts stands: a name, a number as written.

    Rows that were imported are not kept; what they became is their service's to forget.
    """
    await rows.forget_said(tx, tenant_id, said)


async def forget_import(tx: Tx, import_id: UUID) -> None:
    """Rows can be corrected no longer."""
    await rows.clear_bad_rows(tx, import_id)
