"""All metadata of this service's database: its own tables and those of the shared parts it holds."""

from sqlalchemy import MetaData

import services.leads.assigning.assignment.tables
import services.leads.assigning.handover.tables
import services.leads.assigning.reassignment.tables
import services.leads.assigning.returns.tables
import services.leads.assigning.standings.tables
import services.leads.assigning.workload.tables
import services.leads.capture.campaigns.tables
import services.leads.capture.custom_fields.tables
import services.leads.capture.history_import.tables
import services.leads.capture.intake.tables
import services.leads.capture.refitting.tables
import services.leads.deduplication.duplicates.tables
import services.leads.deduplication.likeness.tables
import services.leads.deduplication.parts.tables
import services.leads.finding.exports.tables
import services.leads.finding.views.tables
import services.leads.follow_up.automation.tables
import services.leads.follow_up.first_response.tables
import services.leads.follow_up.pipelines.tables
import services.leads.follow_up.progress.tables
import services.leads.follow_up.touches.tables
import services.leads.judging.classification.tables
import services.leads.judging.qualification.tables
import services.leads.pools.pool.tables
import services.leads.pools.recycling.tables
import services.leads.privacy.audit.tables
import services.leads.privacy.contact_reads.tables
import services.leads.privacy.erasure.tables
import services.leads.privacy.retention.tables
import services.leads.privacy.sealing.tables
import services.leads.privacy.wishes.tables  # noqa: F401 - importing a room's tables puts them into the metadata
from services.leads.metadata import metadata
from shared.access.tables import metadata as access
from shared.events.tables import metadata as backbone
from shared.web.tables import metadata as web

ALL: tuple[MetaData, ...] = (metadata, backbone, access, web)
