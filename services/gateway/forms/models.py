"""Forms on the wire: as those who make them see them, and as everybody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.gateway.forms.asked import (
    Asked,
    ConsentAsked,
    ConsentShown,
    Fixed,
    Label,
    Paragraph,
    PurposeAsked,
    Shown,
)
from services.gateway.forms.rules import Form, https_url, origin_fault
from shared.web.wire import Id, Line, Timestamp, WireModel


def _https(text: str) -> str:
    if (fault := https_url(text)) is not None:
        raise PydanticCustomError("bad_url", "{fault}", {"fault": fault})
    return text


def _origin(text: str) -> str:
    if (fault := origin_fault(text)) is not None:
        raise PydanticCustomError("bad_origin", "{fault}", {"fault": fault})
    return text


HttpsUrl = Annotated[str, Field(max_length=2000), AfterValidator(_https)]
Origin = Annotated[str, Field(max_length=300), AfterValidator(_origin)]
Name = Annotated[str, Line(100)]
Fields = Annotated[list[Asked], Field(min_length=1, max_length=50)]
Origins = Annotated[
    list[Origin],
    Field(
        max_length=20,
        description="Sites whose pages may show the form and send it by script; none: only its own page, "
        "and programs on a server.",
    ),
]
PerMinute = Annotated[
    int, Field(ge=1, le=600, description="Submissions taken from one address within a minute.")
]
PerDay = Annotated[int, Field(ge=1, le=100_000, description="Submissions taken within 24 hours.")]


class FormIn(WireModel):
    """A form for people who have no account. What its leads have besides is `fixed`."""

    name: Name
    title: Label
    intro: Paragraph | None = None
    fields: Fields
    fixed: Fixed = Field(default_factory=Fixed)
    consent: ConsentAsked | None = None
    origins: Origins = Field(default_factory=list)
    thanks: Paragraph | None = Field(default=None, description="What people read who have sent it.")
    redirect_url: HttpsUrl | None = Field(default=None, description="Where they go then instead.")
    per_minute: PerMinute = 20
    per_day: PerDay = 2000
    enabled: bool = True


class FormPatch(WireModel):
    """What is absent stays as it is; null empties `intro`, `consent`, `thanks` and `redirect_url`."""

    name: Name | None = None
    title: Label | None = None
    intro: Paragraph | None = None
    fields: Fields | None = None
    fixed: Fixed | None = None
    consent: ConsentAsked | None = None
    origins: Origins | None = None
    thanks: Paragraph | None = None
    redirect_url: HttpsUrl | None = None
    per_minute: PerMinute | None = None
    per_day: PerDay | None = None
    enabled: bool | None = None
    renew_key: bool = Field(default=False, description="Give it another address; the old one is gone.")

    def changes(self) -> Mapping[str, Any]:
        """What is given, by the names of Form; `fields` and `consent` as they are asked, not as shown."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "renew_key"}
        return {name: value for name, value in given.items() if value is not None or name in _EMPTIED}


_EMPTIED = frozenset({"intro", "consent", "thanks", "redirect_url"})


class FormOut(WireModel):
    """A form as it is now. Everybody who knows `key` may fill it in: at `url`, or by the public routes."""

    id: Id
    version: int
    key: str
    url: str
    name: str
    title: Label
    intro: Paragraph | None
    fields: list[Shown]
    fixed: Fixed
    consent: ConsentShown | None
    origins: list[str]
    thanks: Paragraph | None
    redirect_url: str | None
    per_minute: int
    per_day: int
    enabled: bool
    changed_by: Id | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, form: Form, base: str) -> FormOut:
        same = {name: getattr(form, name) for name in cls.model_fields if name not in _MADE}
        return cls(**same, url=f"{base}/f/{form.key}", fields=list(form.fields), origins=list(form.origins))


_MADE = frozenset({"url", "fields", "origins"})


class PublicConsentOut(WireModel):
    """What people may agree to, and the words that they are shown with it."""

    purposes: list[PurposeAsked]
    wording: str | None


class PublicFormOut(WireModel):
    """What to show. Answers are sent under each field's name; `consent` lists the purposes agreed to."""

    title: Label
    intro: Paragraph | None
    fields: list[Shown]
    consent: PublicConsentOut | None

    @classmethod
    def of(cls, form: Form) -> PublicFormOut:
        asked = form.consent
        return cls(
            title=form.title,
            intro=form.intro,
            fields=list(form.fields),
            consent=None
            if asked is None
            else PublicConsentOut(purposes=asked.purposes, wording=asked.wording),
        )


class ReceivedOut(WireModel):
    """It was taken, whoever sent it: nothing here tells whether they are known already."""

    received: bool
    message: str
    redirect_url: str | None
