"""What is held against an import's report can fail."""

from __future__ import annotations

import csv
import io
from random import Random
from typing import Any

import pytest

from tests.chaos.checks import check_ledger
from tests.chaos.ledger import Ledger
from tests.chaos.moving_in import MovingIn

ROWS = 400


@pytest.fixture
def file() -> MovingIn:
    return MovingIn(Ledger(), Random(7), ROWS)


def report(file: MovingIn, **said: object) -> dict[str, Any]:
    whole = {"state": "done", "rows_total": ROWS, "rows_done": ROWS, "rows_failed": len(file.bad)}
    return whole | {"failure": None} | said


def named(file: MovingIn) -> list[dict[str, Any]]:
    return [{"row": line, "code": code} for line, code in file.bad]


class TestReport:
    def test_nothing_is_wrong_when_every_bad_row_is_named_once(self, file: MovingIn) -> None:
        assert 0 < len(file.bad) < ROWS / 4
        assert file.wrong(report(file), named(file)) == []

    @pytest.mark.parametrize("said", [{"state": "failed"}, {"rows_done": ROWS - 1}, {"rows_failed": 0}])
    def test_wrong_when_it_did_not_come_to_its_end(self, file: MovingIn, said: dict[str, object]) -> None:
        assert len(file.wrong(report(file, **said), named(file))) == 1

    def test_wrong_when_a_bad_row_is_named_twice_or_never_or_for_another_reason(self, file: MovingIn) -> None:
        problems = named(file)
        other = [*problems[1:], problems[0] | {"code": "another"}]
        for told in ([*problems, problems[0]], problems[1:], other):
            assert len(file.wrong(report(file), told)) == 1


class TestRows:
    def test_good_ones_are_leads_once_and_bad_ones_never_when_the_file_was_accepted(self) -> None:
        ledger = Ledger()
        file = MovingIn(ledger, Random(7), ROWS)
        rows = list(csv.DictReader(io.StringIO(file.content.decode("gb18030"))))
        bad = {line for line, _ in file.bad}
        good = {row["标记"]: 1 for line, row in enumerate(rows, 2) if line not in bad}
        assert check_ledger(ledger.entries.values(), {}) == []
        file.accepted()
        assert check_ledger(ledger.entries.values(), good) == []
        assert len(check_ledger(ledger.entries.values(), {})) == len(good)
        everything = dict.fromkeys((row["标记"] for row in rows), 1)
        assert len(check_ledger(ledger.entries.values(), everything)) == len(bad)
