"""The golden samples: one complete value per event type, held against by the publisher's and consumers'
tests.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "samples"


def sample(event_type: str) -> bytes:
    """The JSON value of a record of this type, every optional field present. Raises FileNotFoundError."""
    return (_FOLDER / f"{event_type}.json").read_bytes()


def sampled() -> set[str]:
    """The types that have a sample."""
    return {path.name.removesuffix(".json") for path in _FOLDER.glob("*.json")}
