"""What a form may look like, and where it may lead."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.gateway.forms.asked import Asked, Fixed, Label, Option
from services.gateway.forms.models import FormIn
from services.gateway.forms.rules import (
    KEY,
    LABELS,
    RESERVED,
    BadForm,
    check_asked,
    https_url,
    origin_fault,
    plain_shown,
)
from services.gateway.forms.use_cases import new_key


class TestAsked:
    def test_every_place_is_named_when_several_are_at_fault(self) -> None:
        fields = [
            Asked(field="region", options=[Option(value="a"), Option(value="a")]),
            Asked(field="region"),
            Asked(field="value", options=[Option(value="1")]),
        ]
        with pytest.raises(BadForm) as refused:
            check_asked(fields)
        assert {(each.pointer, each.code) for each in refused.value.errors} == {
            ("/fields/0/options/1/value", "repeated_option"),
            ("/fields/1/field", "repeated_field"),
            ("/fields/2/options", "not_a_choice"),
            ("/fields", "nameless_lead"),
        }

    @pytest.mark.parametrize("field", ["name", "company", "phone", "email"])
    def test_fine_when_one_field_says_who_it_is(self, field: str) -> None:
        check_asked([Asked(field=field)])

    @pytest.mark.parametrize("field", ["owner_id", "source", "custom.", "custom.a b", *sorted(RESERVED)])
    def test_refused_when_no_lead_has_such_a_field_or_it_is_not_theirs_to_say(self, field: str) -> None:
        with pytest.raises(ValidationError):
            Asked(field=field)

    def test_the_label_and_the_kind_are_ours_when_none_is_given(self) -> None:
        shown = plain_shown(Asked(field="phone", required=True))
        assert (shown.label, shown.kind, shown.required) == (LABELS["phone"], "phone", True)
        chosen = plain_shown(Asked(field="product", label=Label(en="Which"), options=[Option(value="crm")]))
        assert (chosen.label.of("zh"), chosen.kind) == ("Which", "choice")


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "https://www.example.com",
            "https://www.example.com:8443/thanks?from=form&x=%E4%B8%AD#end",
            "https://xn--fiq228c.example.cn/",
        ],
    )
    def test_fine_when_it_is_a_whole_https_address(self, url: str) -> None:
        assert https_url(url) is None

    @pytest.mark.parametrize(
        "url",
        [
            "http://www.example.com", "//www.example.com", "/thanks", "javascript:alert(1)",
            "https://", "https://localhost/", "https://user@www.example.com/", "https://a:b@www.example.com/",
            "https://www.example.com/\r\nSet-Cookie: a=b", "https://www.example.com/ x", "https://例子.cn/",
            'https://www.example.com/"><script>', "https://www.example.com:99999/", "https://www.example.com\\@evil.com",
            "https://www.example.com;script-src *",
        ],
    )  # fmt: skip
    def test_refused_when_it_is_no_address_to_send_people_to(self, url: str) -> None:
        assert https_url(url) is not None
        with pytest.raises(ValidationError):
            FormIn(name="f", title=Label(en="t"), fields=[Asked(field="name")], redirect_url=url)

    @pytest.mark.parametrize("origin", ["https://www.example.com", "http://localhost:3000"])
    def test_fine_when_an_origin_is_as_browsers_write_it(self, origin: str) -> None:
        assert origin_fault(origin) is None

    @pytest.mark.parametrize(
        "origin",
        ["*", "null", "https://*.example.com", "https://www.example.com/", "https://WWW.example.com", "ftp://a.b",
         "www.example.com", "https://a.b:0", "https://a.b:", "https://a.b; script-src *", "https://a.b https://c.d"],
    )  # fmt: skip
    def test_refused_when_an_origin_is_none(self, origin: str) -> None:
        assert origin_fault(origin) is not None


class TestKeys:
    def test_no_two_are_alike_and_each_is_one_when_made(self) -> None:
        keys = {new_key() for _ in range(1000)}
        assert len(keys) == 1000
        assert all(KEY.fullmatch(key) for key in keys)


class TestFixed:
    def test_what_the_code_says_goes_first_when_both_say_it(self) -> None:
        form = Fixed(source="fair", channel="offline", campaign="spring", tags=["a", "b"])
        code = Fixed(channel="poster", campaign="autumn", tags=["b", "c"])
        assert code.over(form) == Fixed(
            source="fair", channel="poster", campaign="autumn", tags=["a", "b", "c"]
        )
        assert Fixed().over(form) == form
