"""What a preset is made of, and which of it is still to be made. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from uuid import UUID

Part = Literal["calendar", "pools", "first_response", "returns", "duplicates", "retention"]
PARTS: tuple[Part, ...] = get_args(Part)
LineName = Literal["saas", "dealers", "showroom"]
State = Literal["made", "present", "to_be_made", "refused"]


@dataclass(frozen=True, slots=True)
class Line:
    """Who works in a line of business: units with those below, and who administers its pool."""

    name: LineName
    unit_ids: tuple[UUID, ...]
    admin_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a preset, made by a POST of `body` to `path`; where one of its name is, it stays.

    `links`: fields that name other things of the preset, by name; their ids are put there. `only`: there is
    one such thing at the most, without a name of its own; it is PUT where nothing was said.
    """

    part: Part
    path: str
    name: str
    body: Mapping[str, Any]
    links: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    only: bool = False

    def ready(self, ids: Mapping[str, str], present: Sequence[Mapping[str, Any]]) -> Item:
        """With the ids of what it names, and not as a default where another thing is one already."""
        body = dict(self.body)
        for keys, name in self.links.items():
            body = _put(body, keys, ids.get(name))
        kind = body.get("kind", "leads")
        taken = any(each.get("is_default") and each.get("kind", "leads") == kind for each in present)
        if taken and body.get("is_default"):
            body["is_default"] = False
        return replace(self, body=body)


def _put(body: Mapping[str, Any], keys: Sequence[str], value: str | None) -> dict[str, Any]:
    first, *rest = keys
    return {**body, first: _put(body[first], rest, value) if rest else value}


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an item; `problem` says why it was refused. `caused`: the token of what making it
    caused in another service.
    """

    item: Item
    state: State
    id: str | None = None
    problem: str | None = None
    caused: str | None = None
