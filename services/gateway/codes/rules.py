"""Codes to scan: printed once, led elsewhere whenever their owner wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.gateway.forms.asked import Fixed
from shared.errors import Conflict, FieldError, Gone, Invalid, NotFound

KEY = re.compile(r"[A-Za-z0-9_-]{12}")
MOST_DAYS = 400


class UnknownCode(NotFound):
    code = "unknown_code"
    title = "There is no such code"


class CodeNameTaken(Conflict):
    code = "code_name_taken"
    title = "Another code of the tenant has this name"


class CodeClosed(Gone):
    code = "code_closed"
    title = "This code leads nowhere any more"


class UnknownTarget(Invalid):
    code = "unknown_form"
    title = "A code leads to a form of the tenant, or to an address"


class BadPeriod(Invalid):
    code = "bad_period"
    title = "Days cannot be listed so"


@dataclass(frozen=True, slots=True)
class Code:
    """`key` is what is printed; of `form_id` and `url` one is where it leads. `version` is its seq."""

    id: UUID
    tenant_id: UUID
    version: int
    key: str
    name: str
    form_id: UUID | None
    url: str | None
    fixed: Fixed
    enabled: bool
    changed_by: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """How often a code was scanned on a day, and how many leads came by it."""

    day: date
    scans: int
    leads: int


def check_open(code: Code) -> Code:
    """Raises CodeClosed."""
    if not code.enabled:
        raise CodeClosed
    return code


def check_target(form_id: UUID | None, url: str | None) -> None:
    """Raises UnknownTarget unless there is one."""
    if (form_id is None) == (url is None):
        detail = "Give one of form_id and url"
        raise UnknownTarget(detail, errors=[FieldError("/form_id", "one_target", detail)], code="one_target")


def days_between(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Both inclusive; the last 30 days where nothing is said. Raises BadPeriod."""
    until = last or today
    since = first or until - timedelta(days=29)
    if since > until:
        raise _bad("/query/from", "from is not after to")
    if (until - since).days >= MOST_DAYS:
        raise _bad("/query/from", f"at most {MOST_DAYS} days")
    return since, until


def _bad(pointer: str, detail: str) -> BadPeriod:
    return BadPeriod(detail, errors=[FieldError(pointer, BadPeriod.code, detail)])
