"""The days before today: an event log as another system would have written it, and the mapping that
explains it.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.cli._demo_company import Customer, Rep, customer

LEADS_PER_REP_AND_DAY = 1.5
LOST_REASONS = ("price", "competitor", "no_budget", "no_reply")
COLUMNS = (
    "case", "activity", "at", "person", "outcome", "duration_s",
    "name", "company", "product", "region", "channel", "source", "campaign", "value",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the log, without its lead. Times are the tenant's."""

    at: datetime
    activity: str
    person: str = ""
    outcome: str = ""
    duration_s: int | None = None


def mapping(source: str, stages: Sequence[str]) -> str:
    """The mapping of this log, as YAML: the default pipeline's stages, four ways to lose, five kinds of
    work.
    """
    lines = [
        "shape: event_log",
        f"source: {source}",
        "columns: {case: case, activity: activity, at: at, person: person, outcome: outcome,",
        "  duration_s: duration_s, name: name, company: company, product: product, region: region,",
        "  channel: channel, origin: source, campaign: campaign, value: value}",
        "events:",
        "  - {activity: [received, assigned], ignore: true}",
        "  - {activity: won, outcome: won}",
        *(f"  - {{activity: {key}, stage: {key}}}" for key in stages),
        *(f"  - {{activity: lost_{reason}, outcome: lost, reason: {reason}}}" for reason in LOST_REASONS),
        *(
            f"  - {{activity: did_{kind}, record: {kind}}}"
            for kind in ("call", "visit", "demo", "message", "task")
        ),
    ]
    return "\n".join(lines) + "\n"


def log(reps: Sequence[Rep], stages: Sequence[str], days: int, now: datetime, seed: int) -> tuple[str, int]:
    """The log as CSV, and the number of its cases. `now` is the tenant's time; nothing lies after it."""
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    cases = round(LEADS_PER_REP_AND_DAY * len(reps) * days)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(cases):
        start = _working_time(chance, midnight - timedelta(days=chance.randint(1, max(days, 1))))
        who = customer(chance, number)
        for event in sorted(_story(chance, start, reps, stages), key=lambda event: event.at):
            if event.at < now:
                writer.writerow(_row(f"{number + 1:05d}", event, who))
    return text.getvalue(), cases


def _row(case: str, event: Event, who: Customer) -> tuple[object, ...]:
    duration = "" if event.duration_s is None else event.duration_s
    at = event.at.isoformat(timespec="seconds")
    return (
        case, event.activity, at, event.person, event.outcome, duration,
        who.name, who.company, who.product, who.region, who.channel, who.source, who.campaign or "",
        who.amount,
    )  # fmt: skip


def _working_time(chance: random.Random, day: datetime) -> datetime:
    return day.replace(hour=9) + timedelta(seconds=chance.randrange(9 * 3600))


def _story(
    chance: random.Random, start: datetime, reps: Sequence[Rep], stages: Sequence[str]
) -> Iterator[Event]:
    """One lead's life: received, assigned, called, moved on for as long as it goes well."""
    rep = chance.choice(reps)
    yield Event(start, "received")
    at = start + timedelta(minutes=chance.randint(1, 40))
    yield Event(at, "assigned", rep.code)
    at += timedelta(minutes=chance.randint(10, 1500))
    yield from _call(chance, at, rep)
    for stage in stages[1:]:
        at += timedelta(hours=chance.uniform(2, 70))
        if chance.random() > rep.skill + 0.1:
            yield Event(at, f"lost_{chance.choice(LOST_REASONS)}", rep.code)
            return
        if chance.random() < 0.04:
            rep = chance.choice(reps)
        yield Event(at, stage, rep.code)
        yield from _work(chance, at, rep)
    at += timedelta(hours=chance.uniform(2, 48))
    yield Event(at, "won" if chance.random() < rep.skill else "lost_competitor", rep.code)


def _call(chance: random.Random, at: datetime, rep: Rep) -> Iterator[Event]:
    if chance.random() < 0.3:
        yield Event(at, "did_call", rep.code, "no_answer", 0)
        at += timedelta(hours=chance.randint(1, 5))
    yield Event(at, "did_call", rep.code, "connected", chance.randint(40, 900))


def _work(chance: random.Random, at: datetime, rep: Rep) -> Iterator[Event]:
    at += timedelta(minutes=chance.randint(20, 300))
    match chance.randrange(5):
        case 0:
            yield Event(at, "did_visit", rep.code, "interested", chance.randint(1200, 5400))
        case 1:
            yield Event(at, "did_demo", rep.code, "done", 2700)
        case 2:
            yield Event(at, "did_message", rep.code, "replied")
        case 3:
            yield Event(at, "did_task", rep.code, "done")
        case _:
            yield from _call(chance, at, rep)
