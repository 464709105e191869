"""`./cox admin reset-password`: a way back in for whoever owns the machine."""

from __future__ import annotations

import argparse

from deploy.cli import bootstrap, running

NAME = "admin reset-password"
HELP = "give the admin (or any user) a new password"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", nargs="?", metavar="EMAIL", help="default: COX_ADMIN_EMAIL")


def run(arguments: argparse.Namespace) -> int:
    email = arguments.email or running.settings().admin_email
    told = bootstrap.run_module("services.gateway.reset_password", email, extra={})
    print(f"sign in   {told['email']}\npassword  {told['password']}")
    return 0
