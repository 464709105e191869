from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.normalising.emails import BadEmail, normalised_email
from services.leads.normalising.phones import BadPhone, Phone, normalised_phone
from services.leads.normalising.regions import region_of


class TestPhones:
    @pytest.mark.parametrize(
        ("text", "region", "phone"),
        [
            ("１３８-0013 8000转802", "CN", Phone("+8613800138000", "802")),
            ("13800138000", "CN", Phone("+8613800138000", None)),
            ("13800138000", "US", Phone("+8613800138000", None)),
            ("0086 138 0013 8000", "US", Phone("+8613800138000", None)),
            ("010-6234 5678 分机：12", "CN", Phone("+861062345678", "12")),
            ("(650) 253-0000", "US", Phone("+16502530000", None)),
            ("+44 20 7946 0958", "CN", Phone("+442079460958", None)),
        ],
    )
    def test_it_is_e164_when_written_as_people_write(self, text: str, region: str, phone: Phone) -> None:
        assert normalised_phone(text, region) == phone

    @pytest.mark.parametrize(
        "text", ["1380013800", "+86 1380013800", "12", "phone", "", "+", "138001380001234567890"]
    )
    @pytest.mark.parametrize("region", ["CN", "US"])
    def test_it_is_refused_when_no_such_number_can_be(self, text: str, region: str) -> None:
        with pytest.raises(BadPhone):
            normalised_phone(text, region)

    def test_the_extension_is_part_of_the_key_when_there_is_one(self) -> None:
        assert normalised_phone("13800138000 x 5", "CN").key == "+8613800138000;ext=5"

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_refused_when_it_is_not_a_phone(self, text: str) -> None:
        with suppress(BadPhone):
            assert normalised_phone(text, "CN").e164.startswith("+")


class TestEmails:
    def test_case_and_width_are_unified_when_it_is_an_address(self) -> None:
        assert normalised_email(" Ａnna.Li@Example.COM ") == "anna.li@example.com"

    @pytest.mark.parametrize("text", ["a", "a@", "@b.c", "a@b", "a b@c.de", "a@b..c", "a@-b.c", "a@b.c@d.e"])
    def test_it_is_refused_when_it_is_no_address(self, text: str) -> None:
        with pytest.raises(BadEmail):
            normalised_email(text)


class TestPlaces:
    def test_the_zone_decides_when_it_lies_in_a_country(self) -> None:
        assert region_of("Asia/Shanghai", "USD") == "CN"

    def test_the_currency_decides_when_the_zone_is_nowhere(self) -> None:
        assert region_of("UTC", "CNY") == "CN"
        assert region_of("UTC", "EUR") == "US"
