from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from shared.errors import Invalid
from shared.money import CURRENCIES, BadMoney, Money, to_minor
from shared.web.wire import (
    Code,
    Day,
    Id,
    Int64,
    Line,
    MoneyIn,
    MoneyOut,
    Scalars,
    Seconds,
    Text,
    Timestamp,
    WireModel,
    chosen_by,
    parse,
    parse_each,
    to_json,
)

UUID_TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"


class Item(WireModel):
    name: Annotated[str, Line(10)]
    count: Int64 = 0
    value: MoneyIn | None = None


def refused(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return True
    return False


class TestText:
    @pytest.mark.parametrize("value", ["a", "  华为 ", "O'Neil; drop table", "👩‍💻", "x" * 10, "=1+1"])
    def test_accepted_when_a_person_could_write_it(self, value: str) -> None:
        assert TypeAdapter(Annotated[str, Line(10)]).validate_python(value[:10]) == value[:10].strip()

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "   ",
            "x" * 11,
            "a\x00",
            "a\x1b[31m",
            "a\nb",
            "\u202eabc",
            "a\u2066",
            "a\x85a",
            "a\ufeffb",
            5,
            None,
        ],
    )
    def test_line_is_refused_when_empty_long_hidden_or_no_text(self, value: object) -> None:
        assert refused(Annotated[str, Line(10)], value)

    def test_lines_are_accepted_when_the_text_may_have_them(self) -> None:
        assert TypeAdapter(Annotated[str, Text(10)]).validate_python("a\n\tb") == "a\n\tb"
        assert refused(Annotated[str, Text(10)], "a\u202eb")

    def test_schema_says_the_same_as_the_check_does(self) -> None:
        import re

        schema = TypeAdapter(Annotated[str, Line(10)]).json_schema()
        assert (schema["minLength"], schema["maxLength"]) == (1, 10)
        for bad in ("a\x00", "\u202e", "\x7f"):
            assert not re.search(schema["pattern"], bad)
        assert re.search(schema["pattern"], "华为 ok")


class TestIds:
    def test_accepted_when_canonical(self) -> None:
        assert str(TypeAdapter(Id).validate_python(UUID_TEXT.upper())) == UUID_TEXT

    @pytest.mark.parametrize(
        "value",
        [UUID_TEXT.replace("-", ""), "{" + UUID_TEXT + "}", "urn:uuid:" + UUID_TEXT, "x", "", 7, None],
    )
    def test_refused_when_in_another_form(self, value: object) -> None:
        assert refused(Id, value)


class TestTimes:
    def test_in_utc_when_given_with_an_offset(self) -> None:
        at = TypeAdapter(Timestamp).validate_python("2026-03-01T09:30:00+08:00")
        assert at == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
        assert TypeAdapter(Timestamp).dump_json(at) == b'"2026-03-01T01:30:00Z"'

    @pytest.mark.parametrize(
        "value",
        [
            "2026-03-01T09:30:00",
            "2026-03-01",
            "2026-02-30T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-03-01T09:30:00+99:00",
            "2026-03-01T25:00:00Z",
            "1772323200",
            1772323200,
            True,
            "",
        ],
    )
    def test_refused_when_not_a_time_with_a_zone_in_reach(self, value: object) -> None:
        assert refused(Timestamp, value)

    @pytest.mark.parametrize(
        "value", ["2026-02-30", "2026-3-1", "1899-12-31", "2200-01-01", "2026-03-01T00:00:00Z", 5]
    )
    def test_refused_when_not_a_date_in_reach(self, value: object) -> None:
        assert refused(Day, value)


class TestNumbers:
    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**23, "1", 1.0, True, None, float("nan")])
    def test_refused_when_no_64_bit_integer(self, value: object) -> None:
        assert refused(Int64, value)

    @pytest.mark.parametrize("value", [-1, 10**9, 1.5])
    def test_refused_when_no_duration(self, value: object) -> None:
        assert refused(Seconds, value)

    @pytest.mark.parametrize("value", ["", "-a", "a b", "x" * 65, "价格"])
    def test_refused_when_no_code(self, value: str) -> None:
        assert refused(Code, value)


class TestMoney:
    def test_exact_when_it_goes_in_and_out(self) -> None:
        money = MoneyIn(amount="1234.5", currency="CNY").money()
        assert money == Money(Decimal("1234.5"), "CNY")
        assert to_json(MoneyOut.of(money)) == b'{"amount":"1234.50","currency":"CNY"}'
        assert MoneyOut.of(Money(Decimal(7), "JPY")).amount == "7"

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("1.234", "CNY"),
            ("1.5", "JPY"),
            ("1e5", "CNY"),
            ("-1", "CNY"),
            ("12万", "CNY"),
            ("NaN", "CNY"),
            ("9" * 16, "CNY"),
            ("1", "XXY"),
            ("1", "cny"),
            (1, "CNY"),
            (1.5, "CNY"),
        ],
    )
    def test_refused_when_no_amount_of_that_currency(self, amount: object, currency: str) -> None:
        assert refused(MoneyIn, {"amount": amount, "currency": currency})

    @given(
        st.integers(0, 10**15 - 1),
        st.integers(0, 9999),
        st.integers(0, 4),
        st.sampled_from(sorted(CURRENCIES)),
    )
    def test_refused_exactly_where_minor_units_are_when_any_amount_is_given(
        self, before: int, behind: int, decimals: int, currency: str
    ) -> None:
        amount = f"{before}.{behind:04d}"[: len(str(before)) + 1 + decimals].rstrip(".")
        try:
            to_minor(Money.of(amount, currency))
        except BadMoney:
            assert refused(MoneyIn, {"amount": amount, "currency": currency})
        else:
            assert not refused(MoneyIn, {"amount": amount, "currency": currency})


