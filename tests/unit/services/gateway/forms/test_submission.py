"""What people leave, read by what a form asks; and the lead that it becomes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from services.gateway.forms.asked import ConsentShown, Fixed, PurposeAsked
from services.gateway.forms.submission import (
    MOST_FIELDS,
    BadSubmission,
    FormUnreadable,
    as_asked,
    form_data,
    lead_of,
    read,
)
from shared.errors import FieldError
from tests.unit.services.gateway.forms.making import form, shown

OPTIONS = {"options": [{"value": "crm"}, {"value": "erp"}]}
CONSENT = ConsentShown(
    purposes=[PurposeAsked(purpose="contact", required=True), PurposeAsked(purpose="marketing")]
)


def faults(*fields: Any, given: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(BadSubmission) as refused:
        read(form(*fields, **more), given)
    return [(each.pointer, each.code) for each in refused.value.errors]


class TestFormData:
    def test_lists_only_what_stands_several_times_when_a_page_sends_it(self) -> None:
        sent = urlencode([("name", "王 伟"), ("a", "1"), ("a", "2"), ("a", "3"), ("b", "")]).encode()
        assert form_data(sent) == {"name": "王 伟", "a": ["1", "2", "3"], "b": ""}

    @pytest.mark.parametrize(
        "body", [b"name=%ff", "name=王".encode(), b"&".join([b"a=1"] * (MOST_FIELDS + 1))]
    )
    def test_refused_when_no_browser_would_send_it(self, body: bytes) -> None:
        with pytest.raises(FormUnreadable):
            form_data(body)


class TestRead:
    @pytest.mark.parametrize(
        ("kind", "given", "value"),
        [
            ("text", " a ", "a"), ("phone", "138", "138"), ("money", "12,000.5", "12000.5"),
            ("money", 12, "12"), ("integer", "12", 12), ("integer", 12, 12), ("number", "1.5", 1.5),
            ("number", "2", 2),
            ("boolean", "on", True), ("boolean", False, False), ("boolean", "no", False),
            ("choice", "crm", "crm"), ("choices", ["erp", "crm", "erp"], "erp;crm"),
            ("choices", "crm", "crm"),
        ],
    )  # fmt: skip
    def test_each_kind_has_its_value_when_it_is_well_filled_in(
        self, kind: str, given: Any, value: Any
    ) -> None:
        asked = form(shown("name"), shown("custom.x", kind, **OPTIONS))
        assert read(asked, {"name": "n", "custom.x": given}).values == {"name": "n", "custom.x": value}

    @pytest.mark.parametrize(
        ("kind", "given", "code"),
        [
            ("text", 5, "wrong_type"), ("text", ["a", "b"], "repeated_field"),
            ("text", {"a": 1}, "wrong_type"),
            ("money", "12万", "bad_format"), ("money", True, "bad_format"), ("money", "-1", "bad_format"),
            ("integer", "1.5", "not_an_integer"), ("integer", True, "not_an_integer"),
            ("number", "1e9", "not_a_number"), ("number", "nan", "not_a_number"),
            ("boolean", "perhaps", "not_a_boolean"), ("choice", "scrm", "unknown_value"),
            ("choice", 3, "unknown_value"), ("choices", ["crm", "x"], "unknown_value"),
            ("choices", ["crm", ["x"]], "unknown_value"), ("choices", ["crm"] * 201, "too_long"),
        ],
    )  # fmt: skip
    def test_the_field_is_named_when_it_is_not_well_filled_in(self, kind: str, given: Any, code: str) -> None:
        fields = shown("name"), shown("custom.x", kind, **OPTIONS)
        assert faults(*fields, given={"name": "n", "custom.x": given}) == [("/custom.x", code)]

    def test_every_fault_is_named_when_there_are_several(self) -> None:
        fields = (
            shown("name", required=True),
            shown("phone", "phone"),
            shown("custom.ok", "boolean", required=True),
        )
        given = {"name": " ", "custom.ok": "no", "lead_id": "1", "a/b~c": "", "consent": "contact"}
        assert faults(*fields, given=given) == [
            ("/lead_id", "unknown_field"),
            ("/a~1b~0c", "unknown_field"),
            ("/consent", "unknown_field"),
            ("/name", "required"),
            ("/custom.ok", "required"),
        ]

    def test_somebody_has_to_be_named_when_nothing_was_required(self) -> None:
        assert faults(shown("region"), shown("phone", "phone"), given={"region": "x"}) == [
            ("/phone", "required")
        ]

    def test_nothing_is_sent_without_it_when_a_purpose_is_required(self) -> None:
        assert faults(given={"name": "n"}, consent=CONSENT) == [("/consent", "required")]
        given = {"name": "n", "consent": ["contact", "sharing"]}
        assert faults(given=given, consent=CONSENT) == [("/consent", "unknown_value")]
        odd = {"name": "n", "consent": [["contact"]]}
        assert faults(given=odd, consent=CONSENT) == [("/consent", "unknown_value")]
        left = read(form(consent=CONSENT), {"name": "n", "consent": ["marketing", "contact"]})
        assert left.purposes == ("contact", "marketing")

    def test_a_program_is_known_when_it_fills_in_what_nobody_sees(self) -> None:
        assert read(form(), {"name": "n", "homepage": "https://spam.example"}).trapped
        assert not read(form(), {"name": "n", "homepage": ""}).trapped


class TestLead:
    def test_it_has_what_was_left_and_what_is_fixed_when_it_goes_to_leads(self) -> None:
        asked = form(
            shown("name"), shown("value", "money"), shown("region"), shown("custom.size", "integer"),
            fixed=Fixed(source="fair", channel="offline", region="east", tags=["a"]), consent=CONSENT,
        )  # fmt: skip
        given = {"name": "n", "value": "12", "region": "west", "custom.size": "3", "consent": "contact"}
        code = Fixed(channel="poster", campaign="spring", tags=["b"])
        body = lead_of(asked, read(asked, given), code, "CNY")
        assert body == {
            "name": "n", "value": {"amount": "12", "currency": "CNY"}, "region": "west",
            "custom": {"size": 3},
            "source": "fair", "channel": "poster", "campaign": "spring", "tags": ["a", "b"],
            "consent": {"purposes": ["contact"], "how": "form", "evidence": f"form {asked.id}"},
        }  # fmt: skip

    def test_it_says_nothing_of_consent_when_they_agreed_to_nothing(self) -> None:
        asked = form(consent=ConsentShown(purposes=[PurposeAsked(purpose="marketing")]))
        assert lead_of(asked, read(asked, {"name": "n"}), None, "") == {"name": "n"}

    def test_faults_are_told_by_the_names_of_the_form_when_leads_finds_them(self) -> None:
        asked = form(shown("phone", "phone"), shown("value", "money"), shown("custom.size", "integer"))
        pointers = ["/value/amount", "/custom/size", "/custom/other", "/source", "/name", ""]
        found = as_asked(asked, [FieldError(each, "bad", "x") for each in pointers])
        assert [each.pointer for each in found] == ["/value", "/custom.size", "/phone"]
