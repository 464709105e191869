"""The page of a form: whole for everybody, and nobody's words but as words."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from services.gateway.forms.asked import ConsentShown, Label, Paragraph, PurposeAsked
from services.gateway.forms.page import form_page, headers_of, message_page
from services.gateway.forms.rules import Form
from shared.errors import FieldError
from tests.unit.services.gateway.forms.making import form, shown

BAD = "\"'><script>alert(1)</script>&lt;"


class Seen(HTMLParser):
    """Tags with their attributes, as a browser reads them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: V105 - the parser's
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:  # noqa: V105 - the parser's
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def everywhere(text: str) -> Form:
    label, option = {"en": text}, {"value": text, "label": {"en": text}}
    return form(
        shown("name", label=label), shown("region", "choice", label=label, options=[option]),
        shown("custom.x", "choices", label=label, options=[option]),
        shown("custom.z", "boolean", label=label), shown("custom.y", "long_text", label=label),
        title=Label(en=text), intro=Paragraph(en=text), thanks=Paragraph(en=text),
        consent=ConsentShown(purposes=[PurposeAsked(purpose="contact", label=Label(en=text))], wording=text),
    )  # fmt: skip


class TestEscaping:
    def test_no_tag_is_more_than_the_same_page_has_when_everybody_writes_tags(self) -> None:
        pages = []
        for text in ("plain", BAD):
            given = {"name": text, "region": text, "custom.x": text, "custom.y": text, "custom.z": text}
            errors = [FieldError("/name", text, text), FieldError(f"/{text}", "required", text)]
            page = form_page(
                everywhere(text), "en", submission=text, via=text, given=given, errors=errors, told=text
            )
            pages.append(Seen(page))
        plain, bad = pages
        assert [(tag, sorted(attributes)) for tag, attributes in bad.tags] == [
            (tag, sorted(attributes)) for tag, attributes in plain.tags
        ]
        assert bad.text == plain.text.replace("plain", BAD)
        assert bad.of("script") == []

    def test_a_message_is_text_when_it_holds_tags(self) -> None:
        seen = Seen(message_page(BAD, BAD, "zh"))
        assert (seen.of("script"), BAD in seen.text) == ([], True)


class TestAccess:
    def test_every_control_has_a_label_when_it_is_shown(self) -> None:
        seen = Seen(form_page(everywhere("x"), "en", submission="s", via=None, given={}))
        labelled = {each.get("for") for each in seen.of("label")}
        controls = [each for tag in ("input", "select", "textarea") for each in seen.of(tag)]
        shown_ones = [each for each in controls if each.get("type") != "hidden" and each.get("id")]
        assert {each["id"] for each in shown_ones} <= labelled
        assert len(shown_ones) > 3

    def test_what_is_wrong_stands_at_its_field_when_it_is_shown_again(self) -> None:
        page = form_page(
            form(), "zh", submission="s", via=None, given={"name": "王"},
            errors=[FieldError("/phone", "bad_phone", "not a number")], told="请检查",
        )  # fmt: skip
        seen = Seen(page)
        [phone] = [each for each in seen.of("input") if each.get("name") == "phone"]
        assert phone["aria-invalid"] == "true"
        assert any(each.get("id") == phone["aria-describedby"] for each in seen.of("p"))
        [name] = [each for each in seen.of("input") if each.get("name") == "name"]
        assert name["value"] == "王"
        assert "请填写正确的电话号码。" in seen.text

    @pytest.mark.parametrize(("language", "lang", "title"), [("zh", "zh-CN", "预约"), ("en", "en", "Book")])
    def test_it_says_its_language_when_it_is_read_aloud(self, language: str, lang: str, title: str) -> None:
        seen = Seen(form_page(form(), language, submission="s", via=None, given={}))  # type: ignore[arg-type]
        assert seen.of("html") == [{"lang": lang}]
        assert title in seen.text

    def test_no_box_is_ticked_when_nobody_ticked_it(self) -> None:
        asked = form(consent=ConsentShown(purposes=[PurposeAsked(purpose="contact")]))
        boxes = [
            each
            for each in Seen(form_page(asked, "en", submission="s", via=None, given={})).of("input")
            if each.get("type") == "checkbox"
        ]
        assert [sorted(box) for box in boxes] == [["name", "type", "value"]]


class TestPolicy:
    def test_only_its_own_style_is_taken_when_a_browser_shows_it(self) -> None:
        page = form_page(form(), "en", submission="s", via=None, given={}).decode()
        style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = headers_of(form())["Content-Security-Policy"]
        assert f"style-src 'sha256-{digest}';" in policy
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy

    def test_the_sites_it_names_may_frame_it_and_the_page_after_it_may_follow_when_it_names_them(
        self,
    ) -> None:
        named = form(origins=("https://www.example.com",), redirect_url="https://shop.example.com/thanks?a=1")
        policy = headers_of(named)["Content-Security-Policy"]
        assert "frame-ancestors https://www.example.com" in policy
        assert "form-action 'self' https://shop.example.com;" in policy
