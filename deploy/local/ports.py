"""Ports that stay free: chosen below the range from which the system takes ports for outgoing connections."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 12_000, 30_000
_TRIES = 200


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now. Outside the ephemeral range, so a restart finds it free again."""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: any free one). Raises OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, or asyncio does not know that it is TCP and leaves Nagle's algorithm on: 40 ms an answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(2048)
    return sock
