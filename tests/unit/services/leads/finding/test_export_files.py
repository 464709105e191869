"""Files that spreadsheets open: nothing runs, nothing is lost, and nothing is kept in memory."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from services.leads.finding.exports.columns import Cell
from services.leads.finding.exports.files import Csv, Writer, Xlsx
from shared.web.cells import defused

DANGEROUS = (
    "=1+1", "=cmd|'/c calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u3000=1",
    "＝1+1", "＋1", "－1", "＠SUM(A1)", "+8613800138000",
)  # fmt: skip
HARMLESS = ("王伟", "a=b", "1-2", "x@example.com", "O'Neil", "", "'", "100%", "a,b", 'say "hi"')


def made(writer: Writer, *rows: list[Cell]) -> bytes:
    return writer.head(["one", "two"]) + writer.rows(rows) + writer.end()


def of_csv(file: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def of_xlsx(file: bytes) -> list[tuple[Any, ...]]:
    sheet = openpyxl.load_workbook(io.BytesIO(file)).active
    assert sheet is not None
    return list(sheet.iter_rows())


class TestCsv:
    @pytest.mark.parametrize("text", DANGEROUS)
    def test_a_formula_is_shown_and_does_not_run(self, text: str) -> None:
        assert of_csv(made(Csv(), [text, "x"]))[1] == [f"'{text}", "x"]

    @pytest.mark.parametrize("text", HARMLESS)
    def test_other_text_stays_as_it_is(self, text: str) -> None:
        assert of_csv(made(Csv(), [text, "x"]))[1] == [text, "x"]

    def test_no_cell_begins_another_one(self) -> None:
        nasty = 'x","=cmd\r\n=cmd,\n"'
        assert of_csv(made(Csv(), [nasty, nasty])) == [["one", "two"], [nasty, nasty]]

    def test_numbers_stay_numbers_also_below_zero(self) -> None:
        cells: list[Cell] = [Decimal("-1234.50"), -5, 1.5, True, None, datetime(2026, 3, 2, 20)]  # noqa: DTZ001
        assert of_csv(made(Csv(), cells))[1] == ["-1234.50", "-5", "1.5", "true", "", "2026-03-02 20:00:00"]

    def test_spreadsheets_know_that_it_is_utf_8(self) -> None:
        assert made(Csv(), ["王伟", "x"]).startswith(b"\xef\xbb\xbfone,two\r\n")


class TestXlsx:
    @pytest.mark.parametrize("text", DANGEROUS)
    def test_a_formula_is_text_and_stays_it_when_edited(self, text: str) -> None:
        [_, (cell, _)] = of_xlsx(made(Xlsx(2), [text, "x"]))
        assert (cell.value.replace("\r", "\n"), cell.data_type) == (text.replace("\r", "\n"), "s")
        assert (cell.number_format, cell.quotePrefix) == ("@", True)

    @pytest.mark.parametrize("text", [each for each in HARMLESS if each])
    def test_other_text_stays_as_it_is(self, text: str) -> None:
        [_, (cell, _)] = of_xlsx(made(Xlsx(2), [text, "x"]))
        assert cell.value == text

    def test_no_text_ends_its_cell(self) -> None:
        nasty = "</t></is></c><c><f>1+1</f></c>&\x00\x0b\ufffe_x0041_"
        [_, (cell, other)] = of_xlsx(made(Xlsx(2), [nasty, "x"]))
        assert cell.value.startswith("</t></is></c><c><f>1+1</f></c>&_x005F_x0041_")
        assert other.value == "x"

    def test_numbers_and_dates_are_what_they_are(self) -> None:
        moment = datetime(2026, 3, 2, 20, 15, 1)  # noqa: DTZ001
        cells: list[Cell] = [Decimal("-1234.50"), -5, 0.1 + 0.2, True, None, moment, 10**17]
        [_, row] = of_xlsx(made(Xlsx(2), cells))
        # What a double would round is text.
        assert [cell.value for cell in row[:5]] == [-1234.5, -5, 0.1 + 0.2, True, None]
        assert abs(row[5].value - moment) < timedelta(milliseconds=1)
        assert row[6].value == str(10**17)

    def test_nothing_in_it_refers_to_anything_outside(self) -> None:
        with zipfile.ZipFile(io.BytesIO(made(Xlsx(2), ["=1", "x"]))) as opened:
            assert opened.testzip() is None
            assert not any("external" in name or "vba" in name.lower() for name in opened.namelist())
            assert b"<f>" not in opened.read("xl/worksheets/sheet1.xml")

    def test_sizes_beyond_two_gigabytes_are_told_ahead_when_there_are_many_cells(self) -> None:
        assert of_xlsx(made(Xlsx(10**8), ["a", "b"]))[1][0].value == "a"


class TestMemory:
    @pytest.mark.parametrize("kind", [Csv, lambda: Xlsx(2)])
    def test_it_takes_no_more_of_it_when_there_are_many_rows(self, kind: Any) -> None:
        batch: list[list[Cell]] = [[f"王伟 {n}", Decimal(n)] for n in range(200)]

        def peak(batches: int) -> int:
            writer = kind()
            tracemalloc.start()
            size = len(writer.head(["one", "two"]))
            for _ in range(batches):
                size += len(writer.rows(batch))
            size += len(writer.end())
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert size
            return most

        assert peak(400) < 1.5 * peak(100)


class TestDefused:
    def test_what_is_defused_is_as_it_was_behind_the_apostrophe(self) -> None:
        assert {defused(text)[1:] for text in DANGEROUS} == set(DANGEROUS)
