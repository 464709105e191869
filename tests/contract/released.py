"""The schemas of the last released version, in `released.json`; `python -m tests.contract.released` freezes
them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.contracts.catalogue import EVENT_TYPES

FILE = Path(__file__).with_name("released.json")


def current() -> dict[str, Any]:
    """JSON schemas of all events as the code has them, without the words that only explain."""
    return {
        name: _bare(event.model_json_schema(mode="validation")) for name, event in sorted(EVENT_TYPES.items())
    }


def released() -> dict[str, Any]:
    schemas: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return schemas


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {
            key: value
            for key, value in schema.items()
            if key not in {"description", "title"} or _is_field(value)
        }
        return {key: _bare(value) for key, value in kept.items()}
    return [_bare(item) for item in schema] if isinstance(schema, list) else schema


def _is_field(value: Any) -> bool:
    """A property that happens to be called `title` or `description`."""
    return isinstance(value, dict)


if __name__ == "__main__":
    FILE.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
