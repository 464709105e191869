"""Exports on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from services.leads.finding.exports.columns import USUAL
from services.leads.finding.exports.rules import Asked, Download, Ended, Format, State, Terms
from services.leads.finding.exports.use_cases import Registered
from services.leads.finding.filtering.filters import LeadFilters
from shared.web.wire import Id, Line, Text, Timestamp, WireModel

Column = Annotated[str, Line(80)]
Rows = Annotated[int, Field(ge=0, le=100_000_000)]
Hours = Annotated[int, Field(ge=1, le=8760)]
Note = Annotated[str, Text(1000)]


class ExportIn(WireModel):
    """Which leads, which columns, and what for: the reason stays with the export."""

    filters: LeadFilters = Field(
        default_factory=LeadFilters, description="As the parameters of `GET /v1/leads`."
    )
    view: Id | None = Field(default=None, description="A saved view: its filters hold besides.")
    columns: Annotated[list[Column], Field(min_length=1, max_length=100)] = Field(
        default_factory=lambda: list(USUAL),
        description="Fields of a lead; `custom.KEY`; `owner_name`, `value_amount`, `value_currency`.",
    )
    format: Format = "csv"
    reason: Annotated[str, Text(1000)]

    def asked(self) -> Asked:
        filters = self.filters.model_dump(mode="json", exclude_defaults=True)
        return Asked(filters, tuple(dict.fromkeys(self.columns)), self.format, self.reason, self.view)


class DecisionIn(WireModel):
    note: Note | None = None


class DownloadOut(WireModel):
    """One file that left: when, by whom and where to. `sha256` is that of the file, where the whole of it
    went; `ended` null: under way.
    """

    id: Id
    user_id: Id
    began_at: Timestamp
    address: str | None
    trace_id: str | None
    rows: int
    bytes: int
    sha256: str | None
    ended_at: Timestamp | None
    ended: Ended | None

    @classmethod
    def of(cls, one: Download) -> DownloadOut:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class ExportOut(WireModel):
    """An export as it stands. `contacts`: with phones and e-mail addresses in full; `rows`: how many matched
    when it was asked for (null: not counted), more than that unless `counted`.
    """

    id: Id
    version: int
    state: State
    user_id: Id
    at: Timestamp
    filters: dict[str, Any]
    view_id: Id | None
    view_filters: dict[str, Any] | None = Field(description="Those of the view, as it was then.")
    columns: list[str]
    format: Format
    reason: str
    contacts: bool
    rows: int | None
    counted: bool
    expires_at: Timestamp = Field(description="Until then it may be decided about, or downloaded.")
    decided_at: Timestamp | None
    decided_by: Id | None
    decision_note: str | None
    downloads: list[DownloadOut]

    @classmethod
    def of(cls, found: Registered) -> ExportOut:
        told = cls.model_fields.keys() - {"columns", "downloads"}
        return cls(
            **{name: getattr(found.export, name) for name in told},
            columns=list(found.export.columns),
            downloads=[DownloadOut.of(one) for one in found.downloads],
        )


class ExportTermsIn(WireModel):
    """Rows with contact data that may leave without approval, in one export and by one person on one day of
    the tenant's (null: any number); after how many hours approvers are warned, a waiting export expires, and
    a ready one.
    """

    free_rows: Rows | None
    daily_rows: Rows | None
    warn_hours: Hours = 24
    wait_hours: Hours = 72
    ready_hours: Hours = 72

    def terms(self) -> Terms:
        hours = (self.warn_hours, self.wait_hours, self.ready_hours)
        return Terms(self.free_rows, self.daily_rows, *hours)


class ExportTermsOut(ExportTermsIn):
    """`version` 0: nobody has said otherwise."""

    version: int

    @classmethod
    def of(cls, terms: Terms) -> ExportTermsOut:
        return cls(**{name: getattr(terms, name) for name in cls.model_fields})
