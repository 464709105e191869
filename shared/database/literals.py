"""Values written as text: into a statement that goes without parameters, or as one parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_EMPTY = "{}"
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


def array_literal(texts: Sequence[str | None]) -> str:
    """The text of a PostgreSQL array as its server reads it (section 8.15.6 of its manual).

    Of no texts it is always the same object.
    """
    if not texts:
        return _EMPTY
    if None in texts:
        return "{" + ",".join(["NULL" if text is None else f'"{_escaped(text)}"' for text in texts]) + "}"
    whole: Sequence[str] = texts  # type: ignore[assignment]  # looked through just now
    together = "".join(whole)
    if '"' in together or "\\" in together:
        whole = [_escaped(text) for text in whole]
    return '{"' + '","'.join(whole) + '"}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def json_literal(value: Mapping[str, Any]) -> str:
    """SQL of a JSON object: between dollars, where no quote or backslash counts; a dollar is escaped."""
    text = orjson.dumps(value).decode().replace("$", "\\u0024")
    return f"$json${text}$json$::jsonb"
