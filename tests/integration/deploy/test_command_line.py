"""Wrong command lines and settings: one clear line, no stack trace, nothing started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli.commands import commands, main
from deploy.cli.logs import choose
from deploy.local.home import LocalError
from deploy.local.ports import free_port, listen
from deploy.local.topology import Scale

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("COX_HOME", str(home))
    monkeypatch.setenv("COX_PORT", str(free_port()))
    return home


class TestScale:
    def test_workers_and_http_processes_are_counted_apart_when_both_are_named(self) -> None:
        scale = Scale.parse("scoring=2, scoring-app=3,leads-worker=4")
        assert scale.of("scoring", "worker") == 2
        assert scale.of("scoring", "app") == 3
        assert scale.of("leads", "worker") == 4
        assert scale.of("gateway", "app") == 1

    @pytest.mark.parametrize(
        "text", ["scoring", "scoring=0", "scoring=17", "score=2", "scoring=x", "scoring-db=2"]
    )
    def test_part_is_named_when_it_is_wrong(self, text: str) -> None:
        with pytest.raises(LocalError, match=text):
            Scale.parse(text)


class TestUp:
    def test_setting_is_named_when_it_is_wrong(
        self, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COX_PORT", "eighty")
        assert main(["up", "--detach"]) == 1
        error = capsys.readouterr().err
        assert "COX_PORT" in error
        assert "Traceback" not in error
        assert not own_home.exists()

    def test_nearest_setting_is_named_when_one_is_misspelt(
        self, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COX_PROT", "9000")
        assert main(["up", "--scale", "nothing"]) == 1
        assert "COX_PROT is not a setting; did you mean COX_PORT?" in capsys.readouterr().err

    def test_port_is_named_when_it_is_taken(self, own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with listen("127.0.0.1", int(os.environ["COX_PORT"])):
            assert main(["up", "--detach"]) == 1
        assert "set COX_PORT" in capsys.readouterr().err

    def test_fresh_is_refused_when_the_server_is_not_ours(
        self, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COX_POSTGRES_URL", "postgresql://nobody@127.0.0.1:1/postgres")
        assert main(["up", "--fresh"]) == 1
        assert "COX_POSTGRES_URL" in capsys.readouterr().err


class TestCommands:
    def test_each_is_found_by_its_first_word_alone(self) -> None:
        for command in commands():
            assert command.NAME in {each.NAME for each in commands(command.NAME.split()[0])}

    def test_nothing_of_the_services_is_imported_when_the_status_is_asked_for(self) -> None:
        code = (
            "import sys; from deploy.cli.commands import build_parser; build_parser('status');"
            "print([name for name in sys.modules if name.startswith(('services.', 'fastapi', 'alembic'))])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"


class TestOtherCommands:
    def test_nothing_is_stopped_when_nothing_runs(
        self, own_home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["down"]) == 0
        assert "nothing runs" in capsys.readouterr().out

    def test_status_is_empty_json_when_nothing_runs(
        self, own_home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"processes": []}

    def test_logs_say_so_when_there_are_none(
        self, own_home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["logs", "scoring"]) == 1
        assert "no log of scoring" in capsys.readouterr().err

    def test_logs_of_a_whole_service_are_chosen_when_it_is_named(self) -> None:
        logs = [Path("leads-app-1.log"), Path("leads-worker-1.log"), Path("postgres.log")]
        assert choose(logs, "leads") == logs[:2]
        assert choose(logs, "leads-app-1") == logs[:1]
        assert choose(logs, None) == logs

    def test_usage_is_shown_when_the_command_is_unknown(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["fly"])
        assert ended.value.code == 2
        assert "invalid choice: 'fly'" in capsys.readouterr().err

    def test_help_lists_every_command_when_asked(self) -> None:
        told = subprocess.run([ROOT / "cox", "--help"], capture_output=True, text=True, check=True)
        for command in ("up", "down", "status", "logs", "test", "lint", "openapi"):
            assert f"\n    {command} " in told.stdout


class TestTests:
    def test_the_time_in_all_is_told_when_they_ended(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["test", "tests/unit/shared/test_money.py", "-q"]) == 0
        assert re.search(r"^cox: \d+ min \d+ s in all$", capsys.readouterr().err, re.MULTILINE)
