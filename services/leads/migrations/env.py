"""Alembic's entry: the tables of leads and those of the shared parts its database holds."""

from services.leads.tables import ALL
from shared.database.migrate import run_env

run_env(*ALL)
