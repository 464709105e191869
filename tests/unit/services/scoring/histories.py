"""Histories of one lead for property tests: its own events in the order of their seq, and activities
around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

from hypothesis import strategies as st

from services.scoring.kpis.happenings import Happening, Place, Source

LEAD = str(UUID(int=1))
PARTS = [str(UUID(int=number)) for number in (2, 3)]
"""Leads that may be merged into it."""
HOUR_US = 3_600_000_000
START_US = 1_767_225_600_000_000

places = st.builds(
    Place,
    rep=st.integers(0, 3),
    team=st.integers(1, 2),
    region=st.integers(0, 2),
    product=st.integers(0, 1),
    channel=st.just(0),
)
# Few distinct times on purpose, so that equal ones happen.
times = st.integers(0, 40).map(lambda hours: START_US + hours * HOUR_US)
amounts = st.none() | st.integers(-5, 1_000)


def lead_events() -> st.SearchStrategy[list[Happening]]:
    """A lead's own stream: created first, then anything; event times need not follow the seq."""
    one = st.one_of(
        st.builds(lambda at, place: ("assigned", at, place, {}), times, places),
        st.builds(lambda at, place: ("pooled", at, place, {}), times, places),
        st.builds(
            lambda at, place, worked_s: ("responded", at, place, {"worked_s": worked_s}),
            times,
            places,
            st.none() | st.integers(0, 1_000),
        ),
        st.builds(
            lambda at, place, status, minor: ("moved", at, place, {"outcome": status, "minor": minor}),
            times,
            places,
            st.sampled_from(["won", "lost", "open", None]),
            amounts,
        ),
        st.builds(
            lambda at, place, minor: ("updated", at, place, {"values": True, "minor": minor}),
            times,
            places,
            amounts,
        ),
    )
    starts = st.builds(lambda at: _source(at, LEAD, 1), times)
    merged = st.builds(
        lambda kind, at, place, start: (kind, at, place, {"start": start}),
        st.sampled_from(["merged", "unmerged"]),
        times,
        places,
        st.none() | starts,
    )
    parted = st.builds(
        lambda kind, at, place, leads: (kind, at, place, {"leads": tuple(leads)}),
        st.sampled_from(["absorbed", "separated"]),
        times,
        places,
        st.lists(st.sampled_from(PARTS), min_size=1, max_size=2),
    )
    anything = st.one_of(one, one, merged, parted)
    return st.builds(_stream, times, places, st.booleans(), st.lists(anything, max_size=10))


def _stream(
    at_us: int, place: Place, start_known: bool, rest: list[tuple[str, int, Place, dict[str, object]]]
) -> list[Happening]:
    events = [Happening("created", _source(at_us, LEAD, 1), place, LEAD, start_known=start_known)]
    for seq, (kind, at, where, extra) in enumerate(rest, start=2):
        events.append(Happening(kind, _source(at, LEAD, seq), where, LEAD, **extra))  # type: ignore[arg-type]
    return events


def _source(at_us: int, aggregate: str, seq: int) -> Source:
    return Source(at_us, aggregate, seq, f"{aggregate}:{seq}")


def activities() -> st.SearchStrategy[list[Happening]]:
    """Activities about the lead, about a part of it, or about none; each is an aggregate of its own."""

    def made(rows: list[tuple[int, Place, str, bool, str | None]]) -> list[Happening]:
        return [
            Happening(
                "acted",
                _source(at, str(UUID(int=1_000 + number)), 1),
                place,
                about,
                activity=kind,
                effective=effective,
                leads=(LEAD,) if about in PARTS else (),
            )
            for number, (at, place, kind, effective, about) in enumerate(rows)
        ]

    kinds = st.sampled_from(["visit", "call", "task", "email"])
    row = st.tuples(times, places, kinds, st.booleans(), st.sampled_from([LEAD, LEAD, *PARTS, None]))
    return st.lists(row, max_size=8).map(made)


@dataclass(frozen=True)
class History:
    own: list[Happening]
    others: list[Happening]

    def interleaved(self, random: Random) -> list[Happening]:
        """Any order in which consumers may meet them: the lead's own by seq, everything else anyhow."""
        streams: list[list[Happening]] = [list(self.own), *([other] for other in self.others)]
        order: list[Happening] = []
        while streams:
            stream = random.choice(streams)
            order.append(stream.pop(0))
            streams = [left for left in streams if left]
        return order


histories = st.builds(History, lead_events(), activities())


def chunks(events: Sequence[Happening], random: Random) -> list[list[Happening]]:
    """The same events in batches of any size."""
    batches: list[list[Happening]] = []
    left = list(events)
    while left:
        size = random.randint(1, len(left))
        batches.append(left[:size])
        left = left[size:]
    return batches
