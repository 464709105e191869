"""An app held to its own OpenAPI document by schemathesis: all phases, stateful included, a fixed seed."""

from __future__ import annotations

import subprocess
import sys
import tempfile

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


def assert_conforms(url: str, token: str, *, examples: int = 10, seed: int = 1, timeout_s: int = 280) -> None:
    """Fail with what schemathesis says against the app at `url`, by its `/openapi.json`."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS),
        "--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none",
        "--continue-on-failure", "--suppress-health-check", "all", "--no-color",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder
        )
    if done.returncode != 0:
        pytest.fail(done.stdout[-20_000:] + done.stderr[-5_000:], pytrace=False)
