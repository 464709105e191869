"""Tests that share a file's fixtures run on one worker, with the pytest and the xdist that are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.schedule import LONGEST, group_of, turn_of

ROOT = Path(__file__).resolve().parents[3]
_TESTS = """
import os
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", range(6))
def test_is_seen(number):
    with Path(__file__).with_suffix(".seen").open("a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


class TestGroups:
    def test_a_file_has_one_worker_when_there_are_two(self, tmp_path: Path) -> None:
        files = [tmp_path / f"test_{name}.py" for name in "abcd"]
        for file in files:
            file.write_text(_TESTS)
        plugins = ["-p", "xdist", "-p", "tests.support.schedule"]
        words = ["-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path)]
        environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-c", os.devnull, *plugins, *words, str(tmp_path)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        seen = [file.with_suffix(".seen").read_text().split() for file in files]
        assert [len(workers) for workers in seen] == [6] * len(files)
        assert [len(set(workers)) for workers in seen] == [1] * len(files)

    def test_all_end_to_end_tests_are_one_group_when_they_are_in_several_files(self) -> None:
        assert group_of("tests/e2e/test_a.py::TestA::test_b") == group_of("tests/e2e/test_c.py::test_d[1]")

    def test_the_longest_begin_first_when_all_are_due(self) -> None:
        turns = [turn_of(group) for group in (*LONGEST, "tests/unit/shared/test_money.py")]
        assert turns == sorted(set(turns))

    def test_each_of_the_longest_is_there_when_files_were_moved(self) -> None:
        assert [name for name in LONGEST if not (ROOT / name).exists()] == []
