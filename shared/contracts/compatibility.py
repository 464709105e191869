"""What may change within a version of an event: only additions, so that old and new can read one another.

An old consumer must read what a new publisher sends, and a new consumer must read the journal's oldest
events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def breaks(released: Schema, current: Schema) -> list[str]:
    """Every change between two JSON schemas of one event type that is not an addition, as sentences."""
    return list(_breaks(released, current, released, current, ""))


def _breaks(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _union_breaks(old, new, old_root, new_root, path)
        return
    for word in ("type", "format", "enum", "const", "pattern"):
        if old.get(word) != new.get(word):
            yield f"{path or '/'}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
            return
    if old.get("type") == "array":
        yield from _breaks(old.get("items", {}), new.get("items", {}), old_root, new_root, f"{path}/*")
    if old.get("type") == "object":
        yield from _object_breaks(old, new, old_root, new_root, path)


def _union_breaks(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    was, now = old.get("anyOf", [old]), new.get("anyOf", [new])
    if len(was) != len(now):
        yield f"{path or '/'}: had {len(was)} alternatives, has {len(now)}"
        return
    for before, after in zip(was, now, strict=True):
        yield from _breaks(before, after, old_root, new_root, path)


def _object_breaks(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    was, now = old.get("properties", {}), new.get("properties", {})
    for name in was:
        if name not in now:
            yield f"{path}/{name}: was removed"
            continue
        yield from _breaks(was[name], now[name], old_root, new_root, f"{path}/{name}")
    required_then, required_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(required_now - required_then):
        yield f"{path}/{name}: is required, which events already recorded do not have"
    for name in sorted((required_then - required_now) & set(now)):
        yield f"{path}/{name}: was always present, may be absent now"


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Schema = root["$defs"][reference.rsplit("/", 1)[-1]]
    return found
