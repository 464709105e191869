"""What a form asks, as it is written on the wire and kept in its row."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.web.wire import Id, Line, Text, WireModel

Language = Literal["zh", "en"]
FieldName = Annotated[
    str,
    Field(
        pattern=r"^(name|phone|email|company|region|product|value|custom\.\w{1,40})$",
        description="A lead's field, or `custom.` and the key of one of the tenant's own.",
        examples=["phone"],
    ),
]
Purpose = Literal["contact", "marketing", "profiling", "sharing"]
Kind = Literal[
    "text", "long_text", "phone", "email", "money", "integer", "number", "date", "boolean", "choice",
    "choices", "url",
]  # fmt: skip
Short = Annotated[str, Line(100)]
CUSTOM = "custom."


class _Said(WireModel):
    zh: str | None = None
    en: str | None = None

    @model_validator(mode="after")
    def _is_any(self) -> Self:
        if not (self.zh or self.en):
            raise PydanticCustomError("no_label", "In Chinese (zh), in English (en), or both")
        return self

    def of(self, language: Language) -> str:
        return self.zh or self.en or "" if language == "zh" else self.en or self.zh or ""


class Label(_Said):
    """In Chinese, in English, or both; who reads the other one is shown what there is."""

    zh: Annotated[str, Line(200)] | None = None
    en: Annotated[str, Line(200)] | None = None


class Paragraph(_Said):
    """The same, of several lines."""

    zh: Annotated[str, Text(2000)] | None = None
    en: Annotated[str, Text(2000)] | None = None


class Option(WireModel):
    """One of those to choose from; `value` is what the lead gets."""

    value: Short
    label: Label | None = None


class Asked(WireModel):
    """One field of a form; without a label it has the product's own, or that of the custom field."""

    field: FieldName
    label: Label | None = None
    required: bool = False
    options: Annotated[list[Option], Field(max_length=500)] = Field(
        default_factory=list,
        description="What there is to choose from; of a custom field that is a choice, all of its options "
        "where none are given.",
    )

    @property
    def custom_key(self) -> str | None:
        return self.field.removeprefix(CUSTOM) if self.field.startswith(CUSTOM) else None


class Shown(Asked):
    """A field as people see it: of which kind it is, and its label."""

    label: Label
    kind: Kind


class PurposeAsked(WireModel):
    """Something to agree to, by a box that is never ticked before; `required`: or else nothing is sent."""

    purpose: Purpose
    label: Label | None = None
    required: bool = False


class ConsentAsked(WireModel):
    """To what people agree, and the notice that they are shown."""

    purposes: Annotated[list[PurposeAsked], Field(min_length=1, max_length=4)]
    notice_id: Id | None = None
    notice_version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if (self.notice_id is None) != (self.notice_version is None):
            raise PydanticCustomError("notice_and_version", "Give a notice together with its version")
        return self


class ConsentShown(ConsentAsked):
    """With the notice's own words, as they stood in that version."""

    wording: str | None = None


class Fixed(WireModel):
    """What every lead of a form, or of a code, has without being asked."""

    source: Short | None = None
    channel: Short | None = None
    campaign: Short | None = None
    region: Short | None = None
    product: Short | None = None
    tags: Annotated[list[Annotated[str, Line(64)]], Field(max_length=20)] = Field(default_factory=list)

    def over(self, other: Fixed) -> Fixed:
        """This, and of the other what this leaves open; tags of both."""
        mine = {name: value for name, value in self if name != "tags" and value is not None}
        tags = list(dict.fromkeys([*other.tags, *self.tags]))
        return other.model_copy(update=mine | {"tags": tags})
