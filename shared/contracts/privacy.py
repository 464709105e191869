"""Published by leads on `cox.leads`: what people agreed to, how long they are kept, what left in files."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import LeadsEvent


class ConsentChanged(LeadsEvent):
    """The lead's person agreed to something, or withdrew it; event time is when they said so.

    `credit` is the owner's, if any.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    purpose: str
    granted: bool
    how: str


class NoticeDefined(LeadsEvent):
    """On what ground leads of a source are held from now on; without a source: of all others.

    What people are told stays with leads.
    """

    aggregate_type: ClassVar[str] = "notice"
    source: str | None = None
    basis: str


class RetentionWarned(LeadsEvent):
    """The lead's person is forgotten at `ends_at`, unless there is a sign of life before."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    ends_at: datetime


class RetentionDefined(LeadsEvent):
    """For how long leads are kept that nobody answers; None: for ever."""

    aggregate_type: ClassVar[str] = "retention_policy"
    unanswered_months: int | None = None
    warn_days: int


class ExportRequested(LeadsEvent):
    """Somebody wants leads in a file. `told` are those who are to decide, where it waits for approval.

    `credit` is theirs who asked; `contacts`: with phones and e-mail addresses in full; `rows` where counted.
    """

    aggregate_type: ClassVar[str] = "export"
    credit: Credit
    contacts: bool
    rows: int | None = None
    state: str
    told: tuple[UUID, ...] = ()


class ExportWarned(LeadsEvent):
    """Nobody has decided yet, and the export expires at `expires_at`. `told` are those who are to."""

    aggregate_type: ClassVar[str] = "export"
    credit: Credit
    expires_at: datetime
    told: tuple[UUID, ...] = ()


class ExportDecided(LeadsEvent):
    """The export is `ready`, `refused` or `expired` from now on. `decided_by` is None where time decided."""

    aggregate_type: ClassVar[str] = "export"
    credit: Credit
    state: str
    decided_by: UUID | None = None


class ExportDownloaded(LeadsEvent):
    """The whole file went to who asked for it. `sha256` is that of the file, in hex."""

    aggregate_type: ClassVar[str] = "export"
    credit: Credit
    contacts: bool
    rows: int
    sha256: str


class ExportTermsDefined(LeadsEvent):
    """How much contact data may leave without approval, in one export and a day; None: any number."""

    aggregate_type: ClassVar[str] = "export_terms"
    free_rows: int | None = None
    daily_rows: int | None = None
