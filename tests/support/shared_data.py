"""Real data that stands beside the repository, where it does: tests that need it skip with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared_data(name: str) -> Path:
    """The path of a data file (`crm_sales/sales_pipeline.csv`); skips the test where it is absent."""
    path = _DATA / name
    if not path.exists():
        pytest.skip(f"the data set {name} is not beside this copy (../shared/data)")
    return path


EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
"""Mappings that ship with the product."""
