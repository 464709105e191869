"""Published by scoring on `cox.scoring`."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Event


class KpiRecalculated(Event):
    """A notice that numbers of a rep (or, with no rep, of the tenant) changed; nothing is rebuilt from it.

    At most one a second per aggregate. `days` are the tenant-local days touched, the newest 31 of them.
    """

    topic: ClassVar[str] = "cox.scoring"
    aggregate_type: ClassVar[str] = "kpi_notice"
    rep_id: UUID | None
    metrics: tuple[str, ...]
    days: tuple[date, ...]
