"""Every table of scoring's database: importing this fills the metadata."""

from services.scoring.kpis import tables as _kpis
from services.scoring.metadata import metadata
from shared.access.tables import metadata as access_metadata
from shared.events.tables import metadata as events_metadata
from shared.web.tables import metadata as web_metadata

__all__ = ["ALL", "_kpis"]

ALL = (metadata, events_metadata, web_metadata, access_metadata)
"""Scoring's own metadata first, then the backbone's, HTTP's and the org's copy."""
