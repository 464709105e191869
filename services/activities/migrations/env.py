"""Migrates the database of activities on the connection that `shared.database.migrate` opened."""

from services.activities import tables
from shared.access import tables as access
from shared.database.migrate import run_env
from shared.events import tables as events
from shared.web import tables as web

run_env(tables.metadata, events.metadata, web.metadata, access.metadata)
