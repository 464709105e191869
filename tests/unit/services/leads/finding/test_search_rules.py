from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.normalising.texts import folded
from services.leads.finding.search.rules import exact_term, search_for, search_text, text_terms

TENANT = UUID("0192f0c1-7c5e-7000-8000-0123456789ab")
OTHER = UUID("0192f0c1-7c5e-7000-8000-0123456789ac")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def found(query: str, *fields: str) -> bool:
    """Whether the index would find the text and the pattern confirm it, as the database does."""
    text = search_text(fields)
    search = search_for(TENANT, query)
    return set(map(str, search.terms)) <= text_terms(TENANT, text) and all_in(text, search.patterns)


def all_in(text: str, patterns: Iterable[str]) -> bool:
    """What SQL's `like` says of patterns that any characters may precede and follow."""
    return all(
        pattern[1:-1].replace("\\%", "%").replace("\\_", "_").replace("\\\\", "\\") in text
        for pattern in patterns
    )


class TestNormalising:
    def test_simplified_and_traditional_agree_when_only_the_script_differs(self) -> None:
        assert folded("華為技術") == folded("华为技术")

    def test_full_width_and_case_are_unified_when_text_is_latin(self) -> None:
        assert folded("  ＡＣＭＥ   Corp ") == "acme corp"

    @given(texts)
    def test_nothing_changes_when_done_twice(self, text: str) -> None:
        once = folded(text)
        assert folded(once) == once or len(once) != len(text)

    def test_control_characters_become_spaces_when_present(self) -> None:
        assert folded("a\x00b\u202ec") == "a b c"
        assert folded("A\x7f\x01 b\tC") == "a b c"


class TestSearching:
    def test_two_characters_are_found_when_inside_a_company_name(self) -> None:
        assert found("华为", "深圳華為技術有限公司")
        assert not found("为华", "深圳華為技術有限公司")

    def test_every_word_must_occur_when_several_are_given(self) -> None:
        assert found("smith acme", "John Smith", "Acme Corporation")
        assert not found("smith ajax", "John Smith", "Acme Corporation")

    def test_one_letter_is_the_start_of_a_word_when_latin(self) -> None:
        assert found("c", "Acme Corp")
        assert not found("m", "Acme Corp")

    def test_one_character_is_found_anywhere_when_chinese(self) -> None:
        assert found("为", "华为")

    def test_a_phone_is_found_when_written_with_dashes(self) -> None:
        assert found("138-0013-8000", "8613800138000")

    def test_percent_and_underscore_are_plain_when_searched(self) -> None:
        assert search_for(TENANT, "50%_\\").patterns == ("%50\\%\\_\\\\%",)

    def test_terms_alone_decide_when_words_have_one_character(self) -> None:
        search = search_for(TENANT, "华为 a 技")
        assert (len(search.terms), search.patterns) == (3, ("%华为%",))

    def test_every_word_is_looked_for_in_what_is_shown_however_short_it_is(self) -> None:
        assert search_for(TENANT, "王 h 华为 100%").shown == ("%王%", "% h%", "%华为%", "%100\\%%")

    @given(st.lists(texts, max_size=3), texts)
    def test_what_is_shown_is_searched_as_the_whole_is(self, fields: list[str], query: str) -> None:
        one_line = " " + search_text(fields).replace("\n", " ")
        assert all_in(one_line, search_for(TENANT, query).shown) == found(query, *fields)

    def test_nothing_is_demanded_when_the_query_is_blank(self) -> None:
        assert search_for(TENANT, " \x00 ").terms == ()

    @given(st.lists(texts, max_size=3), st.data())
    def test_any_part_of_a_word_is_found_when_it_was_written(
        self, fields: list[str], data: st.DataObject
    ) -> None:
        words = [word for word in search_text(fields).split() if len(word) > 1 and folded(word) == word]
        if words:
            word = data.draw(st.sampled_from(words))
            start = data.draw(st.integers(0, len(word) - 2))
            part = word[start : data.draw(st.integers(start + 2, len(word)))]
            if folded(part) == part:
                assert found(part, *fields) or part[0] in "+(.-0123456789)"


class TestTerms:
    def test_terms_fit_a_bigint_and_differ_by_tenant_when_the_text_is_one(self) -> None:
        text = search_text(["Acme 华为 \U0010fffd\U0010fffd"])
        mine, theirs = text_terms(TENANT, text), text_terms(OTHER, text)
        assert max(map(int, mine | theirs)) < 2**63
        assert not mine & theirs

    @given(st.sampled_from(["tag", "phone", "email"]), texts, texts)
    def test_whole_values_never_look_like_characters_when_any_text_is_stored(
        self, kind: str, value: str, text: str
    ) -> None:
        term = exact_term(TENANT, kind, value)
        assert 0 <= term < 2**63
        assert str(term) not in text_terms(TENANT, search_text([text]))

    @given(st.text(st.characters(codec="ascii"), max_size=60))
    def test_terms_are_those_of_any_text_when_all_of_it_is_ascii(self, text: str) -> None:
        words = search_text([text])
        besides = text_terms(TENANT, "华")
        assert text_terms(TENANT, words) == text_terms(TENANT, f"{words} 华") - besides
