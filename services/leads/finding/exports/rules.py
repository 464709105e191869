"""When an export needs somebody's approval, who gives it, and what may still leave later. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from shared.errors import Conflict, FieldError, Forbidden, Invalid

State = Literal["waiting_approval", "ready", "refused", "expired"]
Format = Literal["csv", "xlsx"]
Ended = Literal["whole", "broken"]
XLSX_ROWS = 1_048_576
"""What a sheet holds, its head among them."""
COUNTED_MOST = 100_000
"""Beyond this an approval is for any number."""
_LEAST_SLACK = 10
"""Stands for words that named somebody who is erased."""


class ExportNotReady(Conflict):
    code = "export_not_ready"
    title = "The export cannot be downloaded"


class ExportGrew(Conflict):
    code = "export_grew"
    title = "Many more leads match than when it was asked for; ask for a new export"


class ExportRunning(Conflict):
    code = "export_running"
    title = "Another download of yours is under way; one runs at a time"


class TooManyRows(Invalid):
    code = "too_many_rows"
    title = "A sheet does not hold so many rows; ask for csv, or for fewer leads"


class AlreadyDecided(Conflict):
    code = "already_decided"
    title = "It waits for no decision"


class DecisionNotAllowed(Forbidden):
    code = "decision_not_allowed"
    title = "Another director or admin decides about an export"


class NotYourExport(Forbidden):
    code = "not_your_export"
    title = "Only who asked for an export downloads it"


class UnknownColumn(Invalid):
    code = "unknown_column"
    title = "Leads have no such column"


@dataclass(frozen=True, slots=True)
class Terms:
    """How much contact data may leave without approval, in one export and by one person on one day (None: as
    much as one likes), and how long things take: until approvers are warned, until nobody is asked any more,
    and how long a file may be downloaded.
    """

    free_rows: int | None = 200
    daily_rows: int | None = 200
    warn_hours: int = 24
    wait_hours: int = 72
    ready_hours: int = 72
    version: int = 0

    def needs_approval(self, rows: int, *, exact: bool, taken_today: int) -> bool:
        """Of an export with contact data of so many rows (or more than that, unless `exact`)."""
        too_many = self.free_rows is not None and (rows > self.free_rows or not exact)
        too_often = self.daily_rows is not None and (taken_today + rows > self.daily_rows or not exact)
        return too_many or too_often

    def allowed(self, rows: int, *, exact: bool, approved: bool) -> int | None:
        """How many may leave when it is downloaded: a few may have come by then. None: any number."""
        if not exact:
            return None
        with_slack = rows + max(_LEAST_SLACK, rows // 10)
        if approved or self.free_rows is None:
            return with_slack
        return max(rows, min(with_slack, self.free_rows))


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants: which leads, by the filters of a list and of a saved view, which columns, why."""

    filters: dict[str, Any]
    columns: tuple[str, ...]
    format: Format
    reason: str
    view_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export as it stands. `rows` matched when it was asked for, with contact data (None: not counted);
    `counted`: no more than that did. `allowed`: so many may leave, None: any number.
    """

    id: UUID
    version: int
    user_id: UUID
    principal_id: UUID
    at: datetime
    filters: dict[str, Any]
    columns: tuple[str, ...]
    format: Format
    reason: str
    contacts: bool
    rows: int | None
    counted: bool
    allowed: int | None
    state: State
    warn_at: datetime | None
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: UUID | None = None
    decision_note: str | None = None
    view_id: UUID | None = None
    view_filters: dict[str, Any] | None = None

    @property
    def next_date(self) -> datetime:
        return self.warn_at or self.expires_at


@dataclass(frozen=True, slots=True)
class Download:
    """What left: when, to whom, where to, how much. `sha256` of the whole file; `ended` None: under way."""

    id: UUID
    export_id: UUID
    user_id: UUID
    principal_id: UUID
    began_at: datetime
    address: str | None
    trace_id: str | None
    rows: int
    bytes: int
    sha256: str | None
    ended_at: datetime | None
    ended: Ended | None


def first_state(terms: Terms, at: datetime, *, waits: bool) -> tuple[State, datetime | None, datetime]:
    """The state of a new export, when approvers are warned, and when it expires."""
    if waits:
        return "waiting_approval", at + timedelta(hours=terms.warn_hours), _later(at, terms.wait_hours)
    return "ready", None, _later(at, terms.ready_hours)


def _later(at: datetime, hours: int) -> datetime:
    return at + timedelta(hours=hours)


def check_ready(export: Export, now: datetime) -> None:
    """Raises ExportNotReady."""
    if export.state != "ready" or export.expires_at <= now:
        state = "expired" if export.state == "ready" else export.state
        raise ExportNotReady(f"it is {state}")


def check_decision(export: Export, by_id: UUID | None, approvers: Collection[UUID], now: datetime) -> None:
    """Nobody decides about their own, unless there is nobody else who could.

    Raises AlreadyDecided, DecisionNotAllowed.
    """
    if export.state != "waiting_approval" or export.expires_at <= now:
        raise AlreadyDecided(f"it is {export.state}")
    others = [user for user in approvers if user != export.user_id]
    if by_id == export.user_id and others:
        raise DecisionNotAllowed("you asked for it yourself")


def check_terms(terms: Terms) -> None:
    """Raises Invalid."""
    if terms.warn_hours >= terms.wait_hours:
        detail = "approvers are warned before an export expires"
        raise Invalid(detail, errors=[FieldError("/warn_hours", "warned_too_late", detail)])
