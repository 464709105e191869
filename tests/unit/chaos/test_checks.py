"""The checks can fail: each is fed a lost, a doubled and a mismatching record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from shared.events.relaying.rules import LOOK_BACK
from tests.chaos.checks import (
    Heard,
    Told,
    check_equal,
    check_journal,
    check_ledger,
    check_log,
    check_stream,
    repeats,
)
from tests.chaos.derived import places_of
from tests.chaos.findings import Finding, note
from tests.chaos.ledger import Ledger, Verdict
from tests.chaos.promise import Outcome
from tests.support.recompute import facts_of, values


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.kind for finding in findings]


def history(*numbers: int, aggregate: UUID | None = None) -> list[Told]:
    of = aggregate or uuid4()
    return [Told(uuid4(), of, number, "cox.leads.lead_updated.v1") for number in numbers]


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    said: dict[str, list[int | None]] = {
        "ok": [201],
        "refused": [409],
        "unknown": [None],
        "again": [503, 201],
    }
    for mark, statuses in said.items():
        entry = made.open("create", mark)
        for status in statuses:
            made.answered([entry], status)
    return made


class TestLedger:
    @pytest.mark.parametrize("unknown", [0, 1])
    def test_nothing_is_found_when_effects_are_as_answered(self, ledger: Ledger, unknown: int) -> None:
        stored = {"ok": 1, "again": 1, "unknown": unknown}
        assert check_ledger(ledger.entries.values(), stored) == []

    @pytest.mark.parametrize(
        ("mark", "count", "kind"),
        [
            ("ok", 0, "lost"),
            ("again", 0, "lost"),
            ("ok", 2, "doubled"),
            ("again", 2, "doubled"),
            ("unknown", 2, "doubled"),
            ("refused", 1, "mismatch"),
            ("refused", 2, "doubled"),
        ],
    )
    def test_found_when_an_effect_is_not_as_answered(
        self, ledger: Ledger, mark: str, count: int, kind: str
    ) -> None:
        stored = {"ok": 1, "again": 1} | {mark: count}
        assert kinds(check_ledger(ledger.entries.values(), stored)) == [kind]

    def test_one_item_is_refused_when_a_batch_says_so(self) -> None:
        made = Ledger()
        entries = [made.open("create", mark) for mark in ("good", "bad")]
        made.answered(entries, 200, refused=[1])
        assert [entry.verdicts for entry in entries] == [[Verdict.OK], [Verdict.REFUSED]]
        assert kinds(check_ledger(entries, {"good": 1, "bad": 1})) == ["mismatch"]

    def test_refused_after_an_unknown_answer_is_once_or_not_at_all(self) -> None:
        made = Ledger()
        entry = made.open("move", "m")
        made.answered([entry], None)
        made.answered([entry], 409)
        assert check_ledger([entry], {}) == check_ledger([entry], {"m": 1}) == []
        assert kinds(check_ledger([entry], {"m": 2})) == ["doubled"]

    def test_never_answered_is_once_or_not_at_all(self) -> None:
        entry = Ledger().open("move", "m")
        assert check_ledger([entry], {}) == check_ledger([entry], {"m": 1}) == []


class TestJournal:
    def test_nothing_is_found_when_every_seq_follows(self) -> None:
        one, other = history(1, 2, 3), history(1, 2)
        assert check_journal([one[0], other[0], one[1], other[1], one[2]]) == []

    @pytest.mark.parametrize("numbers", [(1, 3), (1, 2, 2), (2, 1), (2,)])
    def test_found_when_a_seq_is_missing_doubled_or_late(self, numbers: tuple[int, ...]) -> None:
        assert "mismatch" in kinds(check_journal(history(*numbers)))


class TestLog:
    def test_nothing_is_found_when_a_record_is_repeated(self) -> None:
        told = history(1, 2, 3)
        log = [told[0], told[1], told[0], told[1], told[2]]
        assert check_log(told, log) == []
        assert repeats(log) == 2

    def test_lost_when_an_event_was_never_published(self) -> None:
        told = history(1, 2, 3)
        assert kinds(check_log(told, told[:2])) == ["lost"]

    def test_found_when_order_is_broken(self) -> None:
        told = history(1, 2, 3)
        assert "mismatch" in kinds(check_log(told, [told[1], told[0], told[2]]))

    @pytest.mark.parametrize(("drawn", "found"), [(LOOK_BACK, True), (LOOK_BACK + 1, False)])
    def test_found_when_a_late_commit_stands_behind_its_successor_unless_many_ids_were_drawn_meanwhile(
        self, drawn: int, found: bool
    ) -> None:
        told = history(1, 2, 3)
        places = {told[0].event_id: 5, told[1].event_id: 6, told[2].event_id: 6 + drawn}
        assert bool(check_log(told, [told[0], told[2], told[1]], (), places)) == found

    def test_found_when_the_log_has_what_no_journal_holds(self) -> None:
        told = history(1, 2)
        stranger = history(3, aggregate=told[0].aggregate_id)
        assert kinds(check_log(told, told + stranger)) == ["mismatch"]

    def test_nothing_is_found_when_the_log_has_some_of_what_was_recorded_since(self) -> None:
        told = history(1, 2, 3, 4)
        assert check_log(told[:2], told[:3], told) == []

    def test_found_when_an_event_has_another_place_in_the_log(self) -> None:
        told = history(1, 2)
        assert "mismatch" in kinds(check_log(told, [told[0], told[1]._replace(seq=3)]))


class TestStream:
    def test_nothing_is_found_when_each_event_is_told_once(self) -> None:
        told = history(1, 2)
        assert check_stream(told, Heard([event.event_id for event in told])) == []

    def test_found_when_an_event_is_told_twice_or_never(self) -> None:
        told = history(1, 2)
        ids = [event.event_id for event in told]
        assert kinds(check_stream(told, Heard([*ids, ids[0]]))) == ["doubled"]
        assert kinds(check_stream(told, Heard(ids[:1]))) == ["lost"]
        assert check_stream(told, Heard(ids[:1], resets=1)) == []


class TestEqual:
    def test_found_when_a_number_is_missing_other_or_too_many(self) -> None:
        due = {"a": 1, "b": 2}
        assert check_equal("calls", due, dict(due)) == []
        for stored in ({"a": 1}, {"a": 1, "b": 3}, {"a": 1, "b": 2, "c": 0}):
            (found,) = check_equal("calls", due, stored)
            assert found.kind == "mismatch"


class _Event:
    """An event of the journal, as a recomputation wants it."""

    def __init__(self, seq: int, at: datetime, name: str, **data: object) -> None:
        self.type, self.seq, self.occurred_at = f"cox.leads.{name}.v1", seq, at
        self.aggregate_id = UUID(int=7)
        place = {"rep_id": "r", "team_id": "t", "team_region": None}
        where = {"region": "north", "product": None, "channel": "web"}
        self.value = orjson.dumps({"credit": place, "dimensions": where, **data})


class TestRecomputation:
    def test_reopening_takes_the_outcome_back(self) -> None:
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        won = {"from_status": "open", "to_status": "won", "value": {"tenant_minor": 500}}
        reopened = {"from_status": "won", "to_status": "open", "value": None}
        past = [
            _Event(1, at, "lead_created", start_known=True),
            _Event(2, at + timedelta(days=1), "stage_changed", **won),
        ]
        assert values(facts_of(past, "UTC"), "won_revenue", "rep", "month")
        past.append(_Event(3, at + timedelta(days=2), "stage_changed", **reopened))
        assert not values(facts_of(past, "UTC"), "won_revenue", "rep", "month")

    @pytest.mark.parametrize("value", [{"tenant_minor": 700}, None], ids=["corrected", "given back"])
    def test_revenue_is_the_newest_value_when_it_was_changed_after_the_win(self, value: Any) -> None:
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        won = {"from_status": "open", "to_status": "won", "value": {"tenant_minor": 500}}
        past = [
            _Event(2, at, "stage_changed", **won),
            # Of no account: one that was there before, and one that is about something else.
            _Event(1, at, "lead_updated", changed=["value"], value={"tenant_minor": 1}),
            _Event(4, at, "lead_updated", changed=["name"], value=None),
        ]
        assert [*values(facts_of(past, "UTC"), "won_revenue", "rep", "month").values()] == [500]
        past.append(_Event(3, at, "lead_updated", changed=["value"], value=value))
        worth = [*values(facts_of(past, "UTC"), "won_revenue", "rep", "month").values()]
        assert worth == [value and value["tenant_minor"]]


class TestOutcome:
    def test_not_held_when_anything_was_found(self) -> None:
        assert Outcome("R1", 7, full=True).held
        outcome = Outcome("R1", 7, full=True)
        note(outcome, [Finding("lost", "one"), Finding("doubled", "two"), Finding("mismatch", "three")])
        assert (outcome.lost, outcome.doubled, outcome.mismatches) == (1, 1, 1)
        assert not outcome.held
        told = orjson.loads(replace(outcome, recovery_s=[1.0, 3.0]).line())
        assert (told["promise"], told["held"], told["failures"]) == ("R1", False, ["one", "two", "three"])
        assert told["recovery_s"] == {"n": 2, "median": 2.0, "max": 3.0}

    def test_every_finding_is_counted_and_the_first_are_told(self) -> None:
        outcome = Outcome("R1", 7, full=True)
        note(outcome, [Finding("lost", str(number)) for number in range(500)])
        assert outcome.lost == 500
        assert len(outcome.failures) < 50


class TestPlaces:
    def test_a_place_counts_for_nothing_when_it_is_of_an_epoch_that_is_over(self) -> None:
        gone, kept, behind = uuid4(), uuid4(), uuid4()
        places = {gone: (1, 3), kept: (2, 5), behind: (1, 2)}
        rows = [
            {"consumer": "c", "stream": "s", "aggregate_id": of, "epoch": epoch, "seq": seq}
            for of, (epoch, seq) in places.items()
        ]

        found = places_of(rows, {"s": 2})["c", "s"]

        assert found == {kept: 5}
        # Whoever stayed in the old epoch with something that is still there is missed.
        assert kinds(check_equal("place", {kept: 5, behind: 2}, found)) == ["mismatch"]

    def test_a_consumer_is_compared_when_it_knows_nothing_of_the_epoch(self) -> None:
        aggregate = uuid4()
        row = {"consumer": "c", "stream": "s", "aggregate_id": aggregate, "epoch": 1, "seq": 2}

        assert places_of([row], {"s": 2}) == {("c", "s"): {}}
