"""Headings as files have them, and what columns they come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.gateway.imports.corrections import (
    added_columns,
    as_meant,
    defused,
    header_to_correct,
    row_to_correct,
)
from services.gateway.imports.files.table import WrongHeader
from services.gateway.imports.headings.columns import columns_of, fits_of
from services.gateway.imports.headings.folding import fingerprint, folded
from services.gateway.imports.mapping import DealsMapping
from services.gateway.imports.mapping_file import default_mapping, load_mapping
from services.gateway.imports.stages import OPEN, stage_of, stage_words
from shared.ids import new_id

LEADS, DEALS = default_mapping("leads"), DealsMapping(shape="deals")


def fields(kind: str, *header: str) -> dict[str, str]:
    found = columns_of(default_mapping(kind), header).fields_of()
    return {header[at]: name for at, name in found.items()}


class TestFolded:
    @pytest.mark.parametrize(
        "text",
        [
            "手机号码",
            " 手 机 号 码 ",
            "手机号码(必填)",
            "*手机号码：",
            "手機號碼",
            "手机号码【11位】",
            "手机_号码",
        ],
    )
    def test_is_one_name_when_it_is_spelt_so(self, text: str) -> None:
        assert folded(text).name == "手机号码"

    @pytest.mark.parametrize(
        ("text", "factor", "currency"),
        [
            ("金额", None, None), ("金额(元)", 1, None), ("金额（万元）", 10_000, None),
            ("金额[单位：万]", 10_000, None),
            ("Amount (k USD)", 1000, "USD"), ("金额(人民币/元)", 1, "CNY"), ("金额（亿）", 100_000_000, None),
            ("金额(美元)", None, "USD"), ("金额（万元人民币）", 10_000, "CNY"),
            ("金额（万美元）", 10_000, "USD"), ("金额（百万港元）", 1_000_000, "HKD"),
            ("Amount ($m)", 1_000_000, "USD"), ("Amount (EUR)", None, "EUR"), ("Amount (US$k)", 1_000, "USD"),
            ("金额（万人民币）", 10_000, "CNY"),
        ],
    )  # fmt: skip
    def test_keeps_what_amounts_are_counted_in_when_the_heading_says_it(
        self, text: str, factor: int | None, currency: str | None
    ) -> None:
        found = folded(text)
        assert found.name in ("金额", "amount")
        assert (found.factor, found.currency) == (None if factor is None else Decimal(factor), currency)


class TestColumns:
    def test_are_those_of_the_story_when_a_company_moves_in(self) -> None:
        assert fields("history", "客户名称", "手机", "金额", "负责人", "状态", "创建时间", "成交时间") == {
            "客户名称": "name", "手机": "phone", "金额": "value", "负责人": "owner", "状态": "stage",
            "创建时间": "started", "成交时间": "closed",
        }  # fmt: skip

    def test_leaves_a_heading_to_the_tenants_own_field_when_it_has_one_of_that_name(self) -> None:
        assert fields("leads", "姓名", "市场活动") == {"姓名": "name", "市场活动": "campaign"}
        header = ("姓名", "是否同意", "授权日期", "同意方式")
        named = {"是否同意": "consent", "授权日期": "consent_at", "同意方式": "consent_how"}
        assert fields("leads", *header) == {"姓名": "name"} | named
        own = columns_of(LEADS, header, {"agreed": ["agreed", "是否 同意"]})
        assert (own.custom, "consent" in own.places) == ({"agreed": 1}, False)

    def test_makes_a_customer_the_company_when_a_contact_has_a_column(self) -> None:
        assert fields("leads", "客户名称", "联系人") == {"客户名称": "company", "联系人": "name"}
        assert fields("leads", "客户名称", "公司名称", "联系人") == {"公司名称": "company", "联系人": "name"}

    def test_takes_all_phones_and_the_plainest_of_other_fields_when_several_columns_could_be(self) -> None:
        found = columns_of(LEADS, ("姓名", "电话", "手机", "线索来源", "来源"))
        assert found.places["phone"] == (2, 1)
        assert found.joined == {"phone"}
        assert found.places["source"] == (4,)
        assert 3 not in found.fields_of()

    def test_fill_custom_fields_when_they_are_called_as_these(self) -> None:
        found = columns_of(LEADS, ("姓名", "员工 人数", "Staff"), {"staff": ["staff", "员工人数"]})
        assert found.custom == {"staff": 1}

    @pytest.mark.parametrize("header", [("颜色", "大小"), ("备注",), ("",)])
    def test_are_refused_when_nothing_says_whom_rows_are_about(self, header: tuple[str, ...]) -> None:
        with pytest.raises(WrongHeader, match="'name'"):
            columns_of(LEADS, header)

    def test_are_refused_when_a_history_has_no_stage(self) -> None:
        with pytest.raises(WrongHeader, match="'stage'"):
            columns_of(DEALS, ("客户名称", "金额"))

    @pytest.mark.parametrize("mapping", ["columns: {name: 姓名, value: 金额（万澳元）}", "source: file"])
    def test_are_refused_when_nobody_knows_what_amounts_are_counted_in(self, mapping: str) -> None:
        with pytest.raises(WrongHeader, match="万澳元"):
            columns_of(load_mapping(mapping, "leads"), ("姓名", "金额（万澳元）"))
        assert "value" not in columns_of(LEADS, ("姓名", "规模（千人）")).places

    def test_are_found_however_they_are_spelt_when_a_mapping_names_them(self) -> None:
        mapping = load_mapping("columns: {name: 客户 名称, phone: Tel}", "leads")
        assert columns_of(mapping, ("TEL.", "客户名称*")).places == {"name": (1,), "phone": (0,)}
        assert fits_of(mapping)(("x", "tel")) == 1

    def test_have_one_fingerprint_when_only_order_and_spelling_differ(self) -> None:
        assert fingerprint(("姓名", "手机(必填)")) == fingerprint(("手 机", "姓名"))
        assert fingerprint(("姓名", "手机")) != fingerprint(("姓名", "电话"))


class TestStages:
    def test_are_the_pipelines_by_key_and_by_either_language_when_the_file_says_so(self) -> None:
        words = stage_words([("negotiation", "谈判 Negotiation"), ("demo", "产品展示 Product demo")])
        found = {
            word: stage_of(word, DEALS, words) for word in ("谈判", "DEMO", "赢单", "输单", "跟进中", "飞")
        }
        assert found == {
            "谈判": "negotiation", "DEMO": "demo", "赢单": "won", "输单": "lost", "跟进中": OPEN, "飞": None,
        }  # fmt: skip


class TestCorrections:
    @pytest.mark.parametrize(
        "cell", ["=1+1", "+8613800138000", "-5", "@SUM(A1)", "\t=1", "＝1", "'quoted", "plain", "", "''"]
    )
    def test_means_what_was_sent_when_a_defused_cell_comes_back(self, cell: str) -> None:
        assert as_meant(defused(cell)) == cell
        assert not defused(cell).startswith(("=", "+", "-", "@", "\t", "＝"))

    def test_is_known_by_its_header_and_not_added_to_twice(self) -> None:
        import_id = new_id()
        header = header_to_correct(import_id, ["姓名", "手机"])
        ours = added_columns(header)
        assert (ours.import_id, ours.line_of(9, ["7", "why", "王", "1"])) == (import_id, 7)
        again = header_to_correct(new_id(), header)
        assert again[2:] == ["姓名", "手机"]
        assert row_to_correct(header, 3, ["7", "why", "王", "1"], "because") == ["3", "because", "王", "1"]
        assert added_columns(["姓名"]).line_of(9, ["王"]) == 9
