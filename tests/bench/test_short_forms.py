"""Each benchmark's short form, all on one running copy: one round, few operations, no time asserted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.bench.mark import Bench, chosen, opened, registry
from tests.bench.result import Asked, Result
from tests.support.named import UnknownName

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

_LAST = ("F12",)
"""Starts copies itself: when the shared one is no longer needed."""


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with opened(full=False, rounds=1, scale=[2], folder=tmp_path_factory.mktemp("bench")) as made:
        yield made


class TestShortForms:
    @pytest.mark.parametrize("name", sorted(registry(), key=lambda name: (name in _LAST, name)))
    async def test_a_result_is_told_when_a_benchmark_ran(self, bench: Bench, name: str) -> None:
        bench.name = name
        told = json.loads((await registry()[name].run(bench)).line(short=True))
        assert told["mark"] == name
        assert told["form"] == "short"
        assert told["ours"]["median"] > 0
        assert all(asked["value"] > 0 or asked["what"].startswith("ms added") for asked in told["asked"])


class TestNames:
    def test_the_right_ones_are_listed_when_one_is_wrong(self) -> None:
        with pytest.raises(UnknownName, match=r"no benchmark named F99; there are: F1, F2, .*F12"):
            chosen(["f1", "f99"])

    def test_all_are_chosen_when_none_is_named(self) -> None:
        assert [mark.NAME for mark in chosen([])] == list(registry())


class TestWhatIsAsked:
    def test_a_mark_is_reached_when_the_ratio_is_high_enough(self) -> None:
        result = Result("F0", "", "1/s", [5.0, 6.0, 7.0], "", [10.0, 10.0])
        result.asked = [Asked("ratio", result.ratio or 0, 0.5, 1.0)]
        told = json.loads(result.line())
        assert told["ratio"] == 0.6
        assert told["first_mark_reached"] is True
        assert told["goal_reached"] is False

    def test_a_mark_is_missed_when_a_cost_is_above_it(self) -> None:
        told = json.loads(Result("F0", "", "s", [1.0], asked=[Asked("s", 11.0, 10.0, 5.0, most=True)]).line())
        assert told["first_mark_reached"] is False
