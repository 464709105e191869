"""What counts as filled in, and what only looks so."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.judging.quality.rules import FIELDS, WORST, Field, faults_of, kept

GOOD: dict[str, Any] = {
    "id": UUID(int=1), "name": "王伟", "phone": "+8613912345670", "email": "wang@huawei.cn",
    "company": "华为技术有限公司", "credit_code": "91110108551385082Q", "source": "fair", "channel": "ads",
    "campaign": "spring", "region": "north", "product": "crm", "value": 100, "duplicate_of": None,
}  # fmt: skip
OTHER = UUID(int=9)


class TestFaults:
    def test_there_is_none_when_all_is_real(self) -> None:
        assert faults_of(GOOD, FIELDS) == {}

    @pytest.mark.parametrize(
        ("field", "value", "fault"),
        [
            *(("name", name, "placeholder") for name in ("测试", "test", "无", "未知", "？？", "x", "123")),
            *(("company", name, "placeholder") for name in ("暂无", "N/A", "none", "....")),
            ("phone", "+8613800000000", "placeholder"), ("phone", "+8611111111111", "placeholder"),
            ("email", "test@huawei.cn", "placeholder"), ("email", "wang@example.com", "placeholder"),
            ("value", 0, "placeholder"),
            *((field, None, "missing") for field in FIELDS),
        ],
    )  # fmt: skip
    def test_it_is_named_when_nothing_stands_there_or_as_good_as(
        self, field: Field, value: object, fault: str
    ) -> None:
        assert faults_of(GOOD | {field: value}, FIELDS) == {field: fault}

    @pytest.mark.parametrize("name", ["李", "欧阳修", "Jo", "Xiaoming", "3M", "张先生", "Test Rite 特力"])
    def test_a_short_or_strange_name_is_one_when_it_could_be(self, name: str) -> None:
        expected = {"name": "placeholder"} if len(name) == 1 else {}
        assert faults_of(GOOD | {"name": name}, ["name"]) == expected

    def test_a_phone_is_worth_nothing_when_an_earlier_lead_has_it(self) -> None:
        assert faults_of(GOOD | {"duplicate_of": OTHER}, FIELDS) == {"phone": "repeated"}


class TestKept:
    def test_shares_and_worst_ones_are_told_when_leads_are_mixed(self) -> None:
        bare = GOOD | {"id": UUID(int=2), "phone": None, "source": None, "name": "test"}
        found = kept([GOOD, bare, GOOD | {"id": UUID(int=3), "value": None}], ["name", "phone", "value"])
        assert (found.leads, found.filled, found.valid) == (
            3, {"name": 3, "phone": 2, "value": 2}, {"name": 2, "phone": 2, "value": 2},
        )  # fmt: skip
        assert [one.lead_id for one in found.worst] == [UUID(int=2), UUID(int=3)]
        assert found.score == pytest.approx(6 / 9)

    def test_there_is_no_score_when_there_are_no_leads(self) -> None:
        assert kept([], FIELDS).score is None

    @given(
        st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from([None, "test", "王伟"]),
                    "phone": st.sampled_from([None, "+8613800000000", "+8613912345670"]),
                    "duplicate_of": st.sampled_from([None, OTHER]),
                }
            ),
            max_size=20,
        )
    )
    def test_no_share_is_beyond_its_bounds(self, rows: list[dict[str, Any]]) -> None:
        leads = [GOOD | row | {"id": UUID(int=at)} for at, row in enumerate(rows)]
        found = kept(leads, FIELDS)
        for field in FIELDS:
            assert 0 <= found.valid[field] <= found.filled[field] <= len(rows)
        assert len(found.worst) <= WORST
        assert found.score is None or 0 <= found.score <= 1
