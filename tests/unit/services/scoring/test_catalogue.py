"""The catalogue's own promises, and the numbers that definitions make of sums."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

from services.scoring.kpis.catalogue import EVENT_OF, METRICS, SLOTS, SLOTS_PER_FAMILY, Measure, Part
from services.scoring.kpis.rules import Figure, figure, number, ranked, whole_minor
from shared.contracts.catalogue import EVENT_TYPES
from shared.contracts.scoring import RepMetric

CONTRACT = {
    "leads_created", "leads_assigned", "first_response_seconds", "first_response_business_seconds",
    "stage_moves", "deals_won", "deals_lost", "won_revenue", "win_rate", "sales_cycle_days", "average_deal",
    "visits", "calls", "tasks",
}  # fmt: skip


def sums(name: str, **given: int) -> dict[Part, int]:
    """Sums of the parts of a metric: `won_n=3`, the others zero."""
    found = dict.fromkeys(METRICS[name].parts, 0)
    for key, amount in given.items():
        measure, column = key.rsplit("_", 1)
        part = Part(Measure[measure.upper()], "n" if column == "n" else "v")
        assert part in found
        found[part] = amount
    return found


class TestCatalogue:
    def test_every_metric_of_the_contract_is_defined(self) -> None:
        assert set(METRICS) == CONTRACT

    def test_other_services_know_every_metric_by_its_name(self) -> None:
        assert set(get_args(RepMetric)) == set(METRICS)

    def test_every_part_has_a_slot_of_its_own_within_its_family(self) -> None:
        parts = {part for metric in METRICS.values() for part in metric.parts}
        assert {(part.measure, part.column) for part in parts} <= set(SLOTS)
        assert len(set(SLOTS.values())) == len(SLOTS)
        assert all(0 <= slot.index < SLOTS_PER_FAMILY for slot in SLOTS.values())

    def test_a_measure_stands_in_one_family_only(self) -> None:
        families = {(measure, slot.family) for (measure, _), slot in SLOTS.items()}
        assert len(families) == len(Measure)

    def test_every_definition_names_events_of_the_contracts_and_evidence(self) -> None:
        assert all(metric.evidence and metric.description for metric in METRICS.values())
        assert {event for event, _ in EVENT_OF.values()} <= set(EVENT_TYPES)
        assert all(EVENT_TYPES[event].aggregate_type == kind for event, kind in EVENT_OF.values())


class TestFigure:
    def test_count_is_its_sum(self) -> None:
        assert figure(METRICS["deals_won"], sums("deals_won", won_n=3)) == Figure(
            Fraction(3), Fraction(3), None
        )

    def test_win_rate_is_won_over_both_when_there_are_outcomes(self) -> None:
        found = figure(METRICS["win_rate"], sums("win_rate", won_n=1, lost_n=2))
        assert found == Figure(Fraction(1, 3), Fraction(1), 3)
        assert number(Fraction(1, 3)) == 1 / 3

    def test_there_is_no_value_when_the_denominator_is_zero(self) -> None:
        assert figure(METRICS["sales_cycle_days"], sums("sales_cycle_days", won_n=2)).value is None

    def test_days_are_seconds_over_86400_when_a_cycle_is_asked_for(self) -> None:
        found = figure(
            METRICS["sales_cycle_days"], sums("sales_cycle_days", won_n=3, cycle_n=2, cycle_v=86_400 * 51)
        )
        assert found == Figure(Fraction(51, 2), Fraction(51), 2)
        assert number(Fraction(51, 2)) == 25.5

    def test_revenue_is_no_data_when_no_deal_won_has_a_value(self) -> None:
        assert figure(METRICS["won_revenue"], sums("won_revenue", won_n=2)).value is None
        assert figure(METRICS["average_deal"], sums("average_deal", won_n=2)).value is None

    def test_revenue_is_zero_when_deals_were_won_for_nothing(self) -> None:
        assert figure(METRICS["won_revenue"], sums("won_revenue", won_n=2, revenue_n=2)).value == 0

    def test_money_rounds_half_to_even_when_an_average_is_no_whole_cent(self) -> None:
        found = figure(METRICS["average_deal"], sums("average_deal", won_n=2, revenue_n=2, revenue_v=25))
        assert found.value == Fraction(25, 2)
        assert whole_minor(Fraction(25, 2)) == 12

    def test_whole_numbers_have_no_point_in_json(self) -> None:
        assert repr(number(Fraction(4))) == "4"


class TestRanked:
    def test_best_comes_first_by_the_metrics_direction(self) -> None:
        figures = [(1, Figure(Fraction(2), Fraction(2), None)), (2, Figure(Fraction(5), Fraction(5), None))]
        assert [each.key for each in ranked(METRICS["deals_won"], figures)] == [2, 1]
        assert [each.key for each in ranked(METRICS["sales_cycle_days"], figures)] == [1, 2]

    def test_equals_share_a_rank_and_the_next_counts_them(self) -> None:
        same = Figure(Fraction(5), Fraction(5), None)
        figures = [(3, same), (1, same), (2, Figure(Fraction(1), Fraction(1), None))]
        assert [(each.rank, each.key) for each in ranked(METRICS["deals_won"], figures)] == [
            (1, 1),
            (1, 3),
            (3, 2),
        ]

    def test_nobody_without_data_is_ranked(self) -> None:
        assert ranked(METRICS["win_rate"], [(1, Figure(None, Fraction(0), 0))]) == []
