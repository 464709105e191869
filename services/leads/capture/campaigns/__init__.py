"""Campaigns: what they are called, when they run, what they cost, and what came of them.

Owns `campaigns` and `campaign_costs`; publishes CampaignDefined, CampaignCostRecorded, CampaignCostRemoved.
Consumes nothing: leads carry a campaign's name, whether anybody defined it or not.
"""
