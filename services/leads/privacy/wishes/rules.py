"""What there is to agree to and what holds of all that somebody said; how the list knows a phone or an e-mail
address that it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from services.leads.deduplication.duplicates.rules import Key
from shared.errors import FieldError, Invalid

Purpose = Literal["contact", "marketing", "profiling", "sharing"]
"""Being contacted at all; advertising; decisions and scores by machine; passing their data on to others."""
PURPOSES: tuple[Purpose, ...] = ("contact", "marketing", "profiling", "sharing")
How = Literal["form", "call", "message", "email", "paper", "partner"]
"""The way in which they said it."""
Basis = Literal["consent", "contract", "legal_obligation", "legitimate_interest"]
Kind = Literal["phone", "email"]
Reason = Literal["asked", "complaint", "authority", "withdrawn"]
"""They asked, complained, an authority ordered it, or they withdrew their consent to be contacted."""
_PERSONAL = ("phone", "email")
_DIGEST_BYTES = 16


class NotYetSaid(Invalid):
    code = "in_the_future"
    title = "Nobody has said yet what they will say"


class UnknownVersion(Invalid):
    code = "unknown_notice_version"
    title = "There is no such version of the notice"


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


class Agreed(NamedTuple):
    """What somebody agreed to, as it is given; `at` None: with this very request."""

    purposes: tuple[Purpose, ...]
    how: How
    at: datetime | None = None
    notice_id: UUID | None = None
    notice_version: int | None = None
    evidence: str | None = None

    def statement(self, by_id: UUID | None, now: datetime) -> Statement:
        shown = (self.notice_id, self.notice_version, self.evidence)
        return Statement(self.purposes, True, self.how, self.at or now, by_id, *shown)


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


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on the list. `shown` is masked, None once erased; `lead_id`: where they withdrew."""

    id: UUID
    kind: Kind
    shown: str | None
    reason: Reason
    lead_id: UUID | None
    at: datetime
    by_id: UUID | None


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


def check_shown(version: int | None, last: int) -> None:
    """Whether a notice with so many versions has had this one. Raises UnknownVersion."""
    if version is None or not 1 <= version <= last:
        detail = f"the notice has the versions 1 to {last}"
        raise UnknownVersion(detail, errors=[FieldError("/notice_version", UnknownVersion.code, detail)])


def personal(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Those keys by which somebody is contacted."""
    return tuple(key for key in keys if key.kind in _PERSONAL)


def digest_of(tenant_id: UUID, key: Key) -> bytes:
    """16 bytes that say in one tenant only whether another key is the same."""
    said = f"{key.kind}\x1f{key.value}".encode()
    return blake2b(said, key=tenant_id.bytes, digest_size=_DIGEST_BYTES).digest()


def digests_of(tenant_id: UUID, person: Iterable[Key]) -> list[bytes]:
    """Of all that somebody is contacted by."""
    return [digest_of(tenant_id, key) for key in personal(person)]
