"""Codes on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.gateway.codes.rules import Code, Day
from services.gateway.forms.asked import Fixed
from services.gateway.forms.models import HttpsUrl, Name
from shared.access.principal import Principal
from shared.web.wire import Day as Date
from shared.web.wire import Id, Timestamp, WireModel

ToForm = Annotated[Id | None, Field(description="The form that it leads to; or else `url`.")]


class CodeIn(WireModel):
    """A code for a channel: a poster, a stand at a fair, a card. What it says goes before the form's own."""

    name: Name
    form_id: ToForm = None
    url: HttpsUrl | None = None
    fixed: Fixed = Field(default_factory=Fixed)
    enabled: bool = True

    def code(self, id_: UUID, key: str, who: Principal, at: datetime) -> Code:
        return Code(
            id=id_,
            tenant_id=who.tenant_id,
            version=1,
            key=key,
            name=self.name,
            form_id=self.form_id,
            url=self.url,
            fixed=self.fixed,
            enabled=self.enabled,
            changed_by=who.user_id,
            created_at=at,
            updated_at=at,
        )


class CodePatch(WireModel):
    """What is absent stays as it is. A target takes the place of the one before, of whichever kind; what is
    printed leads there at once.
    """

    name: Name | None = None
    form_id: ToForm = None
    url: HttpsUrl | None = None
    fixed: Fixed | None = None
    enabled: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        given = {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}
        if given.keys() & {"form_id", "url"}:
            given = {"form_id": None, "url": None} | given
        return given


class CodeOut(WireModel):
    """A code as it is now. `link` is what its image says, and stays."""

    id: Id
    version: int
    key: str
    link: str
    name: str
    form_id: Id | None
    url: str | None
    fixed: Fixed
    enabled: bool
    changed_by: Id | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, code: Code, base: str) -> CodeOut:
        same = {name: getattr(code, name) for name in cls.model_fields if name != "link"}
        return cls(**same, link=link_of(code, base))


def link_of(code: Code, base: str) -> str:
    """What is printed."""
    return f"{base}/c/{code.key}"


class DayOut(WireModel):
    """A day of the tenant's time zone on which anything came of a code."""

    day: Date
    scans: int
    leads: int

    @classmethod
    def of(cls, day: Day) -> DayOut:
        return cls(day=day.day, scans=day.scans, leads=day.leads)


class ScansOut(WireModel):
    """Scans are counted however often one phone makes them; leads are those that a form took by the code."""

    scans: int
    leads: int
    days: list[DayOut]
