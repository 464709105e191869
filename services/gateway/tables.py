"""Every table of the gateway's database: importing this fills the metadata."""

from services.gateway.identity import tables as _identity
from services.gateway.imports import tables as _imports
from services.gateway.metadata import metadata
from services.gateway.org import tables as _org
from services.gateway.partners import tables as _partners
from services.gateway.tenancy import tables as _tenancy
from shared.events.tables import metadata as events_metadata
from shared.web.tables import metadata as web_metadata

__all__ = ["ALL", "_identity", "_imports", "_org", "_partners", "_tenancy"]

ALL = (metadata, events_metadata, web_metadata)
"""The gateway's own metadata first, then the backbone's and HTTP's."""
