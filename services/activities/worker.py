"""Activities' worker process."""

from __future__ import annotations

import socket

from services.activities.bootstrap import SERVICE, build_worker
from shared import loops
from shared.memory import settle
from shared.observability import setup
from shared.settings import Settings


def main(internal_sock: socket.socket) -> None:
    """Consume and publish until told to stop."""
    settings = Settings.load()
    setup(settings, SERVICE, f"{SERVICE}-worker")
    worker = build_worker(settings)
    settle()
    loops.run(worker.run(internal_sock), gives_way=True)
