from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.cli import _imports
from deploy.cli._imports import changes, patiently, report
from deploy.cli.client import Client, Refused, Unreachable
from deploy.cli.errors import CommandError

DONE = {
    "id": "i1", "file_name": "deals.csv", "state": "done", "dry_run": False, "encoding": "utf-8",
    "rows_total": 8800, "rows_done": 8800, "rows_failed": 0, "failure": None, "positions": [],
    "counts": {"deals_created": 8800}, "notes": [], "unmapped": [], "columns": [],
}  # fmt: skip


def said(problems: list[Any] | None = None, **changed: Any) -> str:
    text = io.StringIO()
    report({**DONE, **changed}, Console(file=text, width=200), problems or [])
    return text.getvalue()


class TestReport:
    def test_says_what_was_made_when_all_went_well(self) -> None:
        assert said() == "deals.csv: 8,800 rows (utf-8) imported\n  deals created: 8,800\n"

    def test_says_that_nothing_changed_when_all_was_there(self) -> None:
        assert said(counts={"deals_unchanged": 8800}).endswith(
            "Nothing changed: all of it was here before.\n"
        )

    def test_claims_no_writes_when_it_was_a_dry_run(self) -> None:
        text = said(dry_run=True, counts={"deals_checked": 8800})
        assert "checked, nothing was written" in text
        assert "Nothing changed" not in text

    def test_shows_rows_with_their_reasons_when_some_failed(self) -> None:
        problem = {"row": 7, "field": "closed", "code": "bad_date", "detail": "'soon' is no date"}
        text = said([problem], rows_failed=1)
        assert "row 7: closed: 'soon' is no date (bad_date)" in text
        assert "/v1/imports/i1/errors/file" in text

    def test_names_the_columns_that_nothing_was_done_with_when_there_are_such(self) -> None:
        columns = [{"heading": "姓名", "field": "name"}, {"heading": "备注", "field": None}]
        assert "nothing was done with: 备注\n" in said(columns=columns)

    def test_sums_up_what_was_odd_or_not_mapped_when_there_was_such(self) -> None:
        note = {"code": "respelt", "detail": "product: 'GTXPro'", "count": 1480, "first_row": 3}
        text = said(notes=[note], unmapped=[{"activity": "O_SENT", "rows": 7030}])
        assert "1,480 x respelt: product: 'GTXPro' (first in row 3)" in text
        assert "not mapped: O_SENT, 7,030 rows" in text

    def test_says_why_when_the_import_failed(self) -> None:
        text = said(state="failed", failure={"code": "wrong_header", "detail": "no column is called 'id'"})
        assert text == "deals.csv was not imported: no column is called 'id' (wrong_header)\n"


class TestChanges:
    def test_counts_what_was_made_or_changed_when_other_things_were_not(self) -> None:
        assert changes({"deals_unchanged": 5, "rows_ignored": 7}) == 0
        assert changes({"deals_created": 1, "deals_extended": 2, "users_changed": 3}) == 6


class TestPatiently:
    def test_asks_again_when_the_system_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_imports, "POLL_S", 0)
        answers: Iterator[Exception | str] = iter([Unreachable("gone"), Refused(503, "starting"), "here"])

        def ask() -> str:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        assert patiently(ask) == "here"

    def test_gives_up_at_once_when_it_is_refused(self) -> None:
        asked = []

        def ask() -> None:
            asked.append(1)
            raise Refused(422, "wrong header")

        with pytest.raises(CommandError, match="wrong header"):
            patiently(ask)
        assert len(asked) == 1


class TestUpload:
    @pytest.mark.parametrize("missing", ["file", "mapping"])
    def test_names_the_file_when_it_cannot_be_read(self, tmp_path: Path, missing: str) -> None:
        here = tmp_path / "here.csv"
        here.write_text("id\n")
        gone = tmp_path / "gone"
        file, mapping = (gone, here) if missing == "file" else (here, gone)
        with pytest.raises(CommandError, match="gone"):
            _imports.upload(Client("http://127.0.0.1:9", "key"), "org", file, mapping, dry_run=False)

    def test_is_refused_when_the_mapping_is_no_text(self, tmp_path: Path) -> None:
        file = tmp_path / "map.yaml"
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(CommandError, match="not UTF-8"):
            _imports.upload(Client("http://127.0.0.1:9", "key"), "org", file, file, dry_run=False)
