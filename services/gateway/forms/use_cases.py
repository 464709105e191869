"""Making forms and changing them; they are never removed, since codes lead to them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.gateway.forms import tables
from services.gateway.forms.rules import KEY, Form, FormNameTaken, UnknownForm
from shared.contracts.gateway import FormDefined
from shared.database.transactions import Database, Tx
from shared.errors import FieldError
from shared.events.journal import NewEvent, record_events


def new_key() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


async def list_forms(tx: Tx, after: UUID | None, limit: int) -> list[Form]:
    """In id order, that is oldest first."""
    return await tables.page_forms(tx, after, limit)


async def form_of(tx: Tx, form_id: UUID) -> Form:
    """Raises UnknownForm."""
    found = await tables.load_form(tx, form_id)
    if found is None:
        raise UnknownForm
    return found


async def form_by_key(database: Database, key: str) -> Form:
    """The form of an address, of whichever tenant; closed ones, too. Raises UnknownForm."""
    found = None
    if KEY.fullmatch(key):
        async with database.transaction() as tx:
            found = await tables.form_by_key(tx, key)
    if found is None:
        raise UnknownForm
    return found


async def define_form(tx: Tx, form: Form) -> Form:
    """Raises FormNameTaken."""
    async with _named(tx, form.name):
        await tables.insert_form(tx, form)
    await record_events(tx, tables.forms, [NewEvent(form.id, _fact(form), form.created_at)], created=True)
    return form


async def change_form(
    tx: Tx,
    form_id: UUID,
    changes: Mapping[str, Any],
    *,
    renew_key: bool,
    user_id: UUID | None,
    at: datetime,
    check_version: Callable[[int], None],
) -> Form:
    """Change fields, named as in Form. Raises UnknownForm, FormNameTaken, and what `check_version` raises."""
    known = await tables.load_form(tx, form_id, lock=True)
    if known is None:
        raise UnknownForm
    check_version(known.version)
    changed = replace(known, **changes)
    if renew_key:
        changed = replace(changed, key=new_key())
    if changed == known:
        return known
    changed = replace(changed, changed_by=user_id, updated_at=at)
    async with _named(tx, changed.name):
        await tables.store_form(tx, changed)
    [position] = await record_events(tx, tables.forms, [NewEvent(form_id, _fact(changed), at)])
    return replace(changed, version=position.seq)


@asynccontextmanager
async def _named(tx: Tx, name: str) -> AsyncIterator[None]:
    """What is stored within bears this name. Raises FormNameTaken."""
    try:
        async with tx.conn.begin_nested():
            yield
    except IntegrityError as error:
        detail = f"{name!r} is in use"
        raise FormNameTaken(detail, errors=[FieldError("/name", FormNameTaken.code, detail)]) from error


def _fact(form: Form) -> FormDefined:
    return FormDefined(enabled=form.enabled, source=form.fixed.source, channel=form.fixed.channel)
