"""All tables of this service, for migrations: importing this module is importing every room's."""

from services.activities.leads_known import tables as _leads_known
from services.activities.metadata import metadata
from services.activities.recording import tables as _recording

__all__ = ["metadata"]

ROOMS = (_leads_known, _recording)
