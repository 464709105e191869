from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.normalising.companies import company_core
from services.leads.deduplication.likeness.rules import LEAST, likeness, parts_of
from tests.support.companies import Labelled, Part, Quality, labelled, matching, quality

cores = st.text("深圳市腾讯科技有华为上海/abc ", max_size=12).map(company_core)


def told(names: list[Labelled], least: float) -> Quality:
    """All pairs compared with one another: what a database's index leaves out is not left out here."""
    found = [company_core(each.name) for each in names]
    brands = [set(parts_of(core).brand) for core in found]
    return quality(names, {
        (one, other)
        for other in range(len(found))
        for one in range(other)
        if brands[one] & brands[other] and likeness(found[one], found[other]).score >= least
    })  # fmt: skip


class TestLikeness:
    @given(cores, cores)
    def test_it_is_the_same_whichever_comes_first(self, one: str, other: str) -> None:
        assert likeness(one, other).score == likeness(other, one).score
        assert 0.0 <= likeness(one, other).score <= 1.0

    @given(cores)
    def test_it_is_whole_when_both_are_the_same(self, core: str) -> None:
        assert likeness(core, core).score == 1.0

    @pytest.mark.parametrize(
        ("one", "other", "alike"),
        [
            ("深圳市腾讯计算机系统有限公司", "腾讯计算机系统(深圳)", True),
            ("深圳市腾讯计算机系统有限公司", "腾讯", True),
            ("北京字节跳动科技有限公司", "字节跳动", True),
            ("華為技術有限公司", "华为技术", True),
            ("Acme Falcon Technologies Co., Ltd.", "ACME FALCON TECHNOLOGIES", True),
            ("Acme Falcon Technologies Ltd", "Acme Falcon Tech. Inc.", True),
            ("上海振华重工设备有限公司", "上海振华重工设备备公司", True),
            ("深圳市腾讯科技有限公司", "深圳市腾达科技有限公司", False),
            ("长城汽车股份有限公司", "长城食品有限公司", False),
            ("深圳市顺达物流有限公司", "北京顺达物流有限公司", False),
            ("招商银行股份有限公司深圳分行", "招商银行股份有限公司北京分行", False),
            ("北京科技有限公司", "北京贸易有限公司", False),
        ],
    )
    def test_places_trades_and_slips_count_less_than_brands(self, one: str, other: str, alike: bool) -> None:
        assert (likeness(company_core(one), company_core(other)).score >= LEAST) == alike


class TestLabelledSet:
    def test_parts_share_no_company_and_no_brand(self) -> None:
        one, other = ({each.name for each in labelled(part, 300)} for part in ("train", "held_out"))
        assert not one & other

    def test_a_part_is_the_same_each_time(self) -> None:
        assert labelled("train", 50) == labelled("train", 50)
        assert matching(labelled("train", 50))

    def test_no_other_threshold_is_much_better_on_the_part_to_train_on(self) -> None:
        names = labelled("train", 300)
        chosen = told(names, LEAST).f1
        assert all(told(names, least / 100).f1 <= chosen + 0.02 for least in range(50, 100, 10))

    @pytest.mark.parametrize("part", ["train", "held_out"])
    def test_most_are_told_and_few_wrongly_on_either_part(self, part: Part) -> None:
        found = told(labelled(part, 300), LEAST)
        assert found.precision >= 0.92, found
        assert found.recall >= 0.88, found
