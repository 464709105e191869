"""When a lead that nobody answers is warned of and forgotten. Pure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Policy:
    """`unanswered_months`: without any sign of life for so long a lead is forgotten; None: never.

    `warn_days` before that its owner is warned, at least, also when the policy is new.
    """

    id: UUID | None = None
    version: int = 0
    unanswered_months: int | None = None
    warn_days: int = 30


@dataclass(frozen=True, slots=True)
class Warned:
    """The owner was told that the lead is forgotten at `ends_at` unless something happens after `since`."""

    since: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What is done now: nothing, a warning, or the end; `at`: when to look again, of a warning the end."""

    do: Literal["wait", "warn", "erase"]
    at: datetime


def after_months(moment: datetime, months: int) -> datetime:
    """So many calendar months later: of a day that there is not then, the month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def before_months(moment: datetime, months: int) -> datetime:
    """So many calendar months earlier."""
    return after_months(moment, -months)


def next_step(policy: Policy, sign: datetime, warned: Warned | None, now: datetime) -> Step:
    """`sign`: when there was last a sign of life. The policy is one that ends."""
    assert policy.unanswered_months is not None  # noqa: S101 - nothing ends without
    ahead = timedelta(days=policy.warn_days)
    ends_at = after_months(sign, policy.unanswered_months)
    if now < ends_at - ahead:
        return Step("wait", ends_at - ahead)
    if warned is None or warned.since != sign or warned.ends_at < ends_at:
        return Step("warn", max(ends_at, now + ahead))
    return Step("wait", warned.ends_at) if now < warned.ends_at else Step("erase", now)
