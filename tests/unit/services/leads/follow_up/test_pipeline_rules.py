from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.follow_up.pipelines.rules import (
    DEFAULT_STAGES,
    BadPipeline,
    Pipeline,
    Stage,
    check_change,
    check_stages,
)
from services.leads.follow_up.progress.rules import (
    CriteriaMissing,
    SameStage,
    Standing,
    UnknownStage,
    move,
    reason_code,
    status_of,
)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAIN = Pipeline(UUID(int=1), "default", "Default", is_default=True, stages=DEFAULT_STAGES)
STRICT = Pipeline(
    UUID(int=2),
    "strict",
    "Strict",
    is_default=False,
    stages=(
        Stage("first", "First", required_activities=("call",)),
        Stage("second", "Second", required_activities=("visit", "call")),
        Stage("third", "Third"),
    ),
)
targets = st.sampled_from([*(stage.key for stage in DEFAULT_STAGES), "won", "lost"])


def standing(stage: str) -> Standing:
    return Standing(stage, status_of(stage), T0)


class TestMoving:
    @given(targets, targets, st.integers(0, 10**6))
    def test_every_other_stage_is_reachable_when_nothing_is_demanded(
        self, start: str, to: str, later: int
    ) -> None:
        at = T0 + timedelta(seconds=later)
        if start == to:
            with pytest.raises(SameStage):
                move(PLAIN, standing(start), to, at, frozenset())
        else:
            made = move(PLAIN, standing(start), to, at, frozenset())
            assert (made.from_stage, made.to_stage, made.duration_s) == (start, to, later)
            assert (made.from_status, made.to_status) == (status_of(start), status_of(to))

    def test_it_is_refused_when_the_stage_is_unknown(self) -> None:
        with pytest.raises(UnknownStage) as refused:
            move(PLAIN, standing("prospecting"), "nowhere", T0, frozenset())
        assert [error.pointer for error in refused.value.errors] == ["/to"]

    def test_time_never_runs_backwards_when_the_clock_did(self) -> None:
        made = move(PLAIN, standing("prospecting"), "won", T0 - timedelta(days=1), None)
        assert made.duration_s == 0


class TestCriteria:
    def test_every_missing_one_is_named_when_stages_are_jumped_over(self) -> None:
        with pytest.raises(CriteriaMissing) as refused:
            move(STRICT, standing("first"), "won", T0, frozenset())
        assert [error.code for error in refused.value.errors] == ["activity:call", "activity:visit"]

    def test_only_the_left_stage_counts_when_moving_one_on(self) -> None:
        assert move(STRICT, standing("first"), "second", T0, frozenset({"call"})).to_stage == "second"

    @pytest.mark.parametrize(
        ("start", "to"), [("second", "lost"), ("second", "first"), ("won", "third"), ("lost", "won")]
    )
    def test_nothing_is_demanded_when_losing_going_back_or_reopening(self, start: str, to: str) -> None:
        assert move(STRICT, standing(start), to, T0, frozenset()).to_stage == to

    def test_nothing_is_demanded_when_it_is_the_past(self) -> None:
        assert move(STRICT, standing("first"), "won", T0, None).is_outcome


class TestReasons:
    @pytest.mark.parametrize(
        ("reason", "code"),
        [(None, None), ("", None), ("price", "price"), ("价格", "other"), ("Too dear", "other")],
    )
    def test_only_codes_leave_the_service_when_a_reason_is_given(
        self, reason: str | None, code: str | None
    ) -> None:
        assert reason_code(reason) == code


class TestDefinitions:
    def test_every_bad_stage_is_named_when_a_pipeline_is_defined(self) -> None:
        with pytest.raises(BadPipeline) as refused:
            check_stages(
                [Stage("ok", "Ok"), Stage("won", "Won"), Stage("Bad Key", "Bad"), Stage("ok", "Again")]
            )
        assert [(e.pointer, e.code) for e in refused.value.errors] == [
            ("/stages/1/key", "reserved_key"),
            ("/stages/2/key", "bad_key"),
            ("/stages/3/key", "repeated_key"),
        ]

    def test_a_stage_stays_when_leads_stand_in_it(self) -> None:
        with pytest.raises(BadPipeline) as refused:
            check_change(DEFAULT_STAGES, DEFAULT_STAGES[:2], frozenset({"contract", "prospecting"}))
        assert refused.value.problem_code == "stage_in_use"

    def test_a_pipeline_is_refused_when_it_has_no_stage(self) -> None:
        with pytest.raises(BadPipeline):
            check_stages([])
