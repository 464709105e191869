"""Ports that stay free: chosen below the range from which the system takes ports for outgoing connections."""

from __future__ import annotations

import os
import random
import socket

_FIRST, _LAST = 12_000, 30_000
_APART = 32
"""So many sets there are, and a process chooses from one of them, by its pid: a port is chosen some time
before somebody listens on it, and copies that start at the same moment should not meet.
"""

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now, another one at each of some hundred calls in a process.

    Outside the ephemeral range, so a restart finds it free again.
    """
    mine = list(range(_FIRST + os.getpid() % _APART, _LAST, _APART))
    random.shuffle(mine)
    if _given.issuperset(mine):
        _given.clear()
    # Those given before come last: they may be all that is left.
    for port in sorted(mine, key=_given.__contains__):
        if _is_free(host, port):
            _given.add(port)
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


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
