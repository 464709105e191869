"""An app held to its own OpenAPI document by schemathesis: all phases, stateful included, a fixed seed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "missing_required_header",
)
"""Not among them: `positive_data_acceptance` (a schema cannot say which opaque tokens are good) and
`unsupported_method` (`/v1/leads/batch` is also an address of `/v1/leads/{id}`, with an id that is none)."""


LEFT_OUT = tuple(f"#/components/parameters/{name}" for name in ("WaitFor", "WaitMs", "IfMatch"))
"""Headers that random values never pass, as the parameter `cursor`: they would hide what lies behind.
Waits would only be long."""


def assert_conforms(
    url: str,
    token: str,
    *,
    examples: int = 10,
    seed: int = 1,
    phases: str = "coverage,fuzzing,stateful",
    timeout_s: int = 280,
    only: Callable[[str], bool] = lambda path: True,
) -> None:
    """Fail with what schemathesis says against the app at `url`, by its `/openapi.json`.

    `only` chooses paths.
    """
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(without_opaque(chosen(_document(url), only))))
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", url,
            "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--phases", phases,
            "--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none",
            "--continue-on-failure", "--suppress-health-check", "all", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder
        )
    if done.returncode != 0:
        pytest.fail(done.stdout[-20_000:] + done.stderr[-5_000:], pytrace=False)


def _document(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=60) as answer:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(answer)
    return found


def chosen(document: dict[str, Any], only: Callable[[str], bool]) -> dict[str, Any]:
    """The document with these paths."""
    paths = {path: operations for path, operations in document["paths"].items() if only(path)}
    return {**document, "paths": paths}


def without_opaque(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the parameters that hold tokens of ours."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [
                parameter
                for parameter in operation.get("parameters", ())
                if parameter.get("$ref") not in LEFT_OUT and parameter.get("name") != "cursor"
            ]
    return document
