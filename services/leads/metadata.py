"""The metadata that all of this service's tables stand in."""

from shared.database.tables import metadata_for

metadata = metadata_for("leads")
