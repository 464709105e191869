"""Files of leads as people keep them: every sort of dirt, seeded, with what must become of each row.

It knows nothing of the reader: what a row must fail with stands beside how it was spoilt.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass

OWNERS = ("王敏", "李雷", "韩梅梅")
HEADINGS = (
    " 客户名称 (必填)", "聯繫人", "手 机 号 码*", "E-Mail", "预计金额（元）", "负责人", "线索来源：",
    "省份", "标签", "备 注", "",
)  # fmt: skip
TITLE = ("2025年客户名单（内部）",)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英"
_PLACES = ("北京", "上海", "广东", "浙江", "江苏", "四川", "山东", "湖北")
_TRADES = ("机械", "电子", "食品", "物流", "建材", "茶叶", "渔业", "能源", "軟體", "纺织")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(slots=True)
class Row:
    """A row as it is written, and what must become of it: a lead with `phone` and `amount`, or `code`.

    `raw` is a line that no table has; `blank` rows are none.
    """

    cells: list[str]
    phone: str | None = None
    amount: str | None = None
    code: str | None = None
    raw: bytes | None = None
    blank: bool = False
    line: int = 0


class Dirty:
    """A file's rows, seeded. `spoilt_text`: with what only files of text can have."""

    def __init__(self, seed: int, count: int, *, spoilt_text: bool = True) -> None:
        self._chance = random.Random(seed)
        self.rows: list[Row] = []
        good: tuple[Spoil, ...] = (
            _plain,
            _wide,
            _country,
            _zeros,
            _dotted,
            _two,
            _wan,
            _yuan,
            _grouped,
            _quoted,
            _company_only,
        )
        bad: tuple[Spoil, ...] = (
            _long_phone, _short_phone, _shortened_phone, _bad_email, _unclear_amount, _about, _negative,
            _stranger, _nobody, _cell_error, _too_long, _turned,
        )  # fmt: skip
        if spoilt_text:
            good = (*good, _two_lines, _trailing)
            bad = (*bad, _too_wide, _too_narrow, _unclosed, _nul)
        for number in range(count):
            row = self._row(number)
            spoil = self._chance.random()
            if spoil < 0.02:
                row.cells, row.blank = [""] * len(HEADINGS), True
            elif spoil < 0.04 and self.rows and (again := self._chance.choice(self.rows)).raw is None:
                row = self._repeated(again, row)
            elif spoil < 0.14:
                self._chance.choice(bad)(self, row)
            else:
                self._chance.choice(good)(self, row)
            self.rows.append(row)

    def _row(self, number: int) -> Row:
        chance = self._chance
        name = chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=chance.choice((1, 2))))
        company = f"{chance.choice(_PLACES)}{chance.choice(_TRADES)}{number:05d}有限公司"
        digits = f"1{chance.choice('3578')}{number:09d}"
        cells = [company, name, digits, f"u{number}@example.com", "", chance.choice(("", *OWNERS))]
        cells += [chance.choice(("展会", "官网", "")), chance.choice(_PLACES), "", f"第{number}行", ""]
        return Row(cells, phone=f"+86{digits}")

    def _repeated(self, again: Row, instead: Row) -> Row:
        """Word for word what an earlier good row says."""
        if again.code is not None or again.blank:
            _plain(self, instead)
            return instead
        return Row(list(again.cells), code="repeated_row")

    @property
    def good(self) -> list[Row]:
        return [row for row in self.rows if row.code is None and not row.blank]

    @property
    def bad(self) -> list[tuple[int, str]]:
        return [(row.line, row.code) for row in self.rows if row.code is not None]

    def as_csv(self, encoding: str, *, delimiter: str = ",", end: str = "\r\n") -> bytes:
        """The file; each row knows its line afterwards."""
        parts = [_line(TITLE, delimiter, end), end, _line(HEADINGS, delimiter, end)]
        texts: list[bytes] = [part.encode(encoding) for part in parts]
        # Of UTF-16 and UTF-8 with a mark only the first part has it.
        plain = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(encoding, encoding)
        texts[1:] = [part.encode(plain) for part in parts[1:]]
        line = 4
        for row in self.rows:
            row.line = line
            text = _line(row.cells, delimiter, end)
            raw = None if row.raw is None else row.raw.decode("utf-8").replace(",", delimiter) + end
            texts.append((raw or text).encode(plain))
            line += (raw or text).count(end[-1])
        return b"".join(texts)

    def as_xlsx(self) -> bytes:
        """The same as a spreadsheet: a hidden sheet, phones as numbers, a title over all columns."""
        from openpyxl import Workbook

        book = Workbook()
        notes = book.active
        assert notes is not None
        notes.title, notes.sheet_state = "说明", "hidden"
        sheet = book.create_sheet("客户")
        sheet.append(list(TITLE))
        sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(HEADINGS))
        sheet.append([])
        sheet.append(list(HEADINGS))
        for number, row in enumerate(self.rows, start=4):
            row.line = number
            for column, text in enumerate(row.cells, start=1):
                if text:
                    cell = sheet.cell(number, column, _number(text) if column in (3, 5) else text)
                    if isinstance(cell.value, str):
                        cell.data_type = "s"
        made = io.BytesIO()
        book.save(made)
        return made.getvalue()


