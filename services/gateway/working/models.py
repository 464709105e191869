"""What the routes of profiles and absences take and give."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.gateway.calendars.models import TimezoneName
from services.gateway.working.rules import Absence, AbsenceKind, Profile
from shared.web.wire import Code, Id, Line, Timestamp, WireModel

Language = Annotated[str, Field(pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="`zh`, `en-GB`")]
Word = Annotated[str, Line(100)]
Capacity = Annotated[int, Field(ge=0, le=1_000_000)]


class ProfileIn(WireModel):
    """The whole profile: what is not given is nothing.

    `level` is a code such as `P2`; `capacity` the most open leads, null: any number. `territories` are
    regions as leads name them. `timezone` and `calendar_id` null: those of the user's unit.
    """

    level: Code | None = None
    capacity: Capacity | None = None
    skills: Annotated[list[Word], Field(max_length=100)] = Field(default_factory=list)
    languages: Annotated[list[Language], Field(max_length=20)] = Field(default_factory=list)
    territories: Annotated[list[Word], Field(max_length=500)] = Field(default_factory=list)
    timezone: TimezoneName | None = None
    calendar_id: Id | None = None

    def profile(self, user_id: UUID) -> Profile:
        return Profile(
            user_id=user_id,
            level=self.level,
            capacity=self.capacity,
            skills=tuple(dict.fromkeys(self.skills)),
            languages=tuple(dict.fromkeys(self.languages)),
            territories=tuple(dict.fromkeys(self.territories)),
            timezone=self.timezone,
            calendar_id=self.calendar_id,
        )


class ProfileOut(WireModel):
    """`version` is 0 while nothing was said."""

    user_id: Id
    level: str | None
    capacity: int | None
    skills: list[str]
    languages: list[str]
    territories: list[str]
    timezone: str | None
    calendar_id: Id | None
    version: int

    @classmethod
    def of(cls, profile: Profile) -> ProfileOut:
        return cls(
            user_id=profile.user_id,
            level=profile.level,
            capacity=profile.capacity,
            skills=list(profile.skills),
            languages=list(profile.languages),
            territories=list(profile.territories),
            timezone=profile.timezone,
            calendar_id=profile.calendar_id,
            version=profile.version,
        )


class AbsenceIn(WireModel):
    """Away from `from_at` until before `to_at`. Nobody but who may see the user learns the `kind`."""

    kind: AbsenceKind
    from_at: Timestamp
    to_at: Timestamp


class AbsenceOut(WireModel):
    id: Id
    user_id: Id
    kind: AbsenceKind
    from_at: Timestamp
    to_at: Timestamp
    recorded_by: Id | None
    recorded_at: Timestamp

    @classmethod
    def of(cls, absence: Absence) -> AbsenceOut:
        return cls(
            id=absence.id,
            user_id=absence.user_id,
            kind=absence.kind,
            from_at=absence.from_at,
            to_at=absence.to_at,
            recorded_by=absence.recorded_by,
            recorded_at=absence.recorded_at,
        )
