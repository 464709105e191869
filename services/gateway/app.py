"""The gateway's HTTP process."""

from __future__ import annotations

import socket

from services.gateway.bootstrap import Parts, build_app, build_internal
from services.gateway.settings import GatewaySettings
from shared.observability import setup
from shared.web.relief import Relief
from shared.web.server import serve


def main(sock: socket.socket, internal_sock: socket.socket, relief: Relief | None = None) -> None:
    """Serve the public address and the internal one until told to stop."""
    settings = GatewaySettings.load()
    setup(settings, "gateway", "gateway-app")
    app = build_app(settings)
    parts: Parts = app.state.parts
    # Live streams would hold the process up: their clients come back to the next one.
    internal = build_internal(app)
    serve(app, sock, internal, internal_sock, on_stop=parts.live.tail.close, relief=relief)
