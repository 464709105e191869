"""What the launcher imports before it forks, so that all processes share those pages."""

from __future__ import annotations

import gc
import importlib
import threading

# Nothing of services/: each process imports its own, so that metrics of one do not appear in another.
COMMON = (
    "asyncio",
    "ssl",
    "zoneinfo",
    "aiohttp",
    "aiokafka",
    "alembic",
    "asyncpg",
    "cryptography.hazmat.primitives",
    "fastapi",
    "httptools",
    "jwt",
    "limits",
    "opentelemetry.sdk.trace",
    "orjson",
    "prometheus_client",
    "pydantic_settings",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "structlog",
    "uuid_utils",
    "uvicorn",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
    "shared.contracts.catalogue",
    "shared.events.worker",
    "shared.events.relaying.relay",
    "shared.events.consuming.consumer",
    "shared.web.app",
    "shared.access.tokens",
)


def warm_up() -> None:
    """Import what is common and freeze it out of the collector, which would write to (and copy) its pages."""
    for name in COMMON:
        importlib.import_module(name)
    if threading.active_count() != 1:
        raise RuntimeError(f"an import started threads, forking is unsafe: {threading.enumerate()}")
    gc.collect()
    gc.freeze()
