"""For which months rows are expected."""

from __future__ import annotations

from datetime import date, timedelta


def months_ahead(today: date) -> tuple[date, date]:
    """The first days of this month and of the next."""
    this = today.replace(day=1)
    return this, (this + timedelta(days=31)).replace(day=1)
