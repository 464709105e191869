"""For commands that make copies of the product: what is set for the running copy must not reach those."""

from __future__ import annotations

import os

from dotenv import dotenv_values

from deploy.cli.errors import CommandError
from deploy.local.home import ROOT

_SERVERS = ("COX_POSTGRES_URL", "COX_KAFKA_BOOTSTRAP")


def environment() -> dict[str, str]:
    """The environment without our settings. Raises CommandError where `.env` names servers: copies would use
    those.
    """
    named = [name for name in _SERVERS if dotenv_values(ROOT / ".env").get(name)]
    if named:
        raise CommandError(
            f".env sets {' and '.join(named)}: copies must have servers of their own. Set it in the"
            " environment instead, or run this in another checkout"
        )
    return {name: value for name, value in os.environ.items() if not name.startswith("COX_")}
