"""An app held to its own OpenAPI document by schemathesis: all phases, stateful included, a fixed seed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
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


LIMIT_S = 1400
"""A hang guard; a test that sends this much has a minute more than that for itself."""


@dataclass(frozen=True, slots=True)
class Held:
    """What schemathesis found: how many `cases` it sent, `steps` between operations that it took (0 without
    the stateful phase), the operations that answered 401 or 403 only, and what it `said` where something was
    wrong (else None).
    """

    cases: int
    steps: int
    locked: tuple[str, ...]
    said: str | None


def assert_conforms(
    url: str,
    token: str,
    *,
    examples: int = 10,
    seed: int = 1,
    phases: str = "coverage,fuzzing,stateful",
    timeout_s: int = LIMIT_S,
    only: Callable[[str], bool] = lambda path: True,
) -> None:
    """Fail with what schemathesis says against the app at `url`, by its `/openapi.json`.

    `only` chooses paths.
    """
    held = hold(url, token, examples=examples, seed=seed, phases=phases, timeout_s=timeout_s, only=only)
    if held.said is not None:
        pytest.fail(held.said, pytrace=False)


def hold(
    url: str,
    token: str,
    *,
    examples: int,
    seed: int,
    phases: str = "coverage,fuzzing,stateful",
    timeout_s: int = LIMIT_S,
    only: Callable[[str], bool] = lambda path: True,
) -> Held:
    """Send about `examples` cases per operation and phase to the app at `url`, by its `/openapi.json`.

    `only` chooses paths. Raises subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document = folder / "openapi.json"
        document.write_text(json.dumps(without_opaque(chosen(_document(url), only))))
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", url,
            "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--phases", phases,
            "--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none",
            "--continue-on-failure", "--suppress-health-check", "all", "--no-color",
            "--report", "json", "--report-json-path", str(folder / "report.json"),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder
        )
        said = done.stdout[-20_000:] + done.stderr[-5_000:] if done.returncode != 0 else None
        return _held(folder / "report.json", done.stdout, said)


def _held(report: Path, told: str, said: str | None) -> Held:
    if not report.exists():
        return Held(0, 0, (), said or f"schemathesis wrote no report: {told[-5000:]}")
    found = json.loads(report.read_text())
    return Held(
        found["test_cases"]["generated"], _steps(told), tuple(found["warnings"]["missing_auth"]), said
    )


def _steps(told: str) -> int:
    """Links between operations that were followed, as the stateful phase's summary says."""
    line = next((line for line in told.splitlines() if "API Links:" in line), "API Links: 0")
    return int(line.split("API Links:")[1].split()[0])


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
