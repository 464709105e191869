"""Alembic's entry: the tables of scoring and those of the shared parts its database holds."""

from services.scoring.tables import ALL
from shared.database.migrate import run_env

run_env(*ALL)
