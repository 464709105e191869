from __future__ import annotations

from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

import pytest

from services.gateway.imports.event_log import fold_case
from services.gateway.imports.headings.columns import columns_of
from services.gateway.imports.history import Folded
from services.gateway.imports.mapping import EventLogMapping
from services.gateway.imports.mapping_file import load_mapping
from services.gateway.imports.reading import opened
from services.gateway.imports.rules import Fields, pick
from tests.support.shared_data import EXAMPLES, shared_data

UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture(scope="module")
def mapping() -> EventLogMapping:
    loaded = load_mapping((EXAMPLES / "bpi2012/history.yaml").read_text("utf-8"), "history")
    assert isinstance(loaded, EventLogMapping)
    return loaded


def fold(
    mapping: EventLogMapping, *events: tuple[str, str, str | None] | tuple[str, str, str | None, str]
) -> Folded:
    """Events as (minute, activity, person[, lifecycle]); lines count from 2."""
    rows: list[tuple[int, Fields]] = []
    for line, (minute, activity, person, *rest) in enumerate(events, start=2):
        fields = {
            "case": "C1",
            "activity": activity,
            "at": f"2012-01-05T10:{minute}:00+01:00",
            "value": "5000",
        }
        fields["lifecycle"] = rest[0] if rest else "COMPLETE"
        rows.append((line, fields | ({"person": person} if person else {})))
    return fold_case("C1", rows, mapping, UTC_ZONE, "EUR")


def story(folded: Folded) -> list[str]:
    assert folded.deal is not None
    return [
        f"{step.at:%M} {step.person or step.to}{'/' + step.reason if step.reason else ''}"
        for step in folded.deal.steps
        if step.at
    ]


