"""A form to be filled in by tests of rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.gateway.forms.asked import Fixed, Label, Shown
from services.gateway.forms.rules import Form

AT = datetime(2026, 3, 1, tzinfo=UTC)


def shown(field: str, kind: str = "text", **more: Any) -> Shown:
    return Shown.model_validate({"field": field, "kind": kind, "label": {"en": field}} | more)


def form(*fields: Shown, **more: Any) -> Form:
    given: dict[str, Any] = {
        "id": UUID(int=1), "tenant_id": UUID(int=2), "version": 1, "key": "k" * 22, "name": "Fair",
        "title": Label(zh="预约", en="Book"), "intro": None,
        "fields": fields or (shown("name"), shown("phone", "phone")), "fixed": Fixed(), "consent": None,
        "origins": (), "thanks": None, "redirect_url": None, "per_minute": 20, "per_day": 100,
        "enabled": True, "changed_by": None, "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    return Form(**given | more)
