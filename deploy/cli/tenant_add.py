"""`./cox tenant add`: a further tenant beside the first, with its own admin."""

from __future__ import annotations

import argparse
import re

from deploy.cli import bootstrap, running

NAME = "tenant add"
HELP = "make a further tenant with its own admin"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--timezone", default="UTC", help="an IANA zone such as Asia/Shanghai (default UTC)")
    parser.add_argument("--currency", default="USD", help="ISO 4217 code (default USD)")
    parser.add_argument("--admin-email", help="the admin's sign-in (default: made from the name)")


def run(arguments: argparse.Namespace) -> int:
    running.running_state()
    email = arguments.admin_email or f"admin@{slug(arguments.name)}.example.com"
    told = bootstrap.make_tenant(
        {
            "COX_TENANT_NAME": arguments.name,
            "COX_TENANT_TIMEZONE": arguments.timezone,
            "COX_TENANT_CURRENCY": arguments.currency,
            "COX_ADMIN_EMAIL": email,
            # The first tenant's password is nobody else's.
            "COX_ADMIN_PASSWORD": "",
        }
    )
    if not told["created"]:
        print(f"the tenant {arguments.name} is there already ({told['tenant_id']})")
        return 0
    print(f"tenant    {arguments.name} ({told['tenant_id']})")
    print(f"sign in   {told['admin_email']}\npassword  {told['admin_password']}")
    return 0


def slug(name: str) -> str:
    """What of a name may stand in a host name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "tenant"
