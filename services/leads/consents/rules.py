"""What there is to agree to, and what holds of all that somebody said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.errors import Conflict, FieldError, Invalid

Purpose = Literal["contact", "marketing", "profiling", "sharing"]
"""Being contacted at all; advertising; decisions and scores by machine; passing their data on to others."""
PURPOSES: tuple[Purpose, ...] = ("contact", "marketing", "profiling", "sharing")
Basis = Literal["consent", "contract", "legal_obligation", "legitimate_interest"]
How = Literal["form", "call", "message", "email", "paper", "partner"]
"""The way in which they said it."""


class NothingConsented(Conflict):
    code = "nothing_to_withdraw"
    title = "None of these was agreed to, or each is withdrawn already"


class NotYetSaid(Invalid):
    code = "in_the_future"
    title = "Nobody has said yet what they will say"


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said, as it is to be recorded. `at` is when they said it.

    `notice_version`: of the notice that was shown to them; `evidence`: such as where the paper lies.
    """

    purposes: tuple[Purpose, ...]
    granted: bool
    how: How
    at: datetime
    by_id: UUID | None
    notice_id: UUID | None = None
    notice_version: int | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """One purpose of a statement, as recorded."""

    id: UUID
    purpose: Purpose
    granted: bool
    how: How
    at: datetime
    recorded_at: datetime
    by_id: UUID | None
    notice_id: UUID | None
    notice_version: int | None
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """On what ground data from a source is held, and what people are told of it; None: from all others."""

    id: UUID
    version: int
    source: str | None
    basis: Basis
    wording: str
    at: datetime


def in_force(history: Iterable[Consent]) -> dict[Purpose, Consent]:
    """The last word on each purpose by when it was said; of one moment the later recorded, as ids go."""
    found: dict[Purpose, Consent] = {}
    for one in sorted(history, key=lambda one: (one.at, one.id)):
        found[one.purpose] = one
    return found


def check_said(at: datetime, now: datetime) -> None:
    """Raises NotYetSaid."""
    if at > now:
        detail = "the time when it was said lies in the future"
        raise NotYetSaid(detail, errors=[FieldError("/at", NotYetSaid.code, detail)])


def to_withdraw(asked: Iterable[Purpose], standing: dict[Purpose, Consent]) -> tuple[Purpose, ...]:
    """Those that are not withdrawn already. Raises NothingConsented.

    Also what was never agreed to can be objected to: where another basis than consent holds, it is all
    that there is to say.
    """
    left = tuple(one for one in asked if one not in standing or standing[one].granted)
    if not left:
        raise NothingConsented
    return left
