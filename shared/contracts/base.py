"""What every event has in common, and the registry from which consumers, documents and tests read."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Value(BaseModel):
    """A part of an event's payload. Unknown fields are ignored: a newer publisher may have added them."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Credit(Value):
    """Who gets the credit for a fact, with the team of that time.

    `rep_id` is None where nobody or no rep did it; `team_path` lists unit ids from the root down to
    `team_id`; `team_region` is the code of the region unit nearest above (or equal to) the team.
    """

    rep_id: UUID | None = None
    team_id: UUID | None = None
    team_path: tuple[UUID, ...] = ()
    team_region: str | None = None


class Dimensions(Value):
    """The lead's own dimensions at the time of the event: codes, never names of people."""

    region: str | None = None
    product: str | None = None
    channel: str | None = None


class Amount(Value):
    """Money as given, and in the tenant's currency at the dated rate.

    `amount` is a decimal string in `currency`; `tenant_minor` is the converted amount in minor units (cents,
    fen) of `tenant_currency`.
    """

    amount: str
    currency: str
    tenant_minor: int
    tenant_currency: str


class Event(Value):
    """A past-tense fact about one aggregate. The envelope (id, tenant, seq, times) travels in headers."""

    topic: ClassVar[str]
    aggregate_type: ClassVar[str]
    version: ClassVar[int] = 1

    @classmethod
    @cache
    def type_name(cls) -> str:
        """The CloudEvents type, e.g. `cox.leads.lead_created.v1`."""
        return f"{cls.topic}.{_WORD.sub('_', cls.__name__).lower()}.v{cls.version}"

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "aggregate_type" in cls.__dict__:
            EVENT_TYPES[cls.type_name()] = cls


EVENT_TYPES: dict[str, type[Event]] = {}
"""Every event class by its type name; complete once `shared.contracts.catalogue` is imported."""
