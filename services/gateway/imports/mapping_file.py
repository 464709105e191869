"""From the text of a mapping to the mapping, or to an error that names each place that is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from services.gateway.imports.mapping import AnyMapping
from shared.errors import FieldError, Invalid

MAX_MAPPING_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 20
"""Of values in values: reading takes long with many of them, and longer still with deep ones."""


class BadMapping(Invalid):
    code = "bad_mapping"
    title = "The mapping cannot be used"


_ADAPTER: TypeAdapter[AnyMapping] = TypeAdapter(Annotated[AnyMapping, Field(discriminator="shape")])
_SHAPES_OF = {"org": ("org",), "leads": ("leads",), "history": ("deals", "event_log")}


class _Loader(yaml.SafeLoader):
    """YAML of texts, true, false and null: no dates, no numbers, no aliases, every key at most once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise BadMapping("a mapping has no aliases (*name): a few of them can stand for gigabytes")
        self._nodes += 1
        self._depth += 1
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise BadMapping(f"a mapping has at most {MAX_NODES} values, at most {MAX_DEPTH} in one another")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name, times in Counter(key.value for key in keys).items():
            if times > 1:
                lines = ", ".join(str(key.start_mark.line + 1) for key in keys if key.value == name)
                raise BadMapping(f"the mapping has the key {name!r} {times} times (lines {lines})")
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(null|~|)$"), ["n", "~", ""])


def load_mapping(text: str, kind: str) -> AnyMapping:
    """The mapping in `text`, checked for an import of this kind (org, leads or history).

    :raises BadMapping: it is no YAML, says something unknown, or belongs to another kind; errors name each
    place.
    """
    if len(text.encode("utf-8", "replace")) > MAX_MAPPING_BYTES:
        raise BadMapping(f"a mapping has at most {MAX_MAPPING_BYTES // 1024} KiB")
    try:
        content = _Loader(text).get_single_data()
        if isinstance(content, dict) and "shape" not in content:
            shape = kind if kind != "history" else "event_log" if "events" in content else "deals"
            content = {"shape": shape, **content}
        mapping = _ADAPTER.validate_python(content)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _explained(error) from error
    if mapping.shape not in _SHAPES_OF[kind]:
        allowed = " or ".join(_SHAPES_OF[kind])
        raise BadMapping(
            f"an import of {kind} needs a mapping of the shape {allowed}, this one is {mapping.shape}"
        )
    return mapping


def default_mapping(kind: str) -> AnyMapping:
    """Without a mapping, the headings say what the columns are; a history is then a row per deal."""
    return _ADAPTER.validate_python({"shape": "deals" if kind == "history" else kind})


def _explained(error: Exception) -> BadMapping:
    if isinstance(error, ValidationError):
        errors = [
            FieldError(
                "/mapping" + "".join(f"/{part}" for part in _place(item["loc"])), item["type"], item["msg"]
            )
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return BadMapping("; ".join(f"{item.pointer}: {item.detail}" for item in errors[:3]), errors=errors)
    return BadMapping(f"the mapping is no readable YAML: {error}")


def _place(loc: Iterable[int | str]) -> list[str]:
    """Pydantic puts the union's tag first; a reader of the file knows no such level."""
    parts = [str(part) for part in loc]
    return parts[1:] if parts and parts[0] in ("deals", "event_log", "org", "leads") else parts
