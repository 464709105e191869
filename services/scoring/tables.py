"""All metadata of this service's database: its own tables and those of the shared parts it holds."""

from sqlalchemy import MetaData

import services.scoring.kpis.tables  # noqa: F401 - importing a room's tables puts them into the metadata
from services.scoring.metadata import metadata
from shared.access.tables import metadata as access
from shared.events.tables import metadata as backbone
from shared.web.tables import metadata as web

ALL: tuple[MetaData, ...] = (metadata, backbone, access, web)
