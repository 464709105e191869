"""What somebody agrees to, on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.leads.privacy.wishes.rules import PURPOSES, Agreed, How, Purpose, Statement
from shared.access.principal import Principal
from shared.web.wire import Id, Text, Timestamp, WireModel


def _each_once(purposes: list[Purpose]) -> list[Purpose]:
    if len(set(purposes)) < len(purposes):
        raise PydanticCustomError("doubled", "Each purpose is named once")
    return purposes


Purposes = Annotated[list[Purpose], Field(min_length=1, max_length=len(PURPOSES)), AfterValidator(_each_once)]
Evidence = Annotated[str, Text(1000)]


class ConsentIn(WireModel):
    """What they agreed to, in which way and when (null: now), and which notice they were shown."""

    purposes: Purposes
    how: How
    at: Timestamp | None = None
    notice_id: Id | None = None
    notice_version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    evidence: Evidence | None = Field(default=None, description="Such as where the signed form lies.")

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if (self.notice_id is None) != (self.notice_version is None):
            raise PydanticCustomError("notice_and_version", "Give a notice together with its version")
        return self

    def agreed(self) -> Agreed:
        shown = (self.notice_id, self.notice_version, self.evidence)
        return Agreed(tuple(self.purposes), self.how, self.at, *shown)

    def statement(self, who: Principal, now: datetime) -> Statement:
        return self.agreed().statement(who.user_id, now)
