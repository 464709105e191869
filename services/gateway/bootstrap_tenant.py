"""`python -m services.gateway.bootstrap_tenant`: makes a tenant, prints one line of JSON about it.

The tenant that the settings name. Password and the command line's key are printed only when they are new:
nobody can ask for them later.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from services.gateway.identity.passwords import Passwords
from services.gateway.setting_up import Bootstrapped, ensure_tenant
from services.gateway.settings import GatewaySettings
from shared.clock import SystemClock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.errors import CoxError
from shared.settings import SettingsError


def main() -> int:
    """Exit code 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="bootstrap_tenant", allow_abbrev=False)
    parser.add_argument("--new-key", action="store_true", help="issue the command line's key anew")
    parser.add_argument(
        "--renamed",
        action="store_true",
        help="a tenant of that admin is the one, whatever its name is by now",
    )
    arguments = parser.parse_args()
    try:
        settings = GatewaySettings.load()
        made = asyncio.run(_make(settings, new_key=arguments.new_key, renamed=arguments.renamed))
    except (CoxError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        json.dumps(
            {
                "tenant_id": str(made.tenant_id),
                "created": made.created,
                "admin_email": settings.admin_email,
                "admin_password": made.generated_password,
                "cli_key": made.api_key,
            }
        )
    )
    return 0


async def _make(settings: GatewaySettings, *, new_key: bool, renamed: bool) -> Bootstrapped:
    database = Database(make_engine(settings, "gateway", "worker", pool_size=2))
    try:
        password = settings.admin_password
        return await ensure_tenant(
            database,
            Passwords(),
            name=settings.tenant_name,
            timezone=settings.tenant_timezone,
            currency=settings.tenant_currency,
            admin_email=settings.admin_email,
            admin_password=password.get_secret_value() if password else None,
            new_key=new_key,
            now=SystemClock().now(),
            renamed=renamed,
        )
    finally:
        await database.dispose()


if __name__ == "__main__":
    sys.exit(main())
