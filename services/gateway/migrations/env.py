"""Alembic's entry: the gateway's tables and those of the shared parts its database holds."""

from services.gateway.tables import ALL
from shared.database.migrate import run_env

run_env(*ALL)
