"""What the machine's owner may do beside the API: make tenants and reset passwords; and `up`'s welcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from deploy.cli import running
from deploy.cli.errors import CommandError
from deploy.local import credentials
from deploy.local.home import ROOT, Home
from deploy.local.state import State

CLI_KEY = "cli_key"

_WELCOME = """
Coxswain runs at {url}
  sign in    {email}
  password   {password}
  API docs   {url}/docs
Try
  ./cox status
  ./cox kpis leads_created --by tenant --grain month
  ./cox events tail
"""
_AS_BEFORE = "as set before (./cox admin reset-password gives a new one)"
_AS_GIVEN = "as given in COX_ADMIN_PASSWORD"


def first_tenant(state: State, place: Home) -> str:
    """Make the tenant unless it is there; what to tell the person. Raises CommandError with the reason."""
    has_key = credentials.read(place, CLI_KEY) is not None
    # Tenants can be renamed; a later start must find its own again.
    told = make_tenant({}, "--renamed", *([] if has_key else ["--new-key"]))
    if told["cli_key"]:
        credentials.store(place, CLI_KEY, told["cli_key"])
    password = told["admin_password"] or (_AS_GIVEN if told["created"] else _AS_BEFORE)
    return _WELCOME.format(url=state.url, email=told["admin_email"], password=password)


def make_tenant(extra: Mapping[str, str], *words: str) -> dict[str, Any]:
    """A tenant of the running copy, as the settings with `extra` describe it; what was made."""
    return run_module("services.gateway.bootstrap_tenant", *words, extra=extra)


def run_module(name: str, *words: str, extra: Mapping[str, str]) -> dict[str, Any]:
    """Run one of the gateway's owner's tools on the running copy. Raises CommandError with its reason."""
    environment = os.environ | running.service_environment() | {"PYTHONPATH": str(ROOT)} | dict(extra)
    done = subprocess.run(
        [sys.executable, "-m", name, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError((done.stderr.strip().splitlines() or [f"{name} gave no reason"])[-1])
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told
