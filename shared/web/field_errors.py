"""What pydantic says about bad fields, as JSON pointers with stable codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import FieldError

LIMIT = 100
"""More bad fields than this are not listed: the answer would outgrow the question."""

CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
    "string_pattern_mismatch": "bad_format",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "greater_than": "out_of_range",
    "less_than": "out_of_range",
    "literal_error": "unknown_value",
    "enum": "unknown_value",
    "union_tag_invalid": "unknown_value",
    "union_tag_not_found": "required",
    "value_error": "bad_value",
    "json_invalid": "bad_json",
}
"""Our codes for pydantic's kinds; `…_type` and `…_parsing` become `wrong_type`, our own stay."""


def pointer_of(location: Iterable[str | int]) -> str:
    """RFC 6901: `("items", 3, "phone")` is `/items/3/phone`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def field_errors(problems: Iterable[Mapping[str, Any]], pointer: str = "") -> list[FieldError]:
    """At most LIMIT errors of a pydantic validation, in its order."""
    found: list[FieldError] = []
    for problem in problems:
        if len(found) == LIMIT:
            break
        found.append(FieldError(pointer + pointer_of(problem["loc"]), _code(problem["type"]), problem["msg"]))
    return found


def request_errors(problems: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """The same for a whole request: body fields by their own pointer, others under /query, /path, /header."""
    return [
        FieldError(pointer_of(_place(problem["loc"])), _code(problem["type"]), problem["msg"])
        for problem, _ in zip(problems, range(LIMIT), strict=False)
    ]


def _place(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return location[1:] if location and location[0] == "body" else location


def _code(kind: str) -> str:
    if kind.endswith(("_type", "_parsing")) or kind == "int_from_float":
        return "wrong_type"
    return CODES.get(kind, kind)
