"""Presets on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.gateway.presets.rules import PARTS, Done, Line, LineName, Part, State
from shared.web.wire import Id, WireModel


class LineIn(WireModel):
    """The units of a line of business, with those below, and who administers its pool; none given: those in
    charge of its units.
    """

    unit_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]
    admin_ids: Annotated[list[Id], Field(max_length=100)] = Field(default_factory=list)


class PresetIn(WireModel):
    """Which parts, and who works in which line; no line at all: the whole company sells as `saas`."""

    parts: Annotated[list[Part], Field(min_length=1)] = Field(default_factory=lambda: list(PARTS))
    lines: dict[LineName, LineIn] = Field(default_factory=dict)
    preview: bool = Field(default=False, description="Only say what would be made.")

    def named(self) -> list[Line]:
        return [
            Line(name, tuple(dict.fromkeys(line.unit_ids)), tuple(dict.fromkeys(line.admin_ids)))
            for name, line in self.lines.items()
        ]


class DoneOut(WireModel):
    """One thing of the preset. `present`: one of this name was there and stays as it is."""

    part: Part
    path: str
    name: str
    state: State
    id: Id | None
    problem: str | None = Field(description="Why it was refused.")

    @classmethod
    def of(cls, done: Done) -> DoneOut:
        return cls(
            part=done.item.part,
            path=done.item.path,
            name=done.item.name,
            state=done.state,
            id=UUID(done.id) if done.id else None,
            problem=done.problem,
        )


class PresetOut(WireModel):
    items: list[DoneOut]

    @classmethod
    def of(cls, done: Sequence[Done]) -> PresetOut:
        return cls(items=[DoneOut.of(each) for each in done])
