"""The routes of an OpenAPI document as things to be asked, each with a body that its schema allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Json = dict[str, Any]

NOWHERE = str(UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000))
"""An id that nothing has."""
_NEEDED = re.compile(r"Needs the scope `([a-z:]+)`")
_METHODS = ("get", "post", "put", "patch", "delete")
_BY_FORMAT = {"uuid": NOWHERE, "date": "2026-03-01", "date-time": "2026-03-01T09:30:00Z"}
_BY_NAME = {
    "email": "somebody@example.com", "timezone": "Asia/Shanghai", "end": "18:00", "day": "2026-03-02",
    "to_at": "2026-03-02T09:30:00Z",
}  # fmt: skip
"""Where a schema alone does not say what would be right."""
_BY_PATTERN = (
    (r"^[0-9]{1,15}(\.[0-9]{1,4})?$", "12.50"),
    (r"^[0-9]{1,9}(\.[0-9]{1,12})?$", "1.5"),
    ("^[A-Z]{3}$", "USD"),
    ("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "09:00"),
    ("^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", "zh"),
    ("^[0-9a-f]{64}$", "0" * 64),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of path, query or header; `is_id` where its schema is that of an id."""

    name: str
    place: str
    required: bool
    schema: Json
    is_id: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, and the scope that it needs. `body` is its JSON schema; None: it takes none."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Json | None
    statuses: frozenset[int]
    is_public: bool
    scope: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def of_place(self, place: str) -> list[Parameter]:
        return [each for each in self.parameters if each.place == place]


class Document:
    """An OpenAPI 3.1 document, its references followed."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def operations(self) -> Iterator[Operation]:
        for path, methods in self._document["paths"].items():
            for method in _METHODS:
                if method in methods:
                    yield self._operation(method.upper(), path, methods[method])

    def _operation(self, method: str, path: str, told: Json) -> Operation:
        content = told.get("requestBody", {}).get("content", {})
        body = content.get("application/json", {}).get("schema")
        return Operation(
            method=method,
            path=path,
            parameters=tuple(self._parameter(each) for each in told.get("parameters", ())),
            body=None if body is None else self.resolved(body),
            statuses=frozenset(int(status) for status in told["responses"]),
            is_public=path in ("/v1/auth/token", "/v1/auth/revoke") or path.startswith("/v1/public/"),
            scope=needed[1] if (needed := _NEEDED.search(told.get("description", ""))) else None,
        )

    def _parameter(self, told: Json) -> Parameter:
        told = self.resolved(told)
        schema = self.resolved(told.get("schema", {}))
        name = str(told["name"])
        # A lead's owner may also be `me` or `none`, so its schema names no format.
        is_id = "uuid" in {self.resolved(each).get("format") for each in _ways(schema)} or name == "owner"
        return Parameter(name, told["in"], bool(told.get("required")), schema, is_id)

    def resolved(self, schema: Json) -> Json:
        """The schema behind a reference, or itself."""
        while "$ref" in schema:
            found: Any = self._document
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema

    def sample(self, schema: Json, ids: Mapping[str, str], name: str = "", *, whole: bool = False) -> Any:
        """A value that the schema allows: what is required, or `whole`. `ids` are ids by field name."""
        schema = self._chosen(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                wanted = schema.get("properties", {}) if whole else schema.get("required", ())
                properties = schema.get("properties", {})
                return {each: self.sample(properties[each], ids, each, whole=whole) for each in wanted}
            case "array":
                item = self.sample(schema.get("items", {}), ids, name.rstrip("s"), whole=whole)
                return [item] * (1 if whole else max(schema.get("minItems", 0), 1))
            case "boolean":
                return True
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
        return _text(schema, ids, name)

    def _chosen(self, schema: Json) -> Json:
        """Of several ways the first that is not null."""
        schema = self.resolved(schema)
        ways = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not ways:
            return schema
        return self._chosen(next(way for way in ways if way.get("type") != "null"))

    def leaves(self, schema: Json, pointer: str = "") -> Iterator[tuple[str, Json]]:
        """Every place of a body that `sample(whole=True)` fills, as a pointer with its schema."""
        schema = self._chosen(schema)
        match schema.get("type"):
            case "object" if schema.get("properties"):
                for name, inner in schema["properties"].items():
                    yield from self.leaves(inner, f"{pointer}/{name}")
            case "array":
                yield from self.leaves(schema.get("items", {}), f"{pointer}/0")
            case _:
                yield pointer, schema


def _ways(schema: Json) -> list[Json]:
    found: list[Json] = schema.get("anyOf") or [schema]
    return found


def _text(schema: Json, ids: Mapping[str, str], name: str) -> str:
    if schema.get("format") == "uuid":
        return ids.get(name, NOWHERE)
    if name in _BY_NAME:
        return _BY_NAME[name]
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    for pattern, text in _BY_PATTERN:
        if schema.get("pattern") == pattern:
            return text
    text = "open" if name == "to" else "sample"
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 100)]
