"""Custom fields on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.leads.capture.custom_fields.rules import MOST_OPTIONS, CustomField, State
from services.leads.capture.custom_fields.values import FieldType, Option
from services.leads.edge import StageKey
from shared.web.wire import Id, Line, Scalar, ScalarIn, WireModel

FieldKey = Annotated[str, Field(pattern=r"^\w{1,40}$")]
OptionKey = Annotated[str, Field(pattern=r"^[\w-]{1,60}$")]
Label = Annotated[str, Line(100)]
_EMPTIED = {"default": None, "required_from": None}


class LabelsIn(WireModel):
    """In Chinese, in English, or both."""

    zh: Label | None = None
    en: Label | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.zh or self.en):
            raise PydanticCustomError("no_label", "A label in Chinese (zh) or English (en)")
        return self

    def labels(self) -> dict[str, str]:
        return {name: text for name in ("zh", "en") if (text := getattr(self, name))}


class OptionIn(WireModel):
    """One of a choice's. `key` is what leads store; labels may change, and are understood as well."""

    key: OptionKey
    labels: LabelsIn
    active: bool = Field(default=True, description="False: no lead gets it any more; who has it keeps it.")

    def option(self) -> Option:
        return Option(self.key, self.labels.labels(), self.active)


Options = Annotated[list[OptionIn], Field(max_length=MOST_OPTIONS)]
Position = Annotated[int, Field(ge=0, le=10_000)]
Demand = Annotated[
    StageKey,
    Field(description="A stage's key, or `won`: no lead comes there or beyond without a value."),
]


class CustomFieldIn(WireModel):
    """A field that leads are to have in `custom`, under its key."""

    key: FieldKey
    labels: LabelsIn
    type: FieldType
    options: Options = Field(default_factory=list)
    default: ScalarIn = Field(default=None, description="What a new lead has that says nothing.")
    required_from: Demand | None = None
    searchable: bool = Field(default=False, description="Found by parts of its text; of texts and addresses.")
    position: Position = 0

    def field(self, id_: UUID) -> CustomField:
        return CustomField(
            id=id_,
            key=self.key,
            labels=self.labels.labels(),
            type=None,
            wanted=self.type,
            state="checking",
            options=tuple(option.option() for option in self.options),
            default=self.default,
            required_from=self.required_from,
            searchable=self.searchable,
            position=self.position,
        )


class CustomFieldPatch(WireModel):
    """What is to change. `options` replaces all of them: retire those that leads may have.

    Another `type` holds once every stored value was found to say exactly the same in it.
    """

    labels: LabelsIn | None = None
    type: FieldType | None = None
    options: Options | None = None
    default: ScalarIn = None
    required_from: Demand | None = None
    searchable: bool | None = None
    position: Position | None = None
    active: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        """Named and typed as in CustomField; only `default` and `required_from` may be emptied."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        found = {name: value for name, value in given.items() if value is not None or name in _EMPTIED}
        if self.labels is not None:
            found["labels"] = self.labels.labels()
        if self.options is not None:
            found["options"] = tuple(option.option() for option in self.options)
        return found


class OptionOut(WireModel):
    key: str
    labels: dict[str, str]
    active: bool


class CustomFieldOut(WireModel):
    """A field as it is now.

    `state`: `checking` while stored values are looked through before `wanted_type` holds, `refused` when some
    of them do not fit (see `/check`), `converting` while they are written as the type has them, then `ready`.
    """

    id: Id
    version: int
    key: str
    labels: dict[str, str]
    type: FieldType
    wanted_type: FieldType | None
    state: State
    options: list[OptionOut]
    default: Scalar
    required_from: str | None
    searchable: bool
    position: int
    active: bool

    @classmethod
    def of(cls, one: CustomField) -> CustomFieldOut:
        same = (
            "id", "version", "key", "state", "default", "required_from", "searchable", "position", "active",
        )  # fmt: skip
        return cls(
            **{name: getattr(one, name) for name in same},
            labels=dict(one.labels),
            type=one.shown_type,
            wanted_type=one.wanted,
            options=[
                OptionOut(key=option.key, labels=dict(option.labels), active=option.active)
                for option in one.options
            ],
        )


class FieldTerms(WireModel):
    """What becomes of values whose field is not defined, once any is: `refused`, or `kept` as they come."""

    unknown_keys: Literal["refused", "kept"]
