from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.gateway.imports.deals import Reading, fold_deal
from services.gateway.imports.headings.columns import columns_of
from services.gateway.imports.history import Folded
from services.gateway.imports.mapping import DealsMapping
from services.gateway.imports.mapping_file import load_mapping
from services.gateway.imports.reading import opened
from services.gateway.imports.rules import pick
from tests.support.shared_data import EXAMPLES, shared_data

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROW = {
    "id": "D1", "name": "Acme", "owner": "Ann", "stage": "Won", "value": "1054",
    "started": "2017-03-01", "closed": "2017-03-31",
}  # fmt: skip


@pytest.fixture(scope="module")
def mapping() -> DealsMapping:
    loaded = load_mapping((EXAMPLES / "crm_sales/history.yaml").read_text("utf-8"), "history")
    assert isinstance(loaded, DealsMapping)
    return loaded


def fold(mapping: DealsMapping, **changes: str | None) -> Folded:
    fields = {name: value for name, value in {**ROW, **changes}.items() if value is not None}
    return fold_deal(7, fields, Reading(mapping, SHANGHAI, "CNY", first_stage="prospecting"))


class TestFoldDeal:
    def test_is_assigned_then_won_at_noon_of_the_tenant_when_the_row_says_won(
        self, mapping: DealsMapping
    ) -> None:
        deal = fold(mapping).deal
        assert deal is not None
        assert deal.started_at == datetime(2017, 3, 1, 4, tzinfo=UTC)
        assert [(step.at, step.do, step.person, step.to) for step in deal.steps] == [
            (datetime(2017, 3, 1, 4, tzinfo=UTC), "assign", "Ann", None),
            (datetime(2017, 3, 31, 4, tzinfo=UTC), "move", None, "won"),
        ]
        assert deal.steps[1].value == {"amount": "1054", "currency": "USD"}

    def test_starts_whenever_it_is_imported_when_the_row_has_no_start(self, mapping: DealsMapping) -> None:
        folded = fold(mapping, stage="Prospecting", started=None, closed=None, value=None)
        assert folded.deal is not None
        assert folded.deal.started_at is None
        assert [(step.at, step.do) for step in folded.deal.steps] == [(None, "assign")]
        assert [note.code for note in folded.notes] == ["no_start"]

    def test_takes_the_tenants_currency_when_the_mapping_has_none(self, mapping: DealsMapping) -> None:
        folded = fold(mapping.model_copy(update={"currency": None}))
        assert folded.deal is not None
        assert folded.deal.value == {"amount": "1054", "currency": "CNY"}

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"id": None}, "missing_value"),
            ({"stage": None}, "missing_value"),
            ({"stage": "Abandoned"}, "unknown_stage"),
            ({"started": "01/03/2017"}, "bad_date"),
            ({"started": "0017-03-01"}, "bad_date"),
            ({"closed": "2017-02-30"}, "bad_date"),
            ({"closed": None}, "outcome_without_date"),
            ({"closed": "2017-02-01"}, "closed_before_start"),
            ({"value": "a lot"}, "bad_amount"),
            ({"value": "1e9"}, "bad_amount"),
            ({"value": "NaN"}, "bad_amount"),
            ({"value": "10.505"}, "bad_amount"),
            ({"value": "9" * 25}, "bad_amount"),
            ({"value": "-3"}, "negative_amount"),
        ],
    )
    def test_is_a_problem_of_its_row_when_a_field_is_bad(
        self, mapping: DealsMapping, changes: dict[str, str | None], code: str
    ) -> None:
        folded = fold(mapping, **changes)
        assert folded.deal is None
        assert [(problem.line, problem.code) for problem in folded.problems] == [(7, code)]

    @pytest.mark.parametrize(
        ("text", "amount"), [("1,054.50", "1054.50"), ("1054.5", "1054.5"), ("0.10", "0.10")]
    )
    def test_reads_the_amount_when_it_is_written_otherwise(
        self, mapping: DealsMapping, text: str, amount: str
    ) -> None:
        deal = fold(mapping, value=text).deal
        assert deal is not None
        assert deal.value == {"amount": amount, "currency": "USD"}

    def test_reads_dates_when_the_mapping_names_their_format(self, mapping: DealsMapping) -> None:
        german = mapping.model_copy(update={"dates": ["%d.%m.%Y %H:%M", "%d.%m.%Y"]})
        deal = fold(german, started="01.03.2017 09:30", closed="31.03.2017").deal
        assert deal is not None
        assert deal.started_at == datetime(2017, 3, 1, 1, 30, tzinfo=UTC)
        assert deal.steps[-1].at == datetime(2017, 3, 31, 4, tzinfo=UTC)


class TestCrmSales:
    def test_gives_the_known_answers_when_the_whole_file_is_folded(self, mapping: DealsMapping) -> None:
        path = shared_data("crm_sales/sales_pipeline.csv")
        counts: Counter[str | None] = Counter()
        revenue = 0
        with path.open("rb") as file:
            table = opened(file, mapping)
            places = columns_of(mapping, table.header).places
            reading = Reading(mapping, ZoneInfo("UTC"), "USD", first_stage="prospecting")
            for row in table.rows:
                fields, respelt = pick(row.cells, places, mapping)
                folded = fold_deal(row.line, fields, reading)
                assert folded.deal is not None
                last = folded.deal.steps[-1]
                counts.update([last.to, *respelt, *(note.code for note in folded.notes)])
                counts["no company"] += "company" not in folded.deal.texts
                if last.to == "won" and last.value is not None:
                    revenue += int(last.value["amount"])
                assert last.to != "lost" or last.value is None
        assert counts == {
            "won": 4238, "lost": 2473, "engaging": 1589, None: 500, "no_start": 500, "no company": 1425,
            "product: 'GTXPro' read as 'GTX Pro'": 1480,
        }  # fmt: skip
        assert revenue == 10_005_534