Spoil = Callable[[Dirty, Row], None]


def _number(text: str) -> str | int | float:
    return int(text) if text.isascii() and text.isdigit() else text


def _line(cells: list[str] | tuple[str, ...], delimiter: str, end: str) -> str:
    made = io.StringIO()
    csv.writer(made, delimiter=delimiter, lineterminator=end).writerow(cells)
    return made.getvalue()


def _plain(dirty: Dirty, row: Row) -> None:
    """As it should be, with blanks around."""
    row.cells[0] = f" {row.cells[0]}\u3000"


def _wide(dirty: Dirty, row: Row) -> None:
    row.cells[2] = row.cells[2].translate(_FULL_WIDTH)


def _country(dirty: Dirty, row: Row) -> None:
    row.cells[2] = f"+86 {row.cells[2][:3]}-{row.cells[2][3:7]}-{row.cells[2][7:]}"


def _zeros(dirty: Dirty, row: Row) -> None:
    row.cells[2] = f"0086{row.cells[2]}"


def _dotted(dirty: Dirty, row: Row) -> None:
    row.cells[2] = f"{row.cells[2]}.0"


def _two(dirty: Dirty, row: Row) -> None:
    row.cells[2] = f"{row.cells[2]} / 021-6{row.cells[2][-7:]}"


def _wan(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.amount = "1.2万", "12000.00"


def _yuan(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.amount = "￥３，５００", "3500.00"


def _grouped(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.amount = "1,234,567.5", "1234567.50"


def _quoted(dirty: Dirty, row: Row) -> None:
    row.cells[9] = 'er sagte "5 Stück", dann ging er; Ende'


def _company_only(dirty: Dirty, row: Row) -> None:
    row.cells[1] = row.cells[2] = row.cells[3] = ""
    row.phone = None


def _two_lines(dirty: Dirty, row: Row) -> None:
    row.cells[9] = f"erste Zeile\r\nzweite {row.cells[9]}"


def _trailing(dirty: Dirty, row: Row) -> None:
    row.cells += ["", "", ""]


def _long_phone(dirty: Dirty, row: Row) -> None:
    row.cells[2], row.code = row.cells[2] + "1", "bad_phone"


def _short_phone(dirty: Dirty, row: Row) -> None:
    row.cells[2], row.code = row.cells[2][:10], "bad_phone"


def _shortened_phone(dirty: Dirty, row: Row) -> None:
    row.cells[2], row.code = "1.38001E+10", "bad_phone"


def _bad_email(dirty: Dirty, row: Row) -> None:
    row.cells[3], row.code = "user.example.com", "bad_email"


def _unclear_amount(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.code = "1.234,5", "bad_amount"


def _about(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.code = "约10-20万", "bad_amount"


def _negative(dirty: Dirty, row: Row) -> None:
    row.cells[4], row.code = "(1,200)", "negative_amount"


def _stranger(dirty: Dirty, row: Row) -> None:
    row.cells[5], row.code = "不认识", "unknown_rep"


def _nobody(dirty: Dirty, row: Row) -> None:
    row.cells[:4], row.code = ["", "", "", ""], "missing_value"


def _cell_error(dirty: Dirty, row: Row) -> None:
    row.cells[1], row.code = "#N/A", "cell_error"


def _too_long(dirty: Dirty, row: Row) -> None:
    row.cells[0], row.code = "很长的公司名" * 60, "too_long"


def _turned(dirty: Dirty, row: Row) -> None:
    row.cells[1], row.code = "gpj\u202eexe.", "bad_characters"


def _too_wide(dirty: Dirty, row: Row) -> None:
    row.cells, row.code = [*row.cells, "noch", "mehr"], "wrong_width"


def _too_narrow(dirty: Dirty, row: Row) -> None:
    row.cells, row.code = row.cells[:6], "wrong_width"


def _unclosed(dirty: Dirty, row: Row) -> None:
    row.raw, row.code = f'"{row.cells[0]},{row.cells[1]},{row.cells[2]}'.encode(), "unreadable_row"


def _nul(dirty: Dirty, row: Row) -> None:
    row.cells[1], row.code = "a\0b", "control_character"
