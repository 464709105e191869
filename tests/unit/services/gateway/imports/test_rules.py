from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.imports.mapping import LeadColumns, LeadsMapping
from services.gateway.imports.report import MOST_WORDS, OTHERS, Report
from services.gateway.imports.rules import Note, RowError, check_line, parse_code, parse_seconds, pick


class TestPick:
    def test_takes_the_first_filled_column_and_the_meant_spelling_when_there_are_several(self) -> None:
        mapping = LeadsMapping(
            shape="leads",
            columns=LeadColumns(name=["a", "b"], product=["c"], region=["d"]),
            aliases={"product": {"GTXPro": "GTX Pro"}},
            empty={"region": ["-", "n/a"]},
        )
        places = {"name": (0, 1), "product": (2,), "region": (3,)}
        fields, respelt = pick(("", "Ann", "GTXPro", "n/a"), places, mapping)
        assert fields == {"name": "Ann", "product": "GTX Pro"}
        assert respelt == ["product: 'GTXPro' read as 'GTX Pro'"]


class TestParseCode:
    def test_is_none_when_it_is_empty_and_refused_when_it_is_a_sentence(self) -> None:
        assert parse_code({}, "outcome") is None
        assert parse_code({"outcome": "no_answer"}, "outcome") == "no_answer"
        with pytest.raises(RowError, match="no code"):
            parse_code({"outcome": "did not answer"}, "outcome")


class TestParseSeconds:
    @pytest.mark.parametrize("text", ["-1", "1.5", "²", "31622401", "9" * 40, "1e3", " 5"])
    def test_is_refused_when_it_is_no_whole_number_of_seconds(self, text: str) -> None:
        with pytest.raises(RowError):
            parse_seconds({"duration_s": text}, "duration_s")

    def test_is_a_number_when_it_is_one(self) -> None:
        assert parse_seconds({"duration_s": "090"}, "duration_s") == 90
        assert parse_seconds({}, "duration_s") is None


class TestCheckLine:
    @pytest.mark.parametrize("text", ["a\nb", "a\u202eb", "a\u200fb", "\x07", "x" * 11])
    def test_is_refused_when_a_name_does_not_read_as_it_is_written(self, text: str) -> None:
        with pytest.raises(RowError):
            check_line({"rep": text}, "rep", 10)

    @given(st.text(alphabet=st.characters(categories=["L", "N", "P"]), max_size=10))
    def test_passes_when_it_is_letters_numbers_and_signs(self, text: str) -> None:
        check_line({"rep": text}, "rep", 10)


class TestReport:
    def test_is_the_same_when_it_was_stored_and_read_again(self) -> None:
        report = Report()
        report.add_notes([Note(7, "respelt", "x"), Note(3, "respelt", "x"), Note(5, "no_start", "y")])
        report.add_unmapped(Counter({"O_SENT": 2}))
        report.counts["deals_created"] += 4
        again = Report.of(report.stored())
        assert again == report
        assert again.notes["respelt: x"] == {"code": "respelt", "detail": "x", "count": 2, "first_row": 3}

    def test_sums_up_when_a_log_has_endless_words(self) -> None:
        report = Report()
        report.add_unmapped(Counter({f"word {n}": 1 for n in range(MOST_WORDS + 50)}))
        assert len(report.unmapped) == MOST_WORDS + 1
        assert report.unmapped[OTHERS] == 50
