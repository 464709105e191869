"""Campaigns on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.leads.capture.campaigns.rules import Campaign, Cost
from services.leads.capture.campaigns.use_cases import Came
from services.leads.edge import Short
from shared.money import from_minor
from shared.web.wire import Day, Id, MoneyIn, MoneyOut, Text, Timestamp, WireModel

Note = Annotated[str, Text(1000)]


class CampaignIn(WireModel):
    """A campaign; its name is what its leads carry in `campaign`, and stays."""

    name: Short
    channel: Short | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    budget: MoneyIn | None = None

    def campaign(self, campaign_id: UUID, at: datetime) -> Campaign:
        budget = self.budget.money() if self.budget else None
        return Campaign(campaign_id, 1, self.name, self.channel, self.starts_on, self.ends_on, budget, at)


class CampaignPatch(WireModel):
    """What is to change; null empties. The name cannot: it stands with the leads."""

    channel: Short | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    budget: MoneyIn | None = None

    def changes(self) -> Mapping[str, Any]:
        """The given fields, named as in Campaign."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "budget" in given:
            given["budget"] = self.budget.money() if self.budget else None
        return given


class CampaignOut(WireModel):
    id: Id
    version: int
    name: str
    channel: str | None
    starts_on: Day | None
    ends_on: Day | None
    budget: MoneyOut | None
    created_at: Timestamp

    @classmethod
    def of(cls, one: Campaign) -> CampaignOut:
        same = ("id", "version", "name", "channel", "starts_on", "ends_on", "created_at")
        budget = None if one.budget is None else MoneyOut.of(one.budget)
        return cls(**{name: getattr(one, name) for name in same}, budget=budget)


class CostIn(WireModel):
    """What it cost on a day of the tenant's; another currency needs a rate of that day."""

    on: Day
    amount: MoneyIn
    note: Note | None = None


class CostOut(WireModel):
    id: Id
    on: Day
    amount: MoneyOut
    note: str | None
    by_id: Id | None
    recorded_at: Timestamp

    @classmethod
    def of(cls, cost: Cost) -> CostOut:
        same = ("id", "on", "note", "by_id", "recorded_at")
        return cls(**{name: getattr(cost, name) for name in same}, amount=MoneyOut.of(cost.amount))


class ResultsOut(WireModel):
    """What came of a campaign: the leads of it that the caller sees, and all that it cost. Money is in the
    tenant's currency.
    """

    campaign_id: Id
    name: str
    whole: bool = Field(description="The caller sees the whole tenant. Only then costs are divided.")
    leads: int
    qualified: int = Field(description="With all four answers of their qualification yes.")
    open: int
    won: int
    lost: int
    won_value: MoneyOut
    cost: MoneyOut
    cost_per_lead: MoneyOut | None
    cost_per_won_lead: MoneyOut | None
    roi: float | None = Field(description="(Won value - cost) / cost; null where nothing was spent.")

    @classmethod
    def of(cls, came: Came) -> ResultsOut:
        found = came.results
        counted = ("whole", "leads", "qualified", "open", "won", "lost")

        def money(minor: int) -> MoneyOut:
            return MoneyOut.of(from_minor(minor, came.currency))

        per_lead, per_won = found.cost_per_lead, found.cost_per_won
        return cls(
            **{name: getattr(found, name) for name in counted},
            campaign_id=came.campaign.id,
            name=came.campaign.name,
            won_value=money(found.won_value),
            cost=money(found.cost),
            cost_per_lead=None if per_lead is None else money(per_lead),
            cost_per_won_lead=None if per_won is None else money(per_won),
            roi=None if found.roi is None else float(found.roi),
        )
