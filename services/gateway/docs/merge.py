"""One OpenAPI 3.1 document out of the services' own. Pure: the command line and the gateway share it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

VERSION = "1"
_SECTIONS = ("schemas", "responses", "parameters", "headers", "securitySchemes")
_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})
DESCRIPTION = """\
Leads go in, KPIs come out. Sign in at `POST /v1/auth/token`; send `Authorization: Bearer …` with every
request. Every answer to a write carries `Cox-Position`: sent back as `Cox-Wait-For`, a later request is
answered only when what it names has arrived there. Errors are `application/problem+json` with a stable
`code`."""


class Clash(ValueError):
    """Two services claim the same path and method."""


def merge(documents: Mapping[str, Json]) -> Json:
    """All paths under `/v1` of all services, by service name. Internal paths are nobody else's business.

    Components of the same name and content are one; others are renamed after their service. Raises Clash.
    """
    merged: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Coxswain", "version": VERSION, "description": DESCRIPTION},
        "paths": {},
        "components": {},
    }
    for service in sorted(documents):
        document = copy.deepcopy(documents[service])
        document["paths"] = {p: ops for p, ops in document["paths"].items() if p.startswith("/v1/")}
        _rename(document, _clashes(merged["components"], document.get("components", {}), service))
        _add(merged, document, service)
    _drop_unused(merged)
    _name_operations(merged)
    return merged


def _clashes(present: Json, offered: Json, service: str) -> dict[str, str]:
    """References whose component exists already with another content, and their new names."""
    renamed: dict[str, str] = {}
    for section in _SECTIONS:
        for name, component in offered.get(section, {}).items():
            known = present.get(section, {}).get(name)
            if known is not None and known != component:
                renamed[f"#/components/{section}/{name}"] = f"#/components/{section}/{service.title()}{name}"
    return renamed


def _rename(document: Json, renamed: Mapping[str, str]) -> None:
    for node in _nodes(document):
        # A discriminator's mapping has references, too, under the names of the ways.
        for key, reference in node.items():
            if isinstance(reference, str) and reference in renamed:
                node[key] = renamed[reference]
    for old, new in renamed.items():
        _, _, section, name = old.split("/")
        components = document["components"][section]
        components[new.rsplit("/", 1)[1]] = components.pop(name)


def _nodes(value: Any) -> Iterator[Json]:
    pending = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


def _add(merged: Json, document: Json, service: str) -> None:
    for path, operations in document["paths"].items():
        place = merged["paths"].setdefault(path, {})
        for method, operation in operations.items():
            if method in place:
                raise Clash(f"{service} claims {method.upper()} {path}, which another service has")
            place[method] = operation
    for section, components in document.get("components", {}).items():
        merged["components"].setdefault(section, {}).update(components)


def _drop_unused(merged: Json) -> None:
    """Components that only left-out paths spoke of."""
    while True:
        used = {node["$ref"] for node in _nodes(merged) if isinstance(node.get("$ref"), str)}
        unused = [
            (section, name)
            for section in ("schemas", "responses", "parameters", "headers")
            for name in merged["components"].get(section, {})
            if f"#/components/{section}/{name}" not in used
        ]
        if not unused:
            return
        for section, name in unused:
            del merged["components"][section][name]


def _name_operations(merged: Json) -> None:
    """Operation ids, which name the functions of generated clients, are unique in the whole."""
    seen: set[str] = set()
    for path in sorted(merged["paths"]):
        for method, operation in merged["paths"][path].items():
            if method in _METHODS:
                words = [
                    w for w in path.removeprefix("/v1/").replace("{", "").replace("}", "").split("/") if w
                ]
                name = "_".join([method, *words]).replace("-", "_")
                assert name not in seen, name  # noqa: S101 - paths and methods are unique
                seen.add(name)
                operation["operationId"] = name
