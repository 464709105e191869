"""One whole copy of the product, made for a promise: its processes, its databases, its people."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from deploy.local import credentials
from deploy.local.home import Home
from services.gateway.identity.passwords import Passwords
from services.gateway.setting_up import ensure_tenant
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.settings import Settings
from tests.chaos import quiet
from tests.chaos.servers import OwnServers, own_servers
from tests.support.copies import Copy
from tests.support.speaking import PASSWORD, Person, Tenant

READY_LIMIT_S = 400.0
QUIET_LIMIT_S = 600.0
_SECRETS = ("role_password", "cursor_secret", "position_secret")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class NeverSo(Exception):
    """What was waited for did not come within its limit, which is a hang guard."""


async def until(so: Callable[[], Awaitable[bool]], what: str, limit_s: float, pause_s: float = 0.05) -> float:
    """Seconds until it was so. Raises NeverSo."""
    began = time.monotonic()
    while not await so():
        if time.monotonic() - began > limit_s:
            raise NeverSo(f"{what}: not after {limit_s:.0f} s")
        await asyncio.sleep(pause_s)
    return time.monotonic() - began


class Stack:
    """A running copy. Processes go by their names in `./cox status`: postgres, kafka, leads-worker-1, …"""

    def __init__(self, copy: Copy, settings: Settings, servers: OwnServers | None = None) -> None:
        self.copy = copy
        self.servers = servers
        self.settings = settings
        self._identity = Database(make_engine(settings, "gateway", "worker", pool_size=2))

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.copy.url

    def names(self) -> list[str]:
        """Every process of the copy that runs now, without the launcher."""
        return sorted(self.processes().keys() - {"launcher"})

    def processes(self) -> dict[str, psutil.Process]:
        """Every running process by its name, the launcher among them."""
        return self.copy.processes() | (self.servers.processes() if self.servers else {})

    def process(self, name: str) -> psutil.Process:
        """The running process of that name. Raises KeyError while it is down."""
        return self.processes()[name]

    def kill(self, name: str) -> psutil.Process:
        """kill -9. PostgreSQL gets SIGQUIT, its immediate stop: no checkpoint, recovery at the next start."""
        process = self.process(name)
        process.send_signal(signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
        return process

    def pause(self, name: str) -> psutil.Process:
        """SIGSTOP to the process and its children."""
        process = self.process(name)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        return process

    def resume(self, process: psutil.Process) -> None:
        """SIGCONT to what `pause` gave; nothing if it ended meanwhile."""
        with suppress(psutil.NoSuchProcess):
            for each in (*process.children(recursive=True), process):
                with suppress(psutil.NoSuchProcess):
                    each.resume()

    async def replaced(self, name: str, former: psutil.Process, limit_s: float = READY_LIMIT_S) -> float:
        """Seconds until another process has that name."""

        async def so() -> bool:
            return self.processes().get(name, former) != former

        return await until(so, f"{name} started again", limit_s)

    async def ready(self, limit_s: float = READY_LIMIT_S) -> float:
        """Seconds until every readyz is green."""

        async def so() -> bool:
            return await asyncio.to_thread(self.copy.all_running)

        # Each process is asked, and has better things to do.
        return await until(so, "everything is ready", limit_s, pause_s=0.2)

    async def command(self, *words: str, check: bool = True) -> str:
        """What a command of this copy printed (`stack.command("events", "republish")`)."""
        return await asyncio.to_thread(self.copy.run, *words, check=check)

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[Connection]:
        """A connection to a service's database as its owner: nothing is hidden from it."""
        connection = await asyncpg.connect(self.database_url(service), timeout=30)
        try:
            yield connection
        finally:
            await connection.close()

    def database_url(self, service: str) -> str:
        parts = urlsplit(self.settings.postgres_url.get_secret_value())
        return urlunsplit(parts._replace(path=f"/{self.settings.database_name(service)}"))

    async def new_tenant(self, *, timezone: str = "UTC", currency: str = "USD") -> Tenant:
        """A tenant with its signed-in admin; nobody else's data is in it."""
        email = f"admin.{secrets.token_hex(4)}@example.com"
        made = await ensure_tenant(
            self._identity, Passwords(), name=f"tenant {secrets.token_hex(4)}", timezone=timezone,
            currency=currency, admin_email=email, admin_password=PASSWORD, new_key=False,
            now=datetime.now(UTC),
        )  # fmt: skip
        admin = Person(self.url)
        await admin.sign_in(email)
        return Tenant(made.tenant_id, made.admin_id, email, admin)

    async def quiet(self, limit_s: float = QUIET_LIMIT_S) -> float:
        """Seconds until everything recorded is published and every consumer has applied all of it."""

        async with quiet.watching(self.settings) as watch:

            async def so() -> bool:
                return not await watch.unfinished()

            try:
                return await until(so, "quiet", limit_s, pause_s=0.2)
            except NeverSo as error:
                raise NeverSo(f"{error}; {'; '.join(await watch.unfinished())}") from None

    async def aclose(self) -> None:
        await self._identity.dispose()


def settings_of(copy: Copy) -> Settings:
    """Settings as the copy's own services have them."""
    state, home = copy.state(), Home(copy.home)
    made = {name: credentials.secret(home, name) for name in _SECRETS}
    given = {name.removeprefix("COX_").lower(): value for name, value in copy.settings.items()}
    places = {
        "home": copy.home,
        "public_url": state.url,
        "gateway_internal_url": state.gateway_internal_url,
        "postgres_url": state.postgres_url,
        "kafka_bootstrap": state.kafka_bootstrap,
        "signing_key_file": credentials.signing_key(home),
        **{f"service_{service}_url": url for service, url in state.service_urls.items()},
    }
    return Settings.load(_env_file=None, **{**made, **given, **places})


@asynccontextmanager
async def running_stack(
    home: Path, scale: str | None = None, settings: dict[str, str] | None = None, *, slow_wires: bool = False
) -> AsyncIterator[Stack]:
    """A copy in `home`, ready; stopped at the end. It ends with this process, however that ends.

    With `slow_wires` it uses servers of the harness, reached through wires that can be made slow and cut.
    """
    async with AsyncExitStack() as exits:
        servers = await exits.enter_async_context(own_servers(home / "servers")) if slow_wires else None
        copy = Copy(home / "copy", settings=(settings or {}) | (servers.settings if servers else {}))
        up = copy.begin(*(["--scale", scale] if scale else []))
        exits.push_async_callback(_ended, up)
        await asyncio.to_thread(copy.wait_until_up, up)
        stack = Stack(copy, settings_of(copy), servers)
        exits.push_async_callback(stack.aclose)
        yield stack


async def _ended(up: subprocess.Popen[str]) -> None:
    up.terminate()
    await asyncio.to_thread(up.wait)
    if up.stdout is not None:
        up.stdout.close()
