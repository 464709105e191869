from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.intake.rules import Contact, found_by
from services.leads.capture.normalising.pinyin import typed
from services.leads.finding.search.rules import search_for

TENANT = UUID("0192f0c1-7c5e-7000-8000-0123456789ab")


def found(query: str, name: str | None, company: str | None = None) -> bool:
    text, terms = found_by(TENANT, name, company, Contact(None, None), (), ([], []))
    search = search_for(TENANT, query)
    return set(map(str, search.terms)) <= set(terms[1:-1].split(",")) and all(
        one.strip("%") in text for one in search.patterns
    )


class TestTyping:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("王伟", {"wangwei", "ww"}),
            ("王 偉", {"wangwei", "ww"}),
            ("欧阳娜", {"ouyangna", "oyn"}),
            ("吕布", {"lvbu", "lb"}),
            ("曾志伟", {"zengzhiwei", "zzw", "cengzhiwei", "czw"}),
            ("单田芳", {"shantianfang", "stf"}),
        ],
    )
    def test_a_person_is_typed_whole_or_by_initials(self, name: str, words: set[str]) -> None:
        assert words <= set(typed(name, None).split())

    @pytest.mark.parametrize(
        ("company", "word"),
        [("华东钢铁有限公司", "hdgtyxgs"), ("重慶長安汽車", "cqcaqc"), ("ABC 电子", "dz")],
    )
    def test_a_company_is_typed_by_its_initials(self, company: str, word: str) -> None:
        assert word in typed(None, company).split()

    def test_nothing_is_typed_otherwise_when_no_character_is_chinese(self) -> None:
        assert typed("Anna Müller", "Ångström 株") == typed(None, "株")
        assert typed("Anna Müller", "Ångström") == typed(None, None) == ""

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_it_is_lower_case_letters_only(self, name: str, company: str) -> None:
        assert all(
            word.isascii() and word.islower() and word.isalpha() for word in typed(name, company).split()
        )

    @given(st.text(st.sampled_from("曾重长单行乐"), min_size=1, max_size=400))
    def test_it_stays_short_when_every_character_is_read_in_two_ways(self, name: str) -> None:
        assert len(typed(name, name)) < 4000


class TestFinding:
    @pytest.mark.parametrize("query", ["ww", "wangwei", "WangWei", "wang", "w", "王伟", "ww hdgt", "hdgt"])
    def test_a_lead_is_found_as_it_is_typed(self, query: str) -> None:
        assert found(query, "王伟", "华东钢铁有限公司")

    @pytest.mark.parametrize("query", ["wl", "wangli", "gthd", "hdgtww"])
    def test_it_is_not_found_by_what_it_is_not(self, query: str) -> None:
        assert not found(query, "王伟", "华东钢铁有限公司")
