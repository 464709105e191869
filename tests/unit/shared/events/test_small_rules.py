"""Where to read, when to stop, what an error means, what the relay and the timers decide."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from shared.errors import Conflict, Unavailable
from shared.events.consuming.circuit import Circuit
from shared.events.consuming.starting import (
    AcrossHole,
    CheckBefore,
    FromBeginning,
    GoOn,
    Start,
    Stored,
    is_the_record,
    other_log,
    where_to_start,
)
from shared.events.envelope import Undecodable
from shared.events.faults import Fault, fault_of, reason_of
from shared.events.relaying.rules import BOTTOM_EVERY_S, LOOK_BACK, Scan, behind, wiped
from shared.events.timing.rules import next_try, still_counts

ONE, TWO = UUID(int=1), UUID(int=2)


class TestWhereToStart:
    @pytest.mark.parametrize(
        ("stored", "begin", "end", "start"),
        [
            (Stored(0, None), 0, 0, GoOn(0)),
            (Stored(0, None), 0, 9, GoOn(0)),
            (Stored(5, ONE), 0, 9, CheckBefore(4)),
            (Stored(9, ONE), 0, 9, CheckBefore(8)),
            (Stored(10, ONE), 0, 9, FromBeginning()),
            (Stored(10, ONE), 3, 9, AcrossHole(3)),
            (Stored(5, ONE), 7, 9, AcrossHole(7)),
            (Stored(0, None), 7, 9, AcrossHole(7)),
            (Stored(7, ONE), 7, 9, GoOn(7)),
        ],
    )
    def test_offsets_are_trusted_only_as_far_as_the_log_bears_them_out(
        self, stored: Stored, begin: int, end: int, start: Start
    ) -> None:
        assert where_to_start(stored, begin, end) == start

    def test_the_log_is_another_when_the_record_before_differs_or_is_absent(self) -> None:
        assert is_the_record(Stored(5, ONE), 4, ONE)
        assert is_the_record(Stored(5, None), 4, TWO)
        assert not is_the_record(Stored(5, ONE), 4, TWO)
        assert not is_the_record(Stored(5, ONE), 5, ONE)

    def test_another_log_is_read_whole_only_when_it_has_its_beginning(self) -> None:
        assert other_log(0) == FromBeginning()
        assert other_log(3) == AcrossHole(3)


class TestCircuit:
    def test_it_opens_when_more_than_a_twentieth_and_fifty_of_the_last_thousand_are_dead(self) -> None:
        circuit = Circuit()
        for _ in range(50):
            circuit.add(20, 1)
        assert not circuit.is_open
        circuit.add(20, 2)
        assert circuit.is_open

    def test_it_stays_closed_when_there_are_few_events_yet(self) -> None:
        circuit = Circuit()
        circuit.add(49, 49)
        assert not circuit.is_open
        circuit.add(1, 1)
        assert not circuit.is_open
        circuit.add(1, 1)
        assert circuit.is_open

    def test_it_forgets_when_a_thousand_good_ones_followed(self) -> None:
        circuit = Circuit()
        circuit.add(100, 60)
        assert circuit.is_open
        circuit.add(1000, 0)
        assert not circuit.is_open

    def test_one_in_a_hundred_is_borne_when_batches_are_large(self) -> None:
        circuit = Circuit()
        for _ in range(20):
            circuit.add(5000, 50)
        assert not circuit.is_open

    def test_it_opens_when_a_flood_follows_a_large_batch_of_good_ones(self) -> None:
        circuit = Circuit()
        circuit.add(5000, 0)
        circuit.add(200, 51)
        assert circuit.is_open
        assert str(circuit) == "51 of the last 1000 events are dead letters"


class Handler(Exception):
    """What a handler of a service might raise."""


class TestFaults:
    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.ConnectionDoesNotExistError(),
            asyncpg.DeadlockDetectedError(),
            asyncpg.SerializationError(),
            asyncpg.TooManyConnectionsError(),
            asyncpg.LockNotAvailableError(),
            asyncpg.AdminShutdownError(),
            asyncpg.PostgresIOError(),
            ConnectionResetError(),
            TimeoutError(),
            Unavailable("later"),
        ],
    )
    def test_what_may_pass_is_tried_again(self, error: Exception) -> None:
        assert fault_of(error) is Fault.PASSING

    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.UniqueViolationError(),
            asyncpg.NumericValueOutOfRangeError(),
            asyncpg.CheckViolationError(),
            Undecodable(ONE, "no JSON"),
            Handler("bad"),
            KeyError("x"),
            Conflict("no"),
        ],
    )
    def test_what_an_event_causes_is_poison(self, error: Exception) -> None:
        assert fault_of(error) is Fault.POISON

    def test_a_missing_table_is_no_events_fault(self) -> None:
        assert fault_of(asyncpg.UndefinedTableError()) is Fault.BROKEN

    def test_the_cause_counts_when_sqlalchemy_wraps_it(self) -> None:
        wrapped = DBAPIError("select", {}, asyncpg.DeadlockDetectedError())
        assert fault_of(wrapped) is Fault.PASSING

    def test_a_reason_has_one_line_when_the_error_has_several(self) -> None:
        assert reason_of(Handler("first\nDETAIL: Key (phone)=(+86…)")) == "Handler: first"


class TestScan:
    def test_it_goes_on_a_little_below_the_last_id_when_the_bottom_was_scanned_lately(self) -> None:
        scan = Scan()
        assert scan.above(10.0) == 0
        scan.sent([5, 90_000, 7])
        assert scan.above(10.1) == 90_000 - LOOK_BACK

    def test_what_was_overtaken_is_found_at_once_when_few_went_before_it(self) -> None:
        scan = Scan(bottom_due_at=99.0)
        scan.sent([100])
        assert scan.above(10.0) < 99

    def test_it_returns_to_the_bottom_each_second_when_ids_may_commit_late(self) -> None:
        scan = Scan()
        scan.above(10.0)
        scan.sent([9])
        assert scan.above(10.0 + BOTTOM_EVERY_S) == 0

    def test_it_returns_to_the_bottom_at_once_when_sending_failed(self) -> None:
        scan = Scan()
        scan.above(10.0)
        scan.sent([9])
        scan.failed()
        assert scan.above(10.1) == 0

    def test_it_never_moves_back_when_a_late_id_was_sent(self) -> None:
        scan = Scan(last_id=9000, bottom_due_at=99.0)
        scan.sent([3])
        assert scan.above(10.0) == 9000 - LOOK_BACK

    def test_a_partition_is_behind_when_its_end_lacks_something_that_was_sent_last(self) -> None:
        sent = {"whole": [1, 2], "without its late one": [1, 2], "without its last": [1, 2], "empty": [3]}
        in_log = {"whole": [0, 2, 1], "without its late one": [0, 2], "without its last": [0, 1]}
        assert behind(sent, in_log) == {"without its late one", "without its last", "empty"}

    def test_a_partition_was_wiped_when_it_begins_at_zero_without_what_was_sent_first(self) -> None:
        first = {"whole": 1, "wiped": 2, "empty": 3, "cut off": 4, "unknown": 5}
        heads = {"whole": (0, {7, 1}), "wiped": (0, {8}), "empty": (0, set()), "cut off": (10, {9})}
        assert wiped(first, heads) == {"wiped", "empty", "unknown"}


class TestTimerRules:
    def test_only_the_newest_generation_counts(self) -> None:
        assert still_counts(3, 3)
        assert not still_counts(2, 3)
        assert not still_counts(1, None)

    def test_pauses_double_up_to_five_minutes_when_it_keeps_failing(self) -> None:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        pauses = [(next_try(now, attempts) - now).total_seconds() for attempts in (1, 2, 3, 9, 10, 99)]
        assert pauses == [1, 2, 4, 256, 300, 300]
