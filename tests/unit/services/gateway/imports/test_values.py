"""Amounts and dates as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.imports.values.amounts import UnclearAmount, read_amount
from services.gateway.imports.values.dates import UnclearDate, read_date


class TestReadAmount:
    @pytest.mark.parametrize(
        ("text", "amount"),
        [
            ("1054", "1054"), ("1,234,567.50", "1234567.50"), ("１２３４", "1234"), ("1.2万", "12000"),
            ("1.2 万元", "12000"), ("3千", "3000"), ("12k", "12000"), ("0.5亿", "50000000"), ("2w", "20000"),
            ("￥3,500", "3500"), ("¥ 1.2万", "12000"), ("12,000元整", "12000"), ("人民币1.5百万", "1500000"),
            ("RMB 300", "300"), ("300元", "300"), ("(0)", "0"), ("10 000", "10000"), ("3百万元", "3000000"),
            ("五", None), ("1.234,5", None), ("1,23", None), ("12,34,567", None), ("约12万", None),
            ("10-20万", None), ("1.38E+10", None), ("1e9", None), ("NaN", None), ("", None), ("-5", None),
            ("(1,200)", None), ("12%", None), ("1万2千", None), ("$5 CNY", None), ("9" * 400, None),
        ],
    )  # fmt: skip
    def test_is_what_it_says_or_refused_when_it_is_written_so(self, text: str, amount: str | None) -> None:
        if amount is None:
            with pytest.raises(UnclearAmount):
                read_amount(text, "CNY")
        else:
            assert read_amount(text, "CNY").amount == Decimal(amount)

    @pytest.mark.parametrize(
        ("text", "tenant", "currency"),
        [
            ("¥5", "CNY", "CNY"), ("¥5", "JPY", "JPY"), ("$5", "CNY", "USD"), ("$5", "HKD", "HKD"),
            ("US$5", "HKD", "USD"), ("5 USD", "CNY", "USD"), ("5美元", "CNY", "USD"), ("5", "CNY", None),
            ("€5", "CNY", "EUR"),
        ],
    )  # fmt: skip
    def test_names_the_currency_when_the_text_does(
        self, text: str, tenant: str, currency: str | None
    ) -> None:
        assert read_amount(text, tenant).currency == currency

    def test_is_refused_when_the_sign_is_of_two_currencies(self) -> None:
        with pytest.raises(UnclearAmount, match="yuan"):
            read_amount("¥5", "USD")

    def test_counts_in_the_headings_unit_unless_the_cell_has_one_of_its_own(self) -> None:
        ten_thousand = Decimal(10_000)
        assert read_amount("1.5", "CNY", ten_thousand).amount == 15_000
        assert read_amount("1.5万", "CNY", ten_thousand).amount == 15_000
        assert read_amount("300元", "CNY", ten_thousand).amount == 300
        assert read_amount("1.5", "CNY", ten_thousand).odd

    @given(st.decimals(min_value=0, max_value=10**12, places=2))
    def test_is_the_same_number_when_its_thousands_are_grouped(self, amount: Decimal) -> None:
        assert read_amount(f"{amount:,}", "CNY").amount == amount

    @given(st.text(max_size=80))
    def test_is_an_amount_or_refused_when_it_is_any_text(self, text: str) -> None:
        with suppress(UnclearAmount):
            assert read_amount(text, "CNY").amount >= 0


class TestReadDate:
    @pytest.mark.parametrize(
        "text",
        [
            "2025-02-03", "2025/2/3", "2025.2.3", "2025年2月3日", "2025年02月03号",
            "２０２５年２月３日", "20250203",
            "2025 - 2 - 3", "Feb 3, 2025", "3 Feb 2025", "3-Feb-2025", "February 3rd 2025", "Mon, 3 Feb 2025",
            "2025年2月3日 星期一", "45691", "2025/02/03 ",
        ],
    )  # fmt: skip
    def test_is_the_same_day_when_it_is_written_so(self, text: str) -> None:
        assert read_date(text) == date(2025, 2, 3)

    @pytest.mark.parametrize(
        "text",
        [
            "2025-02-03 14:30", "2025/2/3 14:30:00", "2025年2月3日 下午2:30", "2025年2月3日14时30分",
            "3 Feb 2025 2:30 PM", "2025-02-03T14:30:00", "45691.604166666664", "2025.2.3 14:30:00.000",
            "20250203 14:30", "Feb 3, 2025, 2:30 pm",
        ],
    )  # fmt: skip
    def test_is_the_same_moment_when_it_is_written_so(self, text: str) -> None:
        assert read_date(text) == datetime(2025, 2, 3, 14, 30)  # noqa: DTZ001 - in nobody's zone

    def test_keeps_its_zone_when_one_is_written(self) -> None:
        east = timezone(timedelta(hours=8))
        assert read_date("2025-02-03T14:30:00+08:00") == datetime(2025, 2, 3, 14, 30, tzinfo=east)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("2025-02-30", "no such day"), ("2025年13月1日", "no such day"), ("03/04/2025", "either order"),
            ("3-4-2025", "either order"), ("25/2/3", "no date"), ("明天", "no date"), ("2025-02", "no date"),
            ("12345", "no date"), ("99999", "no date"), ("2025-02-03 25:00", "no time"),
            ("2025-02-03 soon", "no time"), ("#N/A", "no date"), ("", "no date"),
        ],
    )  # fmt: skip
    def test_is_refused_with_the_reason_when_it_cannot_be_told(self, text: str, why: str) -> None:
        with pytest.raises(UnclearDate, match=why):
            read_date(text)

    @pytest.mark.parametrize("text", ["13/02/2025", "02/13/2025", "04/04/2025"])
    def test_is_read_when_only_one_order_of_day_and_month_is_possible(self, text: str) -> None:
        assert read_date(text) in (date(2025, 2, 13), date(2025, 4, 4))

    @given(st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31)))
    def test_is_the_same_day_when_a_spreadsheet_counts_it(self, day: date) -> None:
        assert read_date(str((day - date(1899, 12, 30)).days)) == day

    @given(st.text(max_size=80))
    def test_is_a_date_or_refused_when_it_is_any_text(self, text: str) -> None:
        with suppress(UnclearDate):
            assert isinstance(read_date(text), date)
