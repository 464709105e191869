"""Defining campaigns, recording what they cost, and asking what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.capture.campaigns.rules import Campaign, Cost, Results, check_days, noon_of
from services.leads.capture.campaigns.tables import (
    COSTS,
    DELETE_COST,
    INSERT,
    INSERT_COST,
    LOCK,
    ONE,
    PAGE,
    RESULTS,
    SPENT,
    UPDATE,
    campaigns,
)
from services.leads.follow_up.pipelines.rules import QUALIFICATION
from services.leads.judging.valuation.use_cases import Valuer
from shared.access.directory import tenant_of
from shared.access.principal import Principal
from shared.contracts.base import Event
from shared.contracts.campaigns import CampaignCostRecorded, CampaignCostRemoved, CampaignDefined
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id
from shared.money import Money, from_minor, to_minor


class UnknownCampaign(NotFound):
    code = "unknown_campaign"
    title = "There is no such campaign"


class CampaignThere(Conflict):
    code = "campaign_there"
    title = "There is a campaign of this name already"


class UnknownCost(NotFound):
    code = "unknown_cost"
    title = "The campaign has no such cost"


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a campaign, in the tenant's currency."""

    campaign: Campaign
    results: Results
    currency: str


async def list_campaigns(tx: Tx, tenant_id: UUID, after: UUID | None, most: int) -> list[Campaign]:
    """A page of them, the latest first."""
    return [_campaign(row) for row in await tx.connection.fetch(PAGE, tenant_id, after, most)]


async def campaign_of(tx: Tx, tenant_id: UUID, campaign_id: UUID) -> Campaign:
    """Raises UnknownCampaign."""
    return _found(await tx.connection.fetchrow(ONE, tenant_id, campaign_id), campaign_id)


async def define_campaign(tx: Tx, tenant_id: UUID, campaign: Campaign) -> Campaign:
    """Raises EndsBeforeItStarts, CampaignThere."""
    check_days(campaign.starts_on, campaign.ends_on)
    values = (campaign.name, *_changeable(campaign), campaign.created_at)
    if not await tx.connection.fetchval(INSERT, tenant_id, campaign.id, *values):
        raise CampaignThere(errors=[FieldError("/name", CampaignThere.code, CampaignThere.title)])
    event = NewEvent(campaign.id, _event(campaign), campaign.created_at)
    await record_events(tx, campaigns, [event], created=True)
    return campaign


async def change_campaign(
    tx: Tx,
    tenant_id: UUID,
    campaign_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Campaign:
    """Nothing is recorded where nothing changes.

    Raises UnknownCampaign, EndsBeforeItStarts, and what `check_version` raises.
    """
    old = await _held(tx, tenant_id, campaign_id)
    check_version(old.version)
    new = replace(old, **changes)
    check_days(new.starts_on, new.ends_on)
    if new == old:
        return old
    await tx.connection.execute(UPDATE, tenant_id, campaign_id, *_changeable(new))
    return replace(new, version=await _recorded(tx, campaign_id, _event(new), at))


async def list_costs(tx: Tx, tenant_id: UUID, campaign_id: UUID, after: UUID | None, most: int) -> list[Cost]:
    """A page of what it cost, the latest recorded first. Raises UnknownCampaign."""
    await campaign_of(tx, tenant_id, campaign_id)
    return [_cost(row) for row in await tx.connection.fetch(COSTS, tenant_id, campaign_id, after, most)]


async def record_cost(
    tx: Tx,
    tenant_id: UUID,
    campaign_id: UUID,
    on: date,
    amount: Money,
    note: str | None,
    by_id: UUID | None,
    at: datetime,
) -> Cost:
    """At the rate of its day. Raises UnknownCampaign, RateMissing, BadMoney."""
    tenant = await tenant_of(tx)
    day = noon_of(on, tenant.timezone)
    worth = await Valuer(tx, tenant).value(amount, day, "/amount")
    assert worth is not None  # noqa: S101 - there is an amount
    await _held(tx, tenant_id, campaign_id)
    cost = Cost(new_id(), on, amount, worth.tenant_minor, note, by_id, at)
    values = (worth.minor, worth.currency, worth.tenant_minor, note, by_id, at)
    await tx.connection.execute(INSERT_COST, tenant_id, campaign_id, cost.id, on, *values)
    event = CampaignCostRecorded(cost_id=cost.id, on=on, amount=worth.for_event())
    await _recorded(tx, campaign_id, event, day)
    return cost


async def remove_cost(tx: Tx, tenant_id: UUID, campaign_id: UUID, cost_id: UUID, at: datetime) -> None:
    """It was recorded by mistake. Raises UnknownCampaign, UnknownCost."""
    await _held(tx, tenant_id, campaign_id)
    if not await tx.connection.fetchval(DELETE_COST, tenant_id, campaign_id, cost_id):
        raise UnknownCost(f"the campaign has no cost {cost_id}")
    await _recorded(tx, campaign_id, CampaignCostRemoved(cost_id=cost_id), at)


async def results_of(tx: Tx, who: Principal, campaign_id: UUID) -> Came:
    """Of the leads that they see. Raises UnknownCampaign."""
    campaign = await campaign_of(tx, who.tenant_id, campaign_id)
    row = await tx.connection.fetchrow(RESULTS, who.tenant_id, campaign.name, len(QUALIFICATION))
    cost = await tx.connection.fetchval(SPENT, who.tenant_id, campaign_id)
    counted = {} if row is None else dict(row.items())
    results = Results(**counted, cost=cost, whole=who.visibility == "tenant")
    return Came(campaign, results, (await tenant_of(tx)).currency)


async def _held(tx: Tx, tenant_id: UUID, campaign_id: UUID) -> Campaign:
    return _found(await tx.connection.fetchrow(LOCK, tenant_id, campaign_id), campaign_id)


def _found(row: asyncpg.Record | None, campaign_id: UUID) -> Campaign:
    if row is None:
        raise UnknownCampaign(f"there is no campaign {campaign_id}")
    return _campaign(row)


async def _recorded(tx: Tx, campaign_id: UUID, event: Event, at: datetime) -> int:
    [place] = await record_events(tx, campaigns, [NewEvent(campaign_id, event, at)])
    return place.seq


def _changeable(campaign: Campaign) -> tuple[Any, ...]:
    budget = campaign.budget
    minor, currency = (None, None) if budget is None else (to_minor(budget), budget.currency)
    return (campaign.channel, campaign.starts_on, campaign.ends_on, minor, currency)


def _event(campaign: Campaign) -> CampaignDefined:
    return CampaignDefined(
        name=campaign.name,
        channel=campaign.channel,
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
    )


def _campaign(row: asyncpg.Record) -> Campaign:
    minor = row["budget_minor"]
    return Campaign(
        row["id"],
        row["seq"],
        row["name"],
        row["channel"],
        row["starts_on"],
        row["ends_on"],
        None if minor is None else from_minor(minor, row["budget_currency"]),
        row["created_at"],
    )


def _cost(row: asyncpg.Record) -> Cost:
    return Cost(
        row["id"],
        row["day"],
        from_minor(row["amount_minor"], row["amount_currency"]),
        row["amount_tenant_minor"],
        row["note"],
        row["by_id"],
        row["recorded_at"],
    )