class TestFoldCase:
    def test_hands_over_before_it_moves_when_another_person_does_the_step(
        self, mapping: EventLogMapping
    ) -> None:
        folded = fold(
            mapping,
            ("00", "A_SUBMITTED", "112"),
            ("01", "A_PARTLYSUBMITTED", "112"),
            ("02", "A_PREACCEPTED", "7"),
        )
        assert story(folded) == ["00 112", "01 partly_submitted", "02 7", "02 pre_accepted"]
        assert folded.deal is not None
        assert folded.deal.creator == "112"
        assert folded.deal.value == {"amount": "5000", "currency": "EUR"}

    def test_keeps_the_files_order_when_times_are_equal_and_times_when_lines_are_not(
        self, mapping: EventLogMapping
    ) -> None:
        folded = fold(
            mapping,
            ("00", "A_SUBMITTED", "1"),
            ("09", "A_ACCEPTED", "3"),
            ("05", "A_PARTLYSUBMITTED", "2"),
            ("09", "A_FINALIZED", "4"),
        )
        assert story(folded) == [
            "00 1", "05 2", "05 partly_submitted", "09 3", "09 accepted", "09 4", "09 finalised",
        ]  # fmt: skip

    def test_is_won_once_when_three_words_say_so(self, mapping: EventLogMapping) -> None:
        folded = fold(
            mapping,
            ("00", "A_SUBMITTED", None),
            ("05", "A_REGISTERED", None),
            ("05", "A_APPROVED", None),
            ("06", "A_ACTIVATED", None),
        )
        assert story(folded) == ["05 won"]

    @pytest.mark.parametrize(
        ("activity", "reason"), [("A_DECLINED", "declined"), ("A_CANCELLED", "cancelled")]
    )
    def test_is_lost_with_its_reason_when_declined_or_cancelled(
        self, mapping: EventLogMapping, activity: str, reason: str
    ) -> None:
        assert story(fold(mapping, ("00", "A_SUBMITTED", None), ("03", activity, None))) == [
            f"03 lost/{reason}"
        ]

    def test_changes_no_owner_when_nobody_is_named_or_the_case_is_closed(
        self, mapping: EventLogMapping
    ) -> None:
        folded = fold(
            mapping,
            ("00", "A_SUBMITTED", "1"),
            ("01", "O_SENT", None),
            ("02", "A_DECLINED", "2"),
            ("03", "W_Valideren aanvraag", "3"),
        )
        assert story(folded) == ["00 1", "02 2", "02 lost/declined"]
        assert [(deed.kind, deed.person, deed.owner) for deed in folded.deeds] == [("task", "3", "2")]

    def test_reopens_when_a_stage_follows_an_outcome(self, mapping: EventLogMapping) -> None:
        folded = fold(
            mapping, ("00", "A_SUBMITTED", None), ("01", "A_DECLINED", None), ("02", "A_SUBMITTED", None),
            ("03", "A_APPROVED", None),
        )  # fmt: skip
        assert story(folded) == ["01 lost/declined", "02 submitted", "03 won"]

    def test_records_calls_and_tasks_when_work_is_completed(self, mapping: EventLogMapping) -> None:
        folded = fold(
            mapping,
            ("00", "A_SUBMITTED", "1"),
            ("01", "W_Nabellen offertes", "2", "SCHEDULE"),
            ("02", "W_Nabellen offertes", "3", "START"),
            ("03", "W_Nabellen offertes", None),
            ("04", "W_Afhandelen leads", "4"),
            ("04", "W_Afhandelen leads", "4"),
        )
        assert [(deed.kind, deed.person, deed.owner) for deed in folded.deeds] == [
            ("call", None, "3"),
            ("task", "4", "4"),
            ("task", "4", "4"),
        ]
        assert len({deed.external_id for deed in folded.deeds}) == 3
        assert folded.ignored == 2

    def test_counts_what_no_rule_maps_when_there_is_such(self, mapping: EventLogMapping) -> None:
        folded = fold(mapping, ("00", "A_SUBMITTED", None), ("01", "O_SENT", None), ("02", "O_SENT", None))
        assert folded.unmapped == {"O_SENT": 2}

    def test_goes_on_when_a_row_has_no_time(self, mapping: EventLogMapping) -> None:
        rows = [
            (2, {"case": "C1", "activity": "A_SUBMITTED", "at": "2012-01-05T10:00:00+01:00"}),
            (3, {"case": "C1", "activity": "A_DECLINED"}),
            (4, {"case": "C1", "activity": "A_ACCEPTED", "at": "yesterday"}),
            (5, {"case": "C1", "at": "2012-01-05T10:01:00+01:00"}),
        ]
        folded = fold_case("C1", rows, mapping, UTC_ZONE, "EUR")
        assert [(problem.line, problem.code) for problem in folded.problems] == [
            (3, "missing_value"),
            (4, "bad_date"),
            (5, "missing_value"),
        ]
        assert folded.deal is not None

    def test_reports_the_row_when_an_activitys_outcome_is_no_code(self, mapping: EventLogMapping) -> None:
        row = {
            "case": "C1", "activity": "W_Valideren aanvraag", "lifecycle": "COMPLETE",
            "at": "2012-01-05T10:00:00Z", "outcome": "went very well",
        }  # fmt: skip
        folded = fold_case("C1", [(2, row)], mapping, UTC_ZONE, "EUR")
        assert [(problem.line, problem.code) for problem in folded.problems] == [(2, "bad_code")]
        assert folded.deeds == []

    def test_gives_an_activity_the_same_id_when_the_rows_stand_elsewhere_in_the_file(
        self, mapping: EventLogMapping
    ) -> None:
        row = {
            "case": "C1",
            "activity": "W_Valideren aanvraag",
            "lifecycle": "COMPLETE",
            "at": "2012-01-05T10:00:00Z",
        }
        here = fold_case("C1", [(2, row)], mapping, UTC_ZONE, "EUR")
        there = fold_case("C1", [(900, row)], mapping, ZoneInfo("Asia/Shanghai"), "EUR")
        assert here.deeds[0].external_id == there.deeds[0].external_id


class TestBpi2012:
    def test_gives_the_known_answers_when_the_whole_log_is_folded(self, mapping: EventLogMapping) -> None:
        cases: dict[str, list[tuple[int, Fields]]] = defaultdict(list)
        with shared_data("bpi2012/bpi2012_events.csv.gz").open("rb") as file:
            table = opened(file, mapping)
            places = columns_of(mapping, table.header).places
            for row in table.rows:
                fields, _ = pick(row.cells, places, mapping)
                cases[fields["case"]].append((row.line, fields))
        counts: Counter[str] = Counter()
        unmapped: Counter[str] = Counter()
        people: set[str] = set()
        for case_id, rows in cases.items():
            folded = fold_case(case_id, rows, mapping, UTC_ZONE, "USD")
            assert folded.deal is not None
            assert not folded.problems
            ends = [step for step in folded.deal.steps if step.to in ("won", "lost")]
            assert len(ends) < 2
            counts[f"{ends[0].to}/{ends[0].reason}" if ends else "open"] += 1
            counts.update(deed.kind for deed in folded.deeds)
            counts["calls by nobody"] += sum(
                deed.kind == "call" and deed.person is None for deed in folded.deeds
            )
            unmapped += folded.unmapped
            people |= folded.people()
        assert counts == {
            "won/None": 2246, "lost/declined": 7635, "lost/cancelled": 2807, "open": 399,
            "call": 34_383, "calls by nobody": 4_183, "task": 38_030,
        }  # fmt: skip
        assert all(activity.startswith("O_") for activity in unmapped)
        assert len(people) == 68
        assert "112" in people
