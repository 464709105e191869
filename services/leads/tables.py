"""All metadata of this service's database: its own tables and those of the shared parts it holds."""

from sqlalchemy import MetaData

import services.leads.assignment.tables
import services.leads.audit.tables
import services.leads.automation.tables
import services.leads.campaigns.tables
import services.leads.classification.tables
import services.leads.contact_reads.tables
import services.leads.custom_fields.tables
import services.leads.duplicates.tables
import services.leads.erasure.tables
import services.leads.exports.tables
import services.leads.first_response.tables
import services.leads.handover.tables
import services.leads.history_import.tables
import services.leads.intake.tables
import services.leads.likeness.tables
import services.leads.parts.tables
import services.leads.pipelines.tables
import services.leads.pool.tables
import services.leads.progress.tables
import services.leads.qualification.tables
import services.leads.reassignment.tables
import services.leads.recycling.tables
import services.leads.refitting.tables
import services.leads.retention.tables
import services.leads.returns.tables
import services.leads.sealing.tables
import services.leads.standings.tables
import services.leads.touches.tables
import services.leads.views.tables
import services.leads.wishes.tables
import services.leads.workload.tables  # noqa: F401 - importing a room's tables puts them into the metadata
from services.leads.metadata import metadata
from shared.access.tables import metadata as access
from shared.events.tables import metadata as backbone
from shared.web.tables import metadata as web

ALL: tuple[MetaData, ...] = (metadata, backbone, access, web)
