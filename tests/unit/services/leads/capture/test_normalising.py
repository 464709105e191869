"""Real spellings are read as their owners mean them, and what is none is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.normalising.companies import branch_of, company_core
from services.leads.capture.normalising.credit_codes import (
    BadCreditCode,
    check_character,
    normalised_credit_code,
)
from services.leads.capture.normalising.emails import BadEmail, normalised_email
from services.leads.capture.normalising.phones import (
    BadPhone,
    Phone,
    normalised_phone,
    normalised_phones,
    phone_of_key,
)
from services.leads.capture.normalising.regions import region_of
from services.leads.capture.normalising.wecom import BadWecomId, checked_wecom_id

SPELLINGS: dict[str, list[Any]] = json.loads(
    Path(__file__).with_name("spellings.json").read_text(encoding="utf-8")
)
PHONES = SPELLINGS["phones"]
FULL_WIDTH = str.maketrans("0123456789-() +", "０１２３４５６７８９－（）\u3000＋")
CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
extensions = st.none() | st.from_regex(r"[0-9]{1,6}", fullmatch=True)


@st.composite
def spelled(draw: st.DrawFn, number: str, extension: str | None) -> str:
    """A mobile number the way somebody might have written it."""
    between = draw(st.sampled_from(["", " ", "-", ".", "  "]))
    text = between.join((number[:3], number[3:7], number[7:]))
    country = draw(st.sampled_from(["", "+86", "+86 ", "0086 ", "0086-", "86 ", "(+86)", "（+86） "]))
    word = draw(st.sampled_from(["转", " 分机：", "x", " ext. ", "#", "（转", "-", " 內線 "]))
    ending = "" if extension is None else word + extension + ("）" if "（" in word else "")
    label = draw(st.sampled_from(["", "手机：", "Tel: ", "'"]))
    whole = f"{label}{country}{text}{ending}"
    return whole.translate(FULL_WIDTH) if draw(st.booleans()) else whole


class TestPhones:
    @pytest.mark.parametrize(("text", "region", "expected"), PHONES)
    def test_it_is_read_or_refused_with_its_reason_when_people_wrote_it(
        self, text: str, region: str, expected: list[str] | str
    ) -> None:
        if isinstance(expected, list):
            assert [phone.key for phone in normalised_phones(text, region)] == expected
            return
        with pytest.raises(BadPhone, match=expected) as refused:
            normalised_phones(text, region)
        assert "13800138000" not in (refused.value.detail or "")

    def test_there_are_enough_spellings_when_they_are_counted(self) -> None:
        assert len(PHONES) >= 150

    @given(st.data(), mobiles, extensions)
    def test_the_key_is_the_same_when_only_the_spelling_differs(
        self, data: st.DataObject, number: str, extension: str | None
    ) -> None:
        texts = [data.draw(spelled(number, extension)) for _ in range(3)]
        found = {normalised_phones(text, "CN") for text in texts}
        assert found == {(Phone(f"+86{number}", extension),)}

    @given(st.data(), st.lists(mobiles, min_size=1, max_size=3, unique=True))
    def test_each_number_is_read_in_its_place_when_one_cell_holds_several(
        self, data: st.DataObject, numbers: list[str]
    ) -> None:
        between = data.draw(st.sampled_from(["/", "、", ", ", ";", "；", " 或 ", "\n", " ", "|"]))
        text = between.join(data.draw(spelled(number, None)) for number in numbers)
        assert [phone.e164 for phone in normalised_phones(text, "CN")] == [f"+86{one}" for one in numbers]

    @given(mobiles, st.sampled_from([1, 2, 3]))
    def test_it_is_refused_when_digits_are_missing(self, number: str, missing: int) -> None:
        with pytest.raises(BadPhone, match=f"{11 - missing} digits"):
            normalised_phones(number[: 11 - missing], "CN")

    @given(st.text(max_size=60), st.sampled_from(["CN", "US"]))
    def test_any_text_is_read_or_refused_when_it_is_not_a_phone(self, text: str, region: str) -> None:
        with suppress(BadPhone):
            phones = normalised_phones(text, region)
            assert phones
            assert all(phone.e164.startswith("+") and phone.e164[1:].isdigit() for phone in phones)

    @pytest.mark.parametrize(("text", "region", "expected"), PHONES)
    def test_reading_changes_nothing_when_it_is_one_spelling_already(
        self, text: str, region: str, expected: list[str] | str
    ) -> None:
        for key in expected if isinstance(expected, list) else []:
            phone = phone_of_key(key)
            again = f"{phone.e164} ext. {phone.extension}" if phone.extension else phone.e164
            assert (normalised_phone(again, region), phone.key) == (phone, key)

    def test_it_is_refused_when_one_number_is_wanted_and_two_are_given(self) -> None:
        with pytest.raises(BadPhone, match="2 numbers"):
            normalised_phone("13800138000/13900139000", "CN")


class TestEmails:
    @pytest.mark.parametrize(("text", "expected"), SPELLINGS["emails"])
    def test_it_is_read_or_refused_when_people_wrote_it(self, text: str, expected: str | None) -> None:
        if expected is not None:
            assert normalised_email(text) == expected == normalised_email(expected)
            return
        with pytest.raises(BadEmail):
            normalised_email(text)

    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused_when_it_is_no_address(self, text: str) -> None:
        with suppress(BadEmail):
            assert normalised_email(normalised_email(text)) == normalised_email(text)


class TestCreditCodes:
    @pytest.mark.parametrize(("text", "expected"), SPELLINGS["credit_codes"])
    def test_it_is_read_or_refused_when_people_wrote_it(self, text: str, expected: str | None) -> None:
        if expected is not None:
            assert normalised_credit_code(text) == expected == normalised_credit_code(expected)
            return
        with pytest.raises(BadCreditCode):
            normalised_credit_code(text)

    @given(st.data(), st.from_regex(r"[159][1-9][0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}", fullmatch=True))
    def test_it_is_refused_when_one_character_is_another(self, data: st.DataObject, first: str) -> None:
        code = first + check_character(first)
        assert normalised_credit_code(code) == code
        place = data.draw(st.integers(8, 17))
        other = data.draw(st.sampled_from([one for one in CODE_ALPHABET if one != code[place]]))
        with pytest.raises(BadCreditCode):
            normalised_credit_code(code[:place] + other + code[place + 1 :])

    @given(st.data(), st.from_regex(r"91[0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}", fullmatch=True))
    def test_it_is_refused_when_two_neighbours_changed_places(self, data: st.DataObject, first: str) -> None:
        code = first + check_character(first)
        at = data.draw(st.integers(8, 16))
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        if swapped != code:
            with pytest.raises(BadCreditCode):
                normalised_credit_code(swapped)

    def test_the_character_is_named_when_it_looks_like_another(self) -> None:
        with pytest.raises(BadCreditCode, match="character 5 "):
            normalised_credit_code("9111O108551385082Q")


class TestWecomIds:
    def test_it_stays_as_it_is_when_it_is_one(self) -> None:
        assert checked_wecom_id("wmqfasd1e1927831123109rBAAAA") == "wmqfasd1e1927831123109rBAAAA"

    @pytest.mark.parametrize("text", ["zhangsan", "wm", "wx12345678901", "wm 12345678", "wm１２３４５６７８"])
    def test_it_is_refused_when_it_is_none(self, text: str) -> None:
        with pytest.raises(BadWecomId):
            checked_wecom_id(text)


class TestCompanies:
    @pytest.mark.parametrize(("core", "names"), SPELLINGS["companies"])
    def test_the_core_is_one_when_only_the_spelling_differs(self, core: str, names: list[str]) -> None:
        assert {company_core(name) for name in names} == {core}

    def test_they_stay_apart_when_they_are_different_companies(self) -> None:
        cores = [core for core, _ in SPELLINGS["companies"]]
        assert all(one != other for one, other in combinations(cores, 2))

    def test_a_branch_is_told_from_its_company_when_both_are_known(self) -> None:
        branch, whole = company_core("海尔集团公司青岛分公司"), company_core("海尔集团公司")
        assert (branch_of(branch), branch_of(whole)) == ("青岛分公司", "")

    @given(st.text(max_size=60))
    def test_any_text_has_a_core_when_it_is_no_company(self, text: str) -> None:
        core = company_core(text)
        assert core == core.strip().lower()


class TestPlaces:
    def test_the_zone_decides_when_it_lies_in_a_country(self) -> None:
        assert region_of("Asia/Shanghai", "USD") == "CN"

    def test_the_currency_decides_when_the_zone_is_nowhere(self) -> None:
        assert region_of("UTC", "CNY") == "CN"
        assert region_of("UTC", "EUR") == "US"
