"""All four services, app and worker, wired by their own bootstraps; PostgreSQL and Kafka are the run's."""

from __future__ import annotations

import asyncio
import importlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from deploy.local.ports import listen
from services.gateway.bootstrap import build_internal
from services.gateway.identity.passwords import Passwords
from services.gateway.setting_up import ensure_tenant
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.worker import Worker
from shared.settings import Settings
from tests.support.speaking import PASSWORD, Person, Tenant

SERVICES = ("gateway", "leads", "activities", "scoring")
_READY_S = 240.0


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Movable:
    """The present, until a test says what time it is; None: the present again."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)


@dataclass
class House:
    """A running product: `url` is the gateway's address, `clock` the time in leads, its worker included."""

    settings: Settings
    url: str
    internal_url: str
    workers: dict[str, Worker]
    database: Database
    gateway: FastAPI
    clock: Movable

    async def new_tenant(self, *, timezone: str = "UTC", currency: str = "USD") -> Tenant:
        """A tenant with its signed-in admin; nobody else's data is in it."""
        name = f"tenant {secrets.token_hex(4)}"
        email = f"admin.{secrets.token_hex(4)}@example.com"
        made = await ensure_tenant(
            self.database, Passwords(), name=name, timezone=timezone, currency=currency, admin_email=email,
            admin_password=PASSWORD, new_key=False, now=datetime.now(UTC),
        )  # fmt: skip
        admin = Person(self.url)
        await admin.sign_in(email)
        return Tenant(made.tenant_id, made.admin_id, email, admin)


async def wait_until(so: Callable[[], bool], timeout_s: float) -> bool:
    """Whether it came true in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not so():  # noqa: ASYNC110 - what is watched tells nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True


def origin_of(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def serving(app: ASGIApp, sock: socket.socket, *, lifespan: bool = True) -> AsyncIterator[None]:
    """An app on a listening socket while the block runs."""
    config = uvicorn.Config(
        app, loop="none", http="httptools", ws="none", lifespan="on" if lifespan else "off",
        access_log=False, log_config=None, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    if not await wait_until(lambda: server.started or task.done(), _READY_S):
        raise TimeoutError("the server did not start")
    if task.done():
        await task
        raise RuntimeError("the server ended while it started")
    try:
        yield
    finally:
        server.should_exit = True
        await task
        sock.close()


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    """A worker while the block runs; ready when it begins."""
    task = asyncio.create_task(worker.run())
    try:
        if not await wait_until(lambda: worker.ready() or task.done(), _READY_S):
            raise TimeoutError(f"the {worker.service} worker is not ready: {worker.problems()}")
        yield
    finally:
        await worker.stop()
        await task


def _built(service: str, what: str, settings: Settings, clock: Movable) -> Any:
    build = getattr(importlib.import_module(f"services.{service}.bootstrap"), what)
    return build(settings, clock=clock) if service == "leads" else build(settings)


@asynccontextmanager
async def running_house(settings: Settings, folder: Path) -> AsyncIterator[House]:
    """Start everything, wait until each worker is ready, and end it all again."""
    sockets = {service: listen("127.0.0.1", 0) for service in SERVICES}
    internal = listen("127.0.0.1", 0)
    own = settings.model_copy(
        update={
            "home": folder,
            "signing_key_file": folder / "signing.pem",
            "public_url": origin_of(sockets["gateway"]),
            "gateway_internal_url": origin_of(internal),
            **{f"service_{s}_url": origin_of(sockets[s]) for s in SERVICES if s != "gateway"},
        }
    )
    clock = Movable()
    async with AsyncExitStack() as stack:
        workers = {}
        apps = {service: _built(service, "build_app", own, clock) for service in SERVICES}
        for service, app in apps.items():
            await stack.enter_async_context(serving(app, sockets[service]))
            if service == "gateway":
                await stack.enter_async_context(serving(build_internal(app), internal, lifespan=False))
            workers[service] = _built(service, "build_worker", own, clock)
        for worker in workers.values():
            await stack.enter_async_context(working(worker))
        database = Database(make_engine(own, "gateway", "worker", pool_size=2))
        stack.push_async_callback(database.dispose)
        yield House(
            own, origin_of(sockets["gateway"]), origin_of(internal), workers, database, apps["gateway"], clock
        )
