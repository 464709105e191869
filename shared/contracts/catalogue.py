"""All event types of the product, by importing every publisher's module."""

from shared.contracts import activities, campaigns, gateway, leads, org, privacy, scoring
from shared.contracts.base import EVENT_TYPES

__all__ = ["EVENT_TYPES", "activities", "campaigns", "gateway", "leads", "org", "privacy", "scoring"]
