"""Forms. Their past is in the journal only as far as others need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Row,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.gateway.forms.asked import ConsentShown, Fixed, Label, Paragraph, Shown
from services.gateway.forms.keyed import row_by_public_key
from services.gateway.forms.rules import Form
from services.gateway.metadata import metadata
from shared.database.transactions import Tx

forms = Table(
    "forms",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # People come with it alone, before any tenant is known: it is unique in the installation.
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # What is asked and shown, and how much is taken.
    Column("content", JSONB, nullable=False),
    Column("changed_by", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("tenant_id", "name"),
)


async def insert_form(tx: Tx, form: Form) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    await tx.conn.execute(
        insert(forms).values(
            tenant_id=form.tenant_id, id=form.id, seq=form.version, created_at=form.created_at, **_row(form)
        )
    )


async def store_form(tx: Tx, form: Form) -> None:
    """Raises SQLAlchemy's IntegrityError where the name is in use."""
    where = and_(forms.c.tenant_id == form.tenant_id, forms.c.id == form.id)
    await tx.conn.execute(update(forms).where(where).values(_row(form)))


async def load_form(tx: Tx, form_id: UUID, *, lock: bool = False) -> Form | None:
    query = select(forms).where(forms.c.tenant_id == tx.tenant_id, forms.c.id == form_id)
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return _form(row) if row else None


async def page_forms(tx: Tx, after: UUID | None, limit: int) -> list[Form]:
    """In id order."""
    query = select(forms).where(forms.c.tenant_id == tx.tenant_id)
    if after is not None:
        query = query.where(forms.c.id > after)
    return [_form(row) for row in await tx.conn.execute(query.order_by(forms.c.id).limit(limit))]


async def form_by_key(tx: Tx, key: str) -> Form | None:
    row = await row_by_public_key(tx, forms, key)
    return _form(row) if row else None


def _row(form: Form) -> Mapping[str, Any]:
    return {
        "key": form.key,
        "name": form.name,
        "enabled": form.enabled,
        "content": {
            "title": _dumped(form.title),
            "intro": _dumped(form.intro),
            "fields": [_dumped(each) for each in form.fields],
            "fixed": _dumped(form.fixed),
            "consent": _dumped(form.consent),
            "origins": list(form.origins),
            "thanks": _dumped(form.thanks),
            "redirect_url": form.redirect_url,
            "per_minute": form.per_minute,
            "per_day": form.per_day,
        },
        "changed_by": form.changed_by,
        "updated_at": form.updated_at,
    }


def _dumped(part: Label | Paragraph | Shown | Fixed | ConsentShown | None) -> Any:
    return None if part is None else part.model_dump(mode="json")


def _form(row: Row[*tuple[Any, ...]]) -> Form:
    content = row.content
    return Form(
        id=row.id,
        tenant_id=row.tenant_id,
        version=row.seq,
        key=row.key,
        name=row.name,
        title=Label.model_validate(content["title"]),
        intro=_paragraph(content["intro"]),
        fields=tuple(Shown.model_validate(each) for each in content["fields"]),
        fixed=Fixed.model_validate(content["fixed"]),
        consent=None if content["consent"] is None else ConsentShown.model_validate(content["consent"]),
        origins=tuple(content["origins"]),
        thanks=_paragraph(content["thanks"]),
        redirect_url=content["redirect_url"],
        per_minute=content["per_minute"],
        per_day=content["per_day"],
        enabled=row.enabled,
        changed_by=row.changed_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _paragraph(stored: Any) -> Paragraph | None:
    return None if stored is None else Paragraph.model_validate(stored)