class TestScalars:
    def test_accepted_when_scalars_within_8_kib(self) -> None:
        assert not refused(Scalars, {"a": 1, "b": "x", "c": None, "d": 1.5, "e": False})

    @pytest.mark.parametrize(
        "value", [{"a": []}, {"a": {}}, {"": 1}, {"x" * 65: 1}, {"a": "x" * 9000}, {"a": 2**63}, [], None]
    )
    def test_refused_when_nested_large_or_badly_named(self, value: object) -> None:
        assert refused(Scalars, value)

    @pytest.mark.parametrize("value", [{"a": "x\u202ey"}, {"a": "x\u0007"}, {"a\u2066": 1}, {"a\n": 1}])
    def test_refused_when_a_text_would_fool_its_reader(self, value: dict[str, Any]) -> None:
        assert refused(Scalars, value)

    def test_said_once_under_its_own_name_when_a_value_is_no_scalar(self) -> None:
        with pytest.raises(ValidationError) as raised:
            TypeAdapter(Scalars).validate_python({"a": [1]}, strict=True)
        assert [(each["loc"], each["type"]) for each in raised.value.errors()] == [(("a",), "wrong_type")]


class Cut(WireModel):
    do: Literal["cut"]
    length_cm: int


class Paint(WireModel):
    do: Literal["paint"]
    colours: list[str]


class Job(WireModel):
    steps: list[Annotated[Cut | Paint, Field(discriminator="do"), chosen_by("do", Cut, Paint)]]


class TestChosenBy:
    def test_the_model_is_that_of_the_word_when_it_is_one_of_them(self) -> None:
        steps = [{"do": "cut", "length_cm": 3}, {"do": "paint", "colours": ["red"]}]
        assert parse(Job, {"steps": steps}).steps == [
            Cut(do="cut", length_cm=3), Paint(do="paint", colours=["red"]),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("step", "pointer", "code"),
        [
            ({"do": "cut", "length_cm": "3"}, "/steps/0/length_cm", "wrong_type"),
            ({"do": "paint", "colours": [1]}, "/steps/0/colours/0", "wrong_type"),
            ({"do": "cut", "length_cm": 3, "colours": []}, "/steps/0/colours", "unknown_field"),
            ({"do": "fly"}, "/steps/0", "unknown_value"),
            ({"do": ["cut"]}, "/steps/0", "unknown_value"),
            ({}, "/steps/0", "required"),
            ("cut", "/steps/0", "wrong_type"),
        ],
    )
    def test_the_pointer_is_that_of_the_request_when_something_is_wrong(
        self, step: object, pointer: str, code: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            parse(Job, {"steps": [step]})
        assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]


class TestParse:
    def test_pointers_begin_at_the_item_when_one_of_a_batch_is_bad(self) -> None:
        with pytest.raises(Invalid) as refused_:
            parse(Item, {"name": 5, "value": {"amount": "x", "currency": "CNY"}, "a/b~c": 1}, "/items/3")
        found = {(error.pointer, error.code) for error in refused_.value.errors}
        assert found == {
            ("/items/3/name", "wrong_type"),
            ("/items/3/value/amount", "bad_format"),
            ("/items/3/a~1b~0c", "unknown_field"),
        }

    def test_at_most_a_hundred_errors_are_listed_when_all_is_wrong(self) -> None:
        with pytest.raises(Invalid) as refused_:
            parse(Item, {str(number): 0 for number in range(1000)})
        assert len(refused_.value.errors) == 100

    @pytest.mark.parametrize("bad", [{"name": 5}, {"name": "a\0"}, {"name": "a", "count": 2**70}, 7, {}])
    def test_the_others_are_taken_when_one_of_several_is_bad(self, bad: object) -> None:
        good, wrong, last = parse_each(Item, [{"name": "first"}, bad, {"name": "last"}])
        assert (good, last) == (Item(name="first"), Item(name="last"))
        with pytest.raises(Invalid) as refused_:
            parse(Item, bad)
        assert isinstance(wrong, Invalid)
        assert wrong.errors == refused_.value.errors

    def test_nothing_is_told_when_there_are_none(self) -> None:
        assert parse_each(Item, []) == []
