"""All wiring of leads; tests come in by this door."""

from __future__ import annotations

from fastapi import FastAPI

from services.leads.assignment import api as assignment
from services.leads.history_import import api as history_import
from services.leads.intake import api as intake
from services.leads.intake.use_cases import stages_in_use
from services.leads.pipelines import api as pipelines
from services.leads.progress import api as progress
from services.leads.timeline import api as timeline
from shared.clock import Clock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.hints import RECORDED, Hints, connector
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate

SERVICE = "leads"
ROUTERS = (
    intake.router,
    progress.router,
    assignment.leads_router,
    timeline.router,
    assignment.rules_router,
    pipelines.make_router(stages_in_use),
    history_import.router,
)


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    hints = Hints(connector(settings, SERVICE), RECORDED)
    database = Database(make_engine(settings, SERVICE, "app"), hint=hints.poke)
    return make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=database,
        authenticate=authenticate,
        clock=clock,
    )
