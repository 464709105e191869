"""The API's document as the command makes it, without anything running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy.cli.commands import main


class TestOpenapi:
    def test_document_is_valid_and_covers_every_service_when_it_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COX_HOME", str(tmp_path / "home"))
        out = tmp_path / "openapi.json"
        assert main(["openapi", "--out", str(out)]) == 0
        document = json.loads(out.read_text(encoding="utf-8"))
        OpenAPIV31SpecValidator(document).validate()
        paths = ("/v1/auth/token", "/v1/leads", "/v1/activities", "/v1/kpis", "/v1/org/units")
        assert set(paths) <= set(document["paths"])
        assert not [path for path in document["paths"] if not path.startswith("/v1/")]
        assert not (tmp_path / "home").exists()

    def test_reason_is_told_when_the_file_cannot_be_written(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["openapi", "--out", str(tmp_path / "no" / "such" / "folder")]) == 1
        assert "cannot be written" in capsys.readouterr().err
