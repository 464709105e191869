"""The whole product's document: valid, complete, and true to the contract's conventions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy.cli.openapi import document
from services.gateway.bootstrap import PUBLIC
from services.gateway.docs.page import render
from services.gateway.door.dispatcher import OWN_PREFIXES
from services.gateway.proxy.rules import PREFIXES
from shared.access.roles import SCOPES
from shared.settings import Settings

Json = dict[str, Any]
Operation = tuple[str, str, Json]

CONTRACT = [
    "POST",
    "/v1/auth/token",
    "POST",
    "/v1/leads",
    "POST",
    "/v1/leads/batch",
    "GET",
    "/v1/leads",
    "GET",
    "/v1/leads/{lead_id}",
    "PATCH",
    "/v1/leads/{lead_id}",
    "GET",
    "/v1/leads/{lead_id}/timeline",
    "POST",
    "/v1/leads/{lead_id}/assign",
    "POST",
    "/v1/leads/{lead_id}/move",
    "GET",
    "/v1/leads/{lead_id}/assignments",
    "GET",
    "/v1/assignment-rules",
    "POST",
    "/v1/assignment-rules",
    "POST",
    "/v1/assignment-rules/explain",
    "GET",
    "/v1/pipelines",
    "POST",
    "/v1/imports",
    "GET",
    "/v1/imports/{import_id}",
    "GET",
    "/v1/imports/{import_id}/errors",
    "POST",
    "/v1/activities",
    "GET",
    "/v1/activities",
    "GET",
    "/v1/kpis",
    "GET",
    "/v1/kpis/evidence",
    "GET",
    "/v1/leaderboards/{metric}",
    "GET",
    "/v1/org/units",
    "POST",
    "/v1/org/units",
    "GET",
    "/v1/org/users",
    "POST",
    "/v1/org/users",
    "POST",
    "/v1/org/users/{user_id}/transfer",
    "GET",
    "/v1/events/stream",
    "POST",
    "/v1/api-keys",
    "GET",
    "/v1/api-keys",
    "DELETE",
    "/v1/api-keys/{key_id}",
]


@pytest.fixture(scope="module")
def merged() -> Json:
    return document(Settings())


def operations(merged: Json) -> Iterator[Operation]:
    for path, methods in merged["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


class TestDocument:
    def test_valid_when_read_as_openapi_3_1(self, merged: Json) -> None:
        assert merged["openapi"] == "3.1.0"
        OpenAPIV31SpecValidator(merged).validate()

    def test_every_path_of_the_contract_is_there_when_merged(self, merged: Json) -> None:
        present = {(method.upper(), path) for path, method, _ in operations(merged)}
        wanted = set(zip(CONTRACT[::2], CONTRACT[1::2], strict=True))
        assert wanted - present == set()

    def test_every_path_has_a_way_when_asked_at_the_gateway(self, merged: Json) -> None:
        for path in merged["paths"]:
            assert path.split("/")[2] in PREFIXES.keys() | OWN_PREFIXES, path

    def test_problems_are_described_when_requests_go_wrong(self, merged: Json) -> None:
        for path, method, operation in operations(merged):
            assert {"401", "422", "429", "503"} <= operation["responses"].keys(), (method, path)

    def test_rights_are_named_when_a_route_needs_any(self, merged: Json) -> None:
        for path, method, operation in operations(merged):
            named = re.search(r"Needs the scope `(.+?)`", operation.get("description", ""))
            assert named is None or named[1] in SCOPES, (method, path)
            assert named is not None or path in PUBLIC or path.split("/")[2] in OWN_PREFIXES, (method, path)

    def test_no_change_is_an_answer_when_one_thing_with_a_version_is_read(self, merged: Json) -> None:
        for path, method, operation in operations(merged):
            content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if method == "get" and "version" in merged["components"]["schemas"].get(name, {}).get(
                "properties", {}
            ):
                assert "304" in operation["responses"], path
                assert {"$ref": "#/components/parameters/IfNoneMatch"} in operation["parameters"], path
        for path in ("/v1/org/tenant", "/v1/custom-fields/terms"):
            assert "304" in merged["paths"][path]["get"]["responses"], path

    def test_names_are_snake_case_when_fields_and_parameters_are_ours(self, merged: Json) -> None:
        names = [
            name
            for schema in merged["components"]["schemas"].values()
            for name in schema.get("properties", {})
        ]
        names += [
            parameter["name"]
            for _, _, operation in operations(merged)
            for parameter in operation.get("parameters", ())
            if parameter.get("in") in ("query", "path")
        ]
        assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []

    def test_what_was_made_links_to_what_can_be_done_with_it_when_it_has_an_address(
        self, merged: Json
    ) -> None:
        places = {
            f"#/paths/{quote(path.replace('/', '~1'), safe='~')}/{method}"
            for path, method, _ in operations(merged)
        }
        linked = {
            name: link["operationRef"]
            for _, method, operation in operations(merged)
            if method == "post"
            for response in operation["responses"].values()
            for name, link in response.get("links", {}).items()
        }
        assert {"get_leads_lead_id", "get_imports_import_id", "delete_api_keys_key_id"} <= linked.keys()
        assert set(linked.values()) <= places

    def test_no_name_tells_where_a_module_lies_when_two_have_the_same(self, merged: Json) -> None:
        # Of two bodies of one name the framework puts the modules into their names: `services__leads__…`.
        assert [name for name in merged["components"]["schemas"] if "__" in name] == []

    def test_lists_page_alike_when_there_are_many(self, merged: Json) -> None:
        pages = [
            schema for name, schema in merged["components"]["schemas"].items() if name.startswith("Page_")
        ]
        assert len(pages) > 5
        for page in pages:
            assert {"items", "next_cursor"} <= page["properties"].keys()


class TestPage:
    def test_every_operation_is_on_the_page_when_rendered(self, merged: Json) -> None:
        page = render(merged)
        for _, _, operation in operations(merged):
            assert f"id='{operation['operationId']}'" in page
        assert "<script" not in page
        assert "http://" not in page
