"""Published by leads on `cox.leads`: campaigns and what they cost."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Amount
from shared.contracts.leads import LeadsEvent


class CampaignDefined(LeadsEvent):
    """There is a campaign, or it is another one from now on; `name` is what its leads carry."""

    aggregate_type: ClassVar[str] = "campaign"
    name: str
    channel: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


class CampaignCostRecorded(LeadsEvent):
    """The campaign cost something on a day of the tenant's, which is event time's."""

    aggregate_type: ClassVar[str] = "campaign"
    cost_id: UUID
    on: date
    amount: Amount


class CampaignCostRemoved(LeadsEvent):
    """A cost was recorded by mistake, and counts no more."""

    aggregate_type: ClassVar[str] = "campaign"
    cost_id: UUID
