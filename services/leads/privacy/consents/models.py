"""Consents and notices on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.leads.edge import Short
from services.leads.privacy.consents.use_cases import Consents
from services.leads.privacy.wishes.models import Evidence, Purposes
from services.leads.privacy.wishes.rules import PURPOSES, Basis, Consent, How, Notice, Purpose, Statement
from shared.access.principal import Principal
from shared.web.wire import Id, Text, Timestamp, WireModel

Wording = Annotated[str, Text(20_000)]


class WithdrawIn(WireModel):
    """What they withdraw, or object to: all where nothing is named."""

    purposes: Purposes | None = None
    how: How
    at: Timestamp | None = None
    evidence: Evidence | None = None

    def statement(self, who: Principal, now: datetime) -> Statement:
        purposes = tuple(self.purposes or PURPOSES)
        return Statement(purposes, False, self.how, self.at or now, who.user_id, evidence=self.evidence)


class ConsentOut(WireModel):
    """One purpose of what was said. `at`: when they said it; `recorded_at`, `by_id`: who wrote it down."""

    id: Id
    purpose: Purpose
    granted: bool
    how: How
    at: Timestamp
    recorded_at: Timestamp
    by_id: Id | None
    notice_id: Id | None
    notice_version: int | None
    evidence: str | None

    @classmethod
    def of(cls, one: Consent) -> ConsentOut:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class NoticeOut(WireModel):
    """On what ground leads of a source are held; without a source: of all that have none of their own."""

    id: Id
    version: int
    source: str | None
    basis: Basis
    wording: str
    at: Timestamp = Field(description="Since when this wording holds.")

    @classmethod
    def of(cls, notice: Notice) -> NoticeOut:
        return cls(**{name: getattr(notice, name) for name in cls.model_fields})


class ConsentsOut(WireModel):
    """`version` is the lead's. `notice`: what held when it came; `agreed`: to what they agree now.

    `history`: all that was said, oldest first.
    """

    lead_id: Id
    version: int
    do_not_contact: bool
    notice: NoticeOut | None
    agreed: list[Purpose]
    history: list[ConsentOut]

    @classmethod
    def of(cls, found: Consents) -> ConsentsOut:
        standing = found.standing
        return cls(
            lead_id=found.lead.id,
            version=found.lead.version,
            do_not_contact=found.lead.do_not_contact,
            notice=None if found.notice is None else NoticeOut.of(found.notice),
            agreed=[one for one in PURPOSES if one in standing and standing[one].granted],
            history=[ConsentOut.of(one) for one in found.history],
        )


class NoticeIn(WireModel):
    source: Short | None = None
    basis: Basis
    wording: Wording = Field(description="What people are told, as it stands there.")

    def notice(self, notice_id: UUID, at: datetime) -> Notice:
        return Notice(notice_id, 1, self.source, self.basis, self.wording, at)


class NoticePatch(WireModel):
    basis: Basis | None = None
    wording: Wording | None = None


class NoticeVersions(WireModel):
    """A notice with every wording that it had, the first one first; `version` is the last."""

    id: Id
    version: int
    versions: list[NoticeOut]

    @classmethod
    def of(cls, versions: Sequence[Notice]) -> NoticeVersions:
        last = versions[-1]
        return cls(id=last.id, version=last.version, versions=[NoticeOut.of(one) for one in versions])
