"""Making codes, leading them elsewhere, and counting who comes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.gateway.codes import tables
from services.gateway.codes.rules import (
    KEY,
    Code,
    CodeNameTaken,
    Day,
    UnknownCode,
    UnknownTarget,
    check_target,
    days_between,
)
from services.gateway.forms.rules import Form, UnknownForm
from services.gateway.forms.use_cases import form_of
from services.gateway.tenancy.use_cases import present_tenant
from shared.contracts.gateway import CodeDefined
from shared.database.transactions import Access, Database, Tx
from shared.errors import FieldError
from shared.events.journal import NewEvent, record_events


def new_key() -> str:
    """72 bits: short, so that the squares of the printed code are large. Who finds one has found a poster."""
    return secrets.token_urlsafe(9)


async def list_codes(tx: Tx, after: UUID | None, limit: int) -> list[Code]:
    """In id order, that is oldest first."""
    return await tables.page_codes(tx, after, limit)


async def code_of(tx: Tx, code_id: UUID) -> Code:
    """Raises UnknownCode."""
    found = await tables.load_code(tx, code_id)
    if found is None:
        raise UnknownCode
    return found


async def code_by_key(database: Database, key: str) -> Code:
    """The code that is printed somewhere, of whichever tenant; closed ones, too. Raises UnknownCode."""
    found = None
    if KEY.fullmatch(key):
        async with database.transaction() as tx:
            found = await tables.code_by_key(tx, key)
    if found is None:
        raise UnknownCode
    return found


async def define_code(tx: Tx, code: Code) -> Code:
    """Raises CodeNameTaken, UnknownTarget."""
    await _check_target(tx, code)
    async with _named(tx, code.name):
        await tables.insert_code(tx, code)
    await record_events(tx, tables.codes, [NewEvent(code.id, _fact(code), code.created_at)], created=True)
    return code


async def change_code(
    tx: Tx,
    code_id: UUID,
    changes: Mapping[str, Any],
    *,
    user_id: UUID | None,
    at: datetime,
    check_version: Callable[[int], None],
) -> Code:
    """Change fields, named as in Code. Raises UnknownCode, CodeNameTaken, UnknownTarget, and what
    `check_version` raises.
    """
    known = await tables.load_code(tx, code_id, lock=True)
    if known is None:
        raise UnknownCode
    check_version(known.version)
    changed = replace(known, **changes)
    if changed == known:
        return known
    if (changed.form_id, changed.url) != (known.form_id, known.url):
        await _check_target(tx, changed)
    changed = replace(changed, changed_by=user_id, updated_at=at)
    async with _named(tx, changed.name):
        await tables.store_code(tx, changed)
    [position] = await record_events(tx, tables.codes, [NewEvent(code_id, _fact(changed), at)])
    return replace(changed, version=position.seq)


async def _check_target(tx: Tx, code: Code) -> None:
    check_target(code.form_id, code.url)
    if code.form_id is not None:
        try:
            await form_of(tx, code.form_id)
        except UnknownForm:
            detail = f"There is no form {code.form_id}"
            raise UnknownTarget(detail, errors=[FieldError("/form_id", UnknownTarget.code, detail)]) from None


@asynccontextmanager
async def _named(tx: Tx, name: str) -> AsyncIterator[None]:
    """What is stored within bears this name. Raises CodeNameTaken."""
    try:
        async with tx.conn.begin_nested():
            yield
    except IntegrityError as error:
        detail = f"{name!r} is in use"
        raise CodeNameTaken(detail, errors=[FieldError("/name", CodeNameTaken.code, detail)]) from error


async def scanned(database: Database, code: Code, at: datetime, part: int | None) -> Form | None:
    """Count a scan, on the tenant's own day; the form that the code leads to. `part`: see the table; None: it
    was looked at only.
    """
    async with database.transaction(Access(code.tenant_id)) as tx:
        if part is not None:
            day = (await present_tenant(tx)).day_of(at)
            await tables.add_scan(tx, code, day, part)
        return None if code.form_id is None else await form_of(tx, code.form_id)


async def days_of(tx: Tx, code_id: UUID, first: date | None, last: date | None, at: datetime) -> list[Day]:
    """What came of a code on each day on which anything did. Raises UnknownCode, BadPeriod."""
    await code_of(tx, code_id)
    since, until = days_between(first, last, (await present_tenant(tx)).day_of(at))
    return await tables.days_of(tx, code_id, since, until)


class Codes:
    """What forms ask of codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attribution(self, tenant_id: UUID, key: str) -> Code | None:
        """The tenant's code of this key; None where it has none, or closed it."""
        try:
            code = await code_by_key(self._database, key)
        except UnknownCode:
            return None
        return code if code.tenant_id == tenant_id and code.enabled else None

    async def came(self, tenant_id: UUID, by: Code, lead_id: UUID, at: datetime) -> None:
        """Count a lead, the same one once, on the tenant's own day."""
        async with self._database.transaction(Access(tenant_id)) as tx:
            day = (await present_tenant(tx)).day_of(at)
            await tables.add_lead(tx, by, lead_id, day)


def _fact(code: Code) -> CodeDefined:
    return CodeDefined(
        enabled=code.enabled,
        form_id=code.form_id,
        source=code.fixed.source,
        channel=code.fixed.channel,
    )
