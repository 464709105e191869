"""The gateway's worker process."""

from __future__ import annotations

import socket

from services.gateway.bootstrap import build_worker
from services.gateway.settings import GatewaySettings
from shared import loops
from shared.memory import settle
from shared.observability import setup


def main(internal_sock: socket.socket) -> None:
    """Publish, import and let transfers take effect until told to stop."""
    settings = GatewaySettings.load()
    setup(settings, "gateway", "gateway-worker")
    worker = build_worker(settings)
    settle()
    loops.run(worker.run(internal_sock), gives_way=True)
