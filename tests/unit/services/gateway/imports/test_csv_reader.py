from __future__ import annotations

import gzip
import io

import pytest

from services.gateway.imports.files.csv_reader import MAX_CELL, MAX_LINE, open_csv
from services.gateway.imports.files.encoding import detect_encoding
from services.gateway.imports.files.table import Table, UnreadableFile, WrongHeader
from services.gateway.imports.headings.columns import resolve_columns

CHINESE = "姓名,公司\n王小明,华为技术有限公司\n李雷,中兴通讯\n"


def open_table(file: io.BytesIO, **asked: str) -> Table:
    """Whatever stands first names the columns."""
    return open_csv(file, lambda cells: 0, **asked)


def rows_of(content: bytes, **asked: str) -> list[tuple[int, tuple[str, ...], str | None]]:
    table = open_table(io.BytesIO(content), **asked)
    return [(row.line, row.cells, row.fault and row.fault[0]) for row in table.rows]


class TestDetectEncoding:
    @pytest.mark.parametrize(
        ("encoding", "found"),
        [
            ("utf-8", "utf-8"),
            ("utf-8-sig", "utf-8-sig"),
            ("gbk", "gb18030"),
            ("gb18030", "gb18030"),
            ("utf-16", "utf-16"),
        ],
    )
    def test_is_found_and_read_when_text_is_chinese(self, encoding: str, found: str) -> None:
        content = CHINESE.encode(encoding)
        assert detect_encoding(io.BytesIO(content)) == found
        table = open_table(io.BytesIO(content))
        assert table.header == ("姓名", "公司")
        assert [row.cells for row in table.rows] == [("王小明", "华为技术有限公司"), ("李雷", "中兴通讯")]

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_is_found_when_utf16_has_no_mark(self, encoding: str) -> None:
        content = "name,company\nMoses,Acme\n".encode(encoding)
        assert rows_of(content) == [(2, ("Moses", "Acme"), None)]

    def test_is_refused_when_no_known_encoding_reads_it(self) -> None:
        with pytest.raises(UnreadableFile, match="encoding"):
            detect_encoding(io.BytesIO("name\nJosé Müller à Orléans\n".encode("latin-1")))

    def test_is_what_was_asked_for_when_it_could_not_be_told(self) -> None:
        content = "name,city\nJosé,Orléans\n".encode("latin-1")
        assert rows_of(content, encoding="latin-1") == [(2, ("José", "Orléans"), None)]

    def test_is_utf8_with_one_bad_row_when_a_byte_is_damaged(self) -> None:
        content = CHINESE.encode() + b"\xff,x\n" + "张伟,腾讯\n".encode()
        assert [row[2] for row in rows_of(content)] == [None, None, "unreadable_character", None]

    def test_is_gbk_when_a_character_lies_across_two_blocks(self) -> None:
        content = ("名称\n" + "中" * 300_001 + "\n").encode("gbk")
        assert detect_encoding(io.BytesIO(b"x" + content)) == "gb18030"


class TestOpenTable:
    def test_reads_the_same_rows_when_line_ends_are_of_windows(self) -> None:
        assert rows_of(b"a,b\r\n1,2\r\n3,4\r\n") == rows_of(b"a,b\n1,2\n3,4\n")

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_finds_the_delimiter_when_none_is_asked_for(self, delimiter: str) -> None:
        assert rows_of(f"a{delimiter}b\n1{delimiter}2\n".encode()) == [(2, ("1", "2"), None)]

    def test_gives_each_record_the_line_it_starts_in_when_a_cell_has_line_breaks(self) -> None:
        assert rows_of(b'a,b\n"x\ny",2\n3,4\n') == [(2, ("x\ny", "2"), None), (4, ("3", "4"), None)]

    def test_goes_on_when_rows_are_bad(self) -> None:
        content = b"a,b\n1\n1,2,3\n\n4,\x00\n5,6\n"
        assert [(line, fault) for line, _, fault in rows_of(content)] == [
            (2, "wrong_width"),
            (3, "wrong_width"),
            (5, "control_character"),
            (6, None),
        ]

    def test_goes_on_when_a_quote_is_never_closed(self) -> None:
        filler = "".join(f"{n},x\n" for n in range(MAX_CELL // 4))
        found = rows_of(f'a,b\n1,2\n"3,4\n{filler}5,6\n'.encode())
        assert found[0] == (2, ("1", "2"), None)
        assert found[1][2] == "unreadable_row"
        assert found[-1][1:] == (("5", "6"), None)

    def test_reads_what_is_inside_when_it_is_gzip(self) -> None:
        assert rows_of(gzip.compress(b"a,b\n1,2\n")) == [(2, ("1", "2"), None)]

    def test_is_refused_when_gzip_is_damaged(self) -> None:
        with pytest.raises(UnreadableFile, match="damaged"):
            open_table(io.BytesIO(gzip.compress(b"a,b\n1,2\n")[:-6]))

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
    def test_is_refused_when_there_is_no_header(self, content: bytes) -> None:
        with pytest.raises(UnreadableFile, match="first line"):
            open_table(io.BytesIO(content))

    def test_is_refused_when_a_name_in_the_header_is_too_long(self) -> None:
        with pytest.raises(UnreadableFile, match="names the columns"):
            open_table(io.BytesIO(b'"' + b"x" * (MAX_CELL + 1) + b'",name\n'))

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
    def test_is_refused_when_it_is_not_in_the_encoding_asked_for(self, encoding: str) -> None:
        with pytest.raises(UnreadableFile, match=f"not in {encoding}"):
            open_table(io.BytesIO(b"name\nx\n"), encoding=encoding)


class TestResolveColumns:
    def test_says_a_bounded_part_when_there_are_very_many_columns(self) -> None:
        with pytest.raises(WrongHeader) as refused:
            resolve_columns(["column"] * 100_000, {"name": ["Name"]})
        assert len(refused.value.detail) < 3000

    def test_names_missing_and_found_columns_when_the_header_is_wrong(self) -> None:
        with pytest.raises(WrongHeader) as caught:
            resolve_columns(
                ("id", "agent"), {"id": ["id"], "owner": ["sales_agent"], "stage": ["deal_stage"]}
            )
        assert "'sales_agent'" in caught.value.detail
        assert "'deal_stage'" in caught.value.detail
        assert caught.value.detail.endswith("the file has: id, agent")
        assert [error.pointer for error in caught.value.errors] == ["/columns/owner", "/columns/stage"]

    def test_is_refused_when_a_needed_column_is_there_twice(self) -> None:
        with pytest.raises(WrongHeader, match="two columns"):
            resolve_columns(("id", "id", "x", "x"), {"id": ["id"]})

    def test_keeps_the_order_when_a_field_has_several_columns(self) -> None:
        assert resolve_columns(("a", "b", "c"), {"name": ["c", "a"]}) == {"name": (2, 0)}

    def test_keeps_line_numbers_when_the_file_has_many_blocks(self) -> None:
        content = "a,b\r\n" + "".join(f"{n},{'中' * 20}\r\n" for n in range(20_000))
        found = rows_of(content.encode())
        assert [line for line, _, _ in found] == list(range(2, 20_002))
        assert [int(cells[0]) for _, cells, _ in found] == list(range(20_000))

    def test_is_refused_when_a_line_has_no_end(self) -> None:
        with pytest.raises(UnreadableFile, match="longer than"):
            rows_of(b"a,b\n" + b"x" * (MAX_LINE + 300_000))
