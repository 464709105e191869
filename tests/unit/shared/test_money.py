"""Money: exact, within the currency's decimals and the column's range."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import (
    CURRENCIES,
    BadMoney,
    Money,
    UnknownCurrency,
    convert,
    from_minor,
    to_minor,
    written,
)


class TestToMinor:
    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("12.34", "CNY", 1234),
            ("12.3", "CNY", 1230),
            ("500", "JPY", 500),
            ("1.234", "KWD", 1234),
            ("-0.01", "USD", -1),
        ],
    )
    def test_counts_in_the_currencys_smallest_unit_when_given_text(
        self, amount: str, currency: str, minor: int
    ) -> None:
        assert to_minor(Money.of(amount, currency)) == minor

    @pytest.mark.parametrize(("amount", "currency"), [("0.001", "CNY"), ("0.5", "JPY")])
    def test_refuses_when_there_are_more_decimals_than_the_currency_has(
        self, amount: str, currency: str
    ) -> None:
        with pytest.raises(BadMoney, match="decimals"):
            to_minor(Money.of(amount, currency))

    @pytest.mark.parametrize("amount", ["92233720368547758.08", "1E+30", "1E+999999"])
    def test_refuses_when_a_bigint_cannot_hold_it(self, amount: str) -> None:
        with pytest.raises(BadMoney, match="too large"):
            to_minor(Money.of(amount, "CNY"))

    def test_holds_the_largest_when_it_just_fits(self) -> None:
        assert to_minor(Money.of("92233720368547758.07", "CNY")) == 2**63 - 1

    @given(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(sorted(CURRENCIES)))
    def test_is_undone_by_from_minor_when_any_amount_is_taken(self, minor: int, currency: str) -> None:
        assert to_minor(from_minor(minor, currency)) == minor

    @given(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(sorted(CURRENCIES)))
    def test_is_written_as_its_amount_is_when_any_amount_is_taken(self, minor: int, currency: str) -> None:
        assert written(minor, currency) == format(from_minor(minor, currency).amount, "f")


class TestReading:
    @pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "twelve", "", "1,000", "sNaN"])
    def test_refuses_when_it_is_no_finite_number(self, amount: str) -> None:
        with pytest.raises(BadMoney):
            Money.of(amount, "CNY")

    @pytest.mark.parametrize("currency", ["", "cny", "XXX", "RMB", "\x00"])
    def test_refuses_when_the_currency_is_unknown(self, currency: str) -> None:
        with pytest.raises(UnknownCurrency):
            Money.of("1", currency)


class TestConvert:
    @pytest.mark.parametrize(("amount", "expected"), [("0.125", "0.12"), ("0.375", "0.38"), ("2", "2.00")])
    def test_rounds_half_to_even_when_a_fen_does_not_divide(self, amount: str, expected: str) -> None:
        assert convert(Money(Decimal(amount), "KWD"), Decimal(1), "CNY") == Money(Decimal(expected), "CNY")

    @pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
    def test_refuses_when_the_rate_is_not_positive(self, rate: str) -> None:
        with pytest.raises(BadMoney):
            convert(Money.of("1", "USD"), Decimal(rate), "CNY")
