"""Alembic's entry: the tables of activities and those of the shared parts its database holds."""

from services.activities.tables import ALL
from shared.database.migrate import run_env

run_env(*ALL)
