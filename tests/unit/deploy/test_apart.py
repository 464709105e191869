"""Commands that make copies of the product keep the running copy's settings from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cli import _apart
from deploy.cli.errors import CommandError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_apart, "ROOT", tmp_path)
    return tmp_path


class TestEnvironment:
    def test_our_settings_are_left_out_when_they_are_set(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COX_HOME", "/somewhere")
        monkeypatch.setenv("LANG", "C.UTF-8")
        assert not (root / ".env").exists()
        told = _apart.environment()
        assert "COX_HOME" not in told
        assert told["LANG"] == "C.UTF-8"

    def test_it_is_refused_when_the_file_names_servers(self, root: Path) -> None:
        (root / ".env").write_text("COX_KAFKA_BOOTSTRAP=kafka:9092\n")
        with pytest.raises(CommandError, match="COX_KAFKA_BOOTSTRAP"):
            _apart.environment()
