"""What the log of BPI Challenge 2012 comes to, by the standard library alone; shares nothing with the
product.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

_WON = {"A_APPROVED", "A_REGISTERED", "A_ACTIVATED"}
_LOST = {"A_DECLINED", "A_CANCELLED"}

Counts = Counter[tuple[str, str]]
"""By (resource, month's first day in UTC); the resource is "" where the log names nobody."""


class Answers:
    """Counted in one pass over the log, whose cases stand together, each in the order of time."""

    def __init__(self, log: Path) -> None:
        self.won: Counts = Counter()
        self.lost: Counts = Counter()
        self.calls: Counts = Counter()
        self.tasks: Counts = Counter()
        self.assigned: Counts = Counter()
        self.created: Counts = Counter()
        self.rows = 0
        self.offers: Counter[str] = Counter()
        with gzip.open(log, "rt", encoding="utf-8", newline="") as file:
            for _, rows in groupby(csv.DictReader(file), itemgetter("case_id")):
                self._case(list(rows))

    def _case(self, rows: list[dict[str, str]]) -> None:
        owner, is_open = "", True
        self.rows += len(rows)
        for index, row in enumerate(rows):
            who, activity, month = row["resource"], row["activity"], _month(row["timestamp"])
            if index == 0:
                self.created[who, month] += 1
            if who and who != owner and is_open:
                owner = who
                self.assigned[owner, month] += 1
            if activity in _WON | _LOST and is_open:
                is_open = False
                (self.won if activity in _WON else self.lost)[owner, month] += 1
            if activity.startswith("O_"):
                self.offers[activity] += 1
            if activity.startswith("W_") and row["lifecycle"] == "COMPLETE":
                (self.calls if activity.startswith("W_Nabellen") else self.tasks)[who, month] += 1


def sample(log: Path, to: Path, every: int) -> None:
    """Every so manieth case of the log, whole: what a test has time for."""
    with gzip.open(log, "rt", encoding="utf-8", newline="") as file, gzip.open(to, "wt", newline="") as kept:
        rows = csv.reader(file)
        writer = csv.writer(kept)
        writer.writerow(next(rows))
        for number, (_, case) in enumerate(groupby(rows, itemgetter(0))):
            if number % every == 0:
                writer.writerows(case)


def _month(timestamp: str) -> str:
    return datetime.fromisoformat(timestamp).astimezone(UTC).date().replace(day=1).isoformat()
