"""Spreadsheets as they are, and as somebody makes them who means harm."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from openpyxl import Workbook

from services.gateway.imports.files import archive
from services.gateway.imports.files.opening import open_table
from services.gateway.imports.files.table import Row, UnreadableFile

AFTERNOON = dt.datetime(2025, 2, 3, 14, 30)  # noqa: DTZ001 - spreadsheets know no zones
HEADER = ["姓名", "手机", "金额", "日期", "折扣", "负责人"]


def book(fill: Callable[[Any], None], title: str = "客户") -> io.BytesIO:
    made = Workbook()
    hidden = made.active
    assert hidden is not None
    hidden.title, hidden.sheet_state = "hidden", "hidden"
    fill(made.create_sheet(title))
    out = io.BytesIO()
    made.save(out)
    return out


def rows_of(file: io.BytesIO, sheet: str | None = None) -> list[Row]:
    with closing(open_table(file, lambda cells: sum(cell in HEADER for cell in cells), sheet=sheet)) as table:
        assert table.encoding == "xlsx"
        return list(table.rows)


def rewritten(file: io.BytesIO, part: str, change: Callable[[bytes], bytes]) -> io.BytesIO:
    """The same archive with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith(part) else content)
    return out


def plain(sheet: Any) -> None:
    sheet.append(HEADER)
    sheet.append(["王", "13800138000", 1, None, None, None])


class TestReading:
    def test_gives_texts_as_they_are_shown_when_cells_are_numbers_dates_and_percentages(self) -> None:
        def fill(sheet: Any) -> None:
            sheet["A1"] = "客户名单"
            sheet.merge_cells("A1:F1")
            for column, name in enumerate(HEADER, start=1):
                sheet.cell(3, column, name)
            sheet.append(["王", 13800138000.0, 1234.56, dt.date(2025, 2, 3), 0.12, "李"])
            sheet["E4"].number_format = "0%"
            sheet.append(["赵", 1.38001e10, 0.1 + 0.2, AFTERNOON, True, None])
            sheet.append(["钱", 42, None, None, None, None])
            sheet["B6"].number_format = "000000"
            sheet.merge_cells("F4:F5")

        assert [(row.line, row.cells, row.fault) for row in rows_of(book(fill))] == [
            (4, ("王", "13800138000", "1234.56", "2025-02-03", "12%", "李"), None),
            (5, ("赵", "13800100000", "0.3", "2025-02-03 14:30:00", "TRUE", "李"), None),
            (6, ("钱", "000042", "", "", "", ""), None),
        ]

    def test_is_a_fault_of_its_row_when_a_formula_has_no_result(self) -> None:
        def fill(sheet: Any) -> None:
            sheet.append(HEADER)
            sheet.append(["王", "=1+1"])
            sheet.append(["赵", "13800138000"])

        found = rows_of(book(fill))
        assert [row.fault and row.fault[0] for row in found] == ["formula_without_result", None]

    def test_takes_the_result_that_is_kept_when_a_cell_is_a_formula(self) -> None:
        def result(content: bytes) -> bytes:
            return content.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")

        def fill(sheet: Any) -> None:
            sheet.append(HEADER)
            sheet.append(["王", "=1+1"])

        [row] = rows_of(rewritten(book(fill), "sheet2.xml", result))
        assert (row.cells[1], row.fault) == ("2", None)

    def test_reads_the_sheet_that_is_named_and_names_those_there_are_when_it_is_not(self) -> None:
        assert len(rows_of(book(plain), "客户")) == 1
        with pytest.raises(UnreadableFile, match="'hidden', '客户'"):
            rows_of(book(plain), "别的")


class TestHarm:
    def refused(self, file: io.BytesIO, why: str) -> None:
        with pytest.raises(UnreadableFile, match=why):
            rows_of(file)

    def test_is_refused_when_entities_could_grow(self) -> None:
        laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
        for part in ("sheet2.xml", "workbook.xml", "styles.xml"):
            self.refused(
                rewritten(book(plain), part, lambda old: old.replace(b"?>", b"?>" + laughs, 1) if b"?>" in old
                          else laughs + old),
                "document type",
            )  # fmt: skip

    def test_is_refused_when_a_cell_is_a_gigabyte(self) -> None:
        # Packed a thousandfold; what is refused is what it holds, before any of it is kept.
        huge = b"x" * (archive.MAX_TEXT_BYTES * 40)
        self.refused(
            rewritten(book(plain), "sheet2.xml", lambda old: old.replace(b"13800138000", huge)), "cell"
        )

    def test_is_refused_when_it_unpacks_to_more_than_anything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 2**20)
        rows = b'<row><c t="n"><v>1</v></c></row>' * 2**16
        bomb = rewritten(
            book(plain), "sheet2.xml", lambda old: old.replace(b"</sheetData>", rows + b"</sheetData>")
        )
        assert len(bomb.getvalue()) < 2**16
        with pytest.raises(UnreadableFile, match="larger than 1 MiB"):
            archive.check_parts(archive.opened(bomb))

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            (b'<row r="2"', b'<row r="999999999999"', "999,999,999,999|damaged"),
            (b'r="B2"', b'r="XFD2"', "column 16,384"),
            (b'r="B2"', b'r="ZZZZZZ2"', "damaged"),
            (b"</sheetData>", b"</sheet", "damaged"),
        ],
    )  # fmt: skip
    def test_is_refused_when_its_places_cannot_be(self, old: bytes, new: bytes, why: str) -> None:
        self.refused(rewritten(book(plain), "sheet2.xml", lambda content: content.replace(old, new)), why)

    def test_is_refused_with_a_way_out_when_it_is_something_else(self) -> None:
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w") as made:
            made.writestr("readme.txt", "hello")
        self.refused(other, "no .xlsx")
        self.refused(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)), "xls file of old")
        self.refused(io.BytesIO(b"<html><table><tr><td>x</td></tr></table></html>"), "web page")
        self.refused(io.BytesIO(book(plain).getvalue()[:-200]), "damaged")
        self.refused(io.BytesIO(b"PK\x03\x04" + bytes(100)), "damaged")

    def test_is_refused_when_a_million_columns_have_names(self) -> None:
        with pytest.raises(UnreadableFile, match="columns"):
            open_table(io.BytesIO(b",".join(b"c%d" % n for n in range(100_000)) + b"\n"), lambda cells: 0)
