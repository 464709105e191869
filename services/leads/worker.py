"""Leads' worker process."""

from __future__ import annotations

import asyncio
import socket

from services.leads.bootstrap import SERVICE, build_worker
from shared.observability import setup
from shared.settings import Settings


def main(internal_sock: socket.socket) -> None:
    """Consume and publish until told to stop."""
    settings = Settings.load()
    setup(settings, SERVICE, f"{SERVICE}-worker")
    asyncio.run(build_worker(settings).run(internal_sock))
