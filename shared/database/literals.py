"""Values written into the text of a statement that goes without parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_HARMLESS = re.compile(r"[A-Za-z0-9 /_{}.:%-]*")


def literal(value: UUID | datetime | str | Sequence[UUID] | None) -> str:
    """SQL of a value. Raises ValueError for any other, and for text in which a quote could end."""
    match value:
        case None:
            return "null"
        case UUID():
            return f"'{value}'::uuid"
        case datetime():
            return f"'{value.isoformat()}'::timestamptz"
        case str() if _HARMLESS.fullmatch(value):
            return f"'{value}'::text"
        case list() | tuple() if all(isinstance(each, UUID) for each in value):
            return "'{" + ",".join(map(str, value)) + "}'::uuid[]"
    raise ValueError(f"not to be written into a statement: {value!r}")


def json_literal(value: Mapping[str, Any]) -> str:
    """SQL of a JSON object: between dollars, where no quote or backslash counts; a dollar is escaped."""
    text = orjson.dumps(value).decode().replace("$", "\\u0024")
    return f"$json${text}$json$::jsonb"
