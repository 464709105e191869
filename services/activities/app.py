"""Activities' HTTP process."""

from __future__ import annotations

import socket

from services.activities.bootstrap import SERVICE, build_app
from shared.observability import setup
from shared.settings import Settings
from shared.web.probes import database_ready, probes
from shared.web.relief import Relief
from shared.web.server import serve


def main(sock: socket.socket, internal_sock: socket.socket, relief: Relief | None = None) -> None:
    """Serve until told to stop."""
    settings = Settings.load()
    setup(settings, SERVICE, f"{SERVICE}-app")
    app = build_app(settings)
    serve(app, sock, probes(database_ready(app.state.context.database)), internal_sock, relief=relief)
