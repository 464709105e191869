"""The metadata of this service's own tables; each room adds its own in its `tables.py`."""

from shared.database.tables import metadata_for

metadata = metadata_for("activities")
