"""All metadata of this service's database: its own tables and those of the shared parts it holds."""

from sqlalchemy import MetaData

import services.gateway.calendars.tables
import services.gateway.codes.tables
import services.gateway.departures.tables
import services.gateway.forms.tables
import services.gateway.identity.tables
import services.gateway.imports.rows.tables
import services.gateway.imports.saved.tables
import services.gateway.imports.tables
import services.gateway.org.tables
import services.gateway.partners.tables
import services.gateway.tenancy.tables
import services.gateway.working.tables  # noqa: F401 - importing a room's tables puts them into the metadata
from services.gateway.metadata import metadata
from shared.events.tables import metadata as backbone
from shared.web.tables import metadata as web

ALL: tuple[MetaData, ...] = (metadata, backbone, web)
