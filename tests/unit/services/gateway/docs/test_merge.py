"""One document out of several."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.docs.merge import Clash, merge
from services.gateway.docs.page import render


def document(path: str, schema: dict[str, Any], name: str = "Thing") -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    operation = {"tags": ["things"], "responses": {"200": {"description": "OK", "content": content}}}
    return {"paths": {path: {"get": operation}}, "components": {"schemas": {name: schema}}}


class TestMerge:
    def test_component_is_shared_when_it_is_the_same_everywhere(self) -> None:
        merged = merge(
            {"a": document("/v1/a", {"type": "string"}), "b": document("/v1/b", {"type": "string"})}
        )
        assert list(merged["components"]["schemas"]) == ["Thing"]
        assert sorted(merged["paths"]) == ["/v1/a", "/v1/b"]

    def test_component_is_renamed_when_another_service_means_something_else(self) -> None:
        merged = merge(
            {"a": document("/v1/a", {"type": "string"}), "b": document("/v1/b", {"type": "integer"})}
        )
        assert set(merged["components"]["schemas"]) == {"Thing", "BThing"}
        answer = merged["paths"]["/v1/b"]["get"]["responses"]["200"]
        assert answer["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/BThing"

    def test_a_discriminator_names_the_renamed_one_when_it_says_which_way_is_meant(self) -> None:
        reference = "#/components/schemas/Thing"
        ways = {
            "oneOf": [{"$ref": reference}],
            "discriminator": {"propertyName": "do", "mapping": {"x": reference}},
        }
        other = document("/v1/b", {"type": "integer"})
        other["components"]["schemas"]["Ways"] = ways
        other["paths"]["/v1/c"] = document("/v1/c", {}, "Ways")["paths"]["/v1/c"]
        merged = merge({"a": document("/v1/a", {"type": "string"}), "b": other})
        told = merged["components"]["schemas"]["Ways"]
        assert told["discriminator"]["mapping"] == {"x": "#/components/schemas/BThing"}
        assert "Thing" in render(merged)

    def test_internal_paths_and_what_only_they_use_are_left_out_when_merged(self) -> None:
        merged = merge({"a": document("/internal/a", {"type": "string"}, "Secret")})
        assert merged["paths"] == {}
        assert merged["components"]["schemas"] == {}

    def test_operations_have_names_of_their_own_when_merged(self) -> None:
        merged = merge({"a": document("/v1/a-b/{id}/c", {"type": "string"})})
        assert merged["paths"]["/v1/a-b/{id}/c"]["get"]["operationId"] == "get_a_b_id_c"

    def test_refused_when_two_services_claim_one_path(self) -> None:
        with pytest.raises(Clash):
            merge({"a": document("/v1/a", {"type": "string"}), "b": document("/v1/a", {"type": "string"})})


class TestPage:
    def test_everything_is_shown_and_nothing_runs_when_rendered(self) -> None:
        hostile = document("/v1/a", {"type": "object", "description": "<script>alert(1)</script>"})
        page = render(merge({"a": hostile}))
        assert "/v1/a" in page
        assert "<script" not in page
