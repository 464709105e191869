"""Within a version there are only additions: every schema is held against the last released one."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.compatibility import breaks
from tests.contract.released import current, released

RELEASED: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "credit"],
    "properties": {
        "kind": {"type": "string", "enum": ["call", "visit"]},
        "credit": {"$ref": "#/$defs/Credit"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "days": {"type": "array", "items": {"type": "string", "format": "date"}},
    },
    "$defs": {"Credit": {"type": "object", "properties": {"rep": {"type": "string", "format": "uuid"}}}},
}


def changed(**parts: Any) -> dict[str, Any]:
    """The released schema with some of its properties replaced (None: removed)."""
    properties = {**RELEASED["properties"], **parts}
    return {**RELEASED, "properties": {name: part for name, part in properties.items() if part is not None}}


class TestReleasedSchemas:
    def test_no_type_is_gone_when_compared_with_the_release(self) -> None:
        assert set(released()) - set(current()) == set()

    @pytest.mark.parametrize("name", sorted(released()))
    def test_there_are_only_additions_when_compared_with_the_release(self, name: str) -> None:
        assert breaks(released()[name], current()[name]) == []


class TestBreaks:
    def test_finds_nothing_when_an_optional_field_is_added(self) -> None:
        assert breaks(RELEASED, changed(more={"type": "string"})) == []

    @pytest.mark.parametrize(
        ("current", "said"),
        [
            (changed(note=None), "/note: was removed"),
            (changed(days={"type": "array", "items": {"type": "string"}}), "/days/*: format"),
            (changed(kind={"type": "string", "enum": ["call"]}), "/kind: enum"),
            (changed(kind={"type": "string"}), "/kind: enum"),
            (changed(note={"type": "string"}), "/note: had 2 alternatives"),
            (changed(note={"anyOf": [{"type": "integer"}, {"type": "null"}]}), "/note: type"),
            ({**RELEASED, "required": ["kind"]}, "/credit: was always present"),
            ({**RELEASED, "required": ["kind", "credit", "note"]}, "/note: is required"),
            ({**RELEASED, "$defs": {"Credit": {"type": "object"}}}, "/credit/rep: was removed"),
        ],
    )
    def test_names_the_place_when_something_is_no_addition(self, current: dict[str, Any], said: str) -> None:
        found = breaks(RELEASED, current)
        assert len(found) == 1
        assert found[0].startswith(said)
