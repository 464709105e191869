"""`python -m services.gateway.reset_password EMAIL`: a way back in; prints one line of JSON.

The new password is read from the environment (`COX_NEW_PASSWORD`), never from the arguments, which every
process can see; unset, one is generated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from services.gateway.identity.passwords import Passwords
from services.gateway.setting_up import reset_password
from services.gateway.settings import GatewaySettings
from shared.clock import SystemClock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.errors import CoxError
from shared.settings import SettingsError


def main() -> int:
    """Exit code 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="reset_password", allow_abbrev=False)
    parser.add_argument("email")
    email = parser.parse_args().email
    try:
        password = asyncio.run(_reset(GatewaySettings.load(), email))
    except (CoxError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"email": email, "password": password}))
    return 0


async def _reset(settings: GatewaySettings, email: str) -> str:
    database = Database(make_engine(settings, "gateway", "worker", pool_size=2))
    try:
        wanted = os.environ.get("COX_NEW_PASSWORD")
        return await reset_password(database, Passwords(), email, wanted, now=SystemClock().now())
    finally:
        await database.dispose()


if __name__ == "__main__":
    sys.exit(main())
