"""Saved views on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.leads.finding.filtering.filters import LeadFilters, Sort
from services.leads.finding.views.rules import SharedWith, View
from shared.errors import FieldError
from shared.web.wire import Id, Line, Timestamp, WireModel

Name = Annotated[str, Line(100)]
Columns = Annotated[list[Annotated[str, Field(pattern=r"^(custom\.)?\w{1,40}$")]], Field(max_length=60)]


class ViewIn(WireModel):
    """A view to keep. Without `unit_id` it is shared with the unit that one belongs to."""

    name: Name
    shared_with: SharedWith = Field(
        default="nobody", description="`unit`: whoever belongs there or below; `tenant`: everybody."
    )
    unit_id: Id | None = None
    filters: LeadFilters = Field(default_factory=LeadFilters)
    sort: Sort | None = None
    columns: Columns = Field(
        default_factory=list, description="What a list shows, in order; custom fields as `custom.key`."
    )

    @model_validator(mode="after")
    def _names_a_unit_to_share_with(self) -> Self:
        if self.unit_id is not None and self.shared_with != "unit":
            raise PydanticCustomError("unit_not_shared_with", "A unit is named by who shares with one")
        return self


class ViewPatch(WireModel):
    """What is to change; `filters` and `columns` are replaced whole, null takes the order away."""

    name: Name | None = None
    shared_with: SharedWith | None = None
    unit_id: Id | None = None
    filters: LeadFilters | None = None
    sort: Sort | None = None
    columns: Columns | None = None

    def changes(self) -> Mapping[str, Any]:
        """The given fields, named as in View."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        found = {name: value for name, value in given.items() if value is not None or name == "sort"}
        if "columns" in found:
            found["columns"] = tuple(found["columns"])
        return found


class ProblemOut(WireModel):
    """What of a view is no longer there; `pointer` within the view."""

    pointer: str
    code: str
    detail: str


class ViewOut(WireModel):
    """A view as it is now. With `problems` it lists nothing until it is changed."""

    id: Id
    version: int
    owner_id: Id
    name: str
    shared_with: SharedWith
    unit_id: Id | None
    filters: dict[str, Any]
    sort: Sort | None
    columns: list[str]
    created_at: Timestamp
    problems: list[ProblemOut]

    @classmethod
    def of(cls, view: View, problems: Sequence[FieldError]) -> ViewOut:
        same = ("id", "version", "owner_id", "name", "shared_with", "unit_id", "sort", "created_at")
        return cls(
            **{name: getattr(view, name) for name in same},
            filters=view.filters.model_dump(mode="json", exclude_defaults=True),
            columns=list(view.columns),
            problems=[ProblemOut(pointer=one.pointer, code=one.code, detail=one.detail) for one in problems],
        )
