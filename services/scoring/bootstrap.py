"""All wiring of scoring; tests come in by this door."""

from __future__ import annotations

from fastapi import FastAPI

from services.scoring.kpis import api as kpis
from services.scoring.kpis.reactions import kpi_projection
from services.scoring.kpis.rebuilding import Rebuilt, Told, rebuild
from shared.clock import Clock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate

SERVICE = "scoring"
ROUTERS = (kpis.router,)


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    return make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=Database(make_engine(settings, SERVICE, "app")),
        authenticate=authenticate,
        clock=clock,
    )


async def run_rebuild(settings: Settings, told: Told) -> Rebuilt:
    """Rebuild the KPIs of the running copy. Raises RebuildError."""
    worker = Database(make_engine(settings, SERVICE, "worker", pool_size=4))
    backbone = Backbone(settings, SERVICE, worker=worker, app=worker)
    try:
        return await rebuild(backbone, kpi_projection(), told)
    finally:
        await worker.dispose()
